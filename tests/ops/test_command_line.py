"""`psr`: it runs from any folder, says what there is, and imports only what a command needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.command_line import COMMANDS
from tests.support.commands import all_commands, unknown_commands
from tools.places import COMMANDS as FOLDER
from tools.places import ROOT


def imported(*arguments: str) -> set[str]:
    """The modules that a command imports."""
    code = "import sys; from ops.command_line import command_line as c; c()(sys.argv[1:], standalone_mode=False)"
    code += "; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        (sys.executable, "-c", code, *arguments), cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_it_runs_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run((FOLDER / "psr", "--help"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage: psr " in done.stdout


def test_it_runs_through_a_link_and_next_to_another_package_ops(tmp_path: Path) -> None:
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops" / "__init__.py").touch()
    (tmp_path / "psr").symlink_to(FOLDER / "psr")
    done = subprocess.run((tmp_path / "psr", "--help"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Usage: psr " in done.stdout


def test_help_lists_every_command_without_importing_one() -> None:
    environment = {**os.environ, "COLUMNS": "160"}
    done = subprocess.run((FOLDER / "psr", "--help"), env=environment, capture_output=True, text=True, check=True)
    for name, (_, summary) in COMMANDS.items():
        assert f"│ {name:<12}{summary} " in done.stdout
    places = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert imported("--help") & {*places, "httpx", "google.cloud.firestore_v1"} == set()


def test_a_command_imports_its_own_module_only() -> None:
    places = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert imported("quarantine", "list", "--help") & {*places, "httpx"} == {"ops.quarantine"}


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_each_command_has_help_whose_first_sentence_fits_on_a_line(words: tuple[str, ...]) -> None:
    summary = (all_commands()[words].help or "").split("\n")[0]
    assert summary.endswith(".")
    assert len(summary) <= 88


def test_a_text_that_names_a_command_that_there_is_none_of_is_found() -> None:
    assert unknown_commands("`psr export status`, then psr export explode 2026-11-23.") == ["export explode"]
