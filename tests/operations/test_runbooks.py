"""Every alert has its page, every page its alert, and every command on a page exists."""

import re

import pytest
import yaml
from typer.main import get_command

from ops.__main__ import app
from ops.local.layout import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = yaml.safe_load((ROOT / "terraform" / "alerts.yaml").read_text(encoding="utf-8"))
HEADINGS = ["Means", "Impact", "Check", "Fix", "Escalate", "After"]


def commands(group: object, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every command of the command line, as words."""
    inside = getattr(group, "commands", None)
    if inside is None:
        return {path}
    return set().union(*(commands(command, (*path, name)) for name, command in inside.items()))


def test_each_alert_has_a_page_and_each_page_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_says_what_to_do_with_commands_that_exist(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == HEADINGS
    known = commands(get_command(app))
    for line in re.findall(r"python -m ops ([a-z -]+)", page):
        words = tuple(line.split())
        assert any(words[: len(command)] == command for command in known), line
