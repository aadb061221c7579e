"""Every alert has its page, every page its alert, and every command on a page exists."""

import re

import pytest

from shared.log import Event
from tests.support.alerts import TABLE
from tests.support.commands import unknown_commands
from tests.support.runbooks import RUNBOOKS

ALERTS = TABLE["alerts"]
HEADINGS = ["Means", "Impact", "Check", "Fix", "Escalate", "After"]


def test_each_alert_has_a_page_and_each_page_an_alert_and_all_are_listed() -> None:
    titles = {path.stem: path.read_text(encoding="utf-8").split("\n")[0] for path in RUNBOOKS.glob("*.md")}
    del titles["README"]
    assert titles.keys() == ALERTS.keys()
    listed = re.findall(r"^- \[(\w+)\]\(\1\.md\): (.*)$", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
    assert listed == sorted((name, title.removeprefix("# ")) for name, title in titles.items())


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_names_its_alert_and_events_that_there_are(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert f"\nAlert `{name}` (terraform/alerts.yaml).\n" in page
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", page)) <= {event.name for event in Event}


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_says_what_to_do_with_commands_that_exist(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == HEADINGS
    assert unknown_commands(page) == []
