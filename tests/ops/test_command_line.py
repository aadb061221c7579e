"""`psr`: it runs from any folder, says what there is, and imports only what a command needs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.command_line import COMMANDS
from tests.support.commands import all_commands, psr, unknown_commands
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
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run((FOLDER / "psr", "--help"), env=environment, capture_output=True, text=True, check=True)
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name:<12}{summary}\n" in done.stdout
    places = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert imported("--help") & {*places, "httpx", "google.cloud.firestore_v1"} == set()


def test_a_command_imports_its_own_module_only() -> None:
    places = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    assert imported("quarantine", "list", "--help") & {*places, "httpx"} == {"ops.quarantine"}


@pytest.mark.parametrize("group", sorted({words[:-1] for words in all_commands()}), ids=" ".join)
def test_the_help_of_a_group_has_the_first_sentence_of_each_command_whole(group: tuple[str, ...]) -> None:
    shown = psr(*group, "--help", environment={**os.environ, "COLUMNS": "80"}).stdout
    for words in [words for words in all_commands() if words[:-1] == group]:
        summary = (all_commands()[words].help or "").split("\n")[0]
        assert re.search(rf"^  {words[-1]} +{re.escape(summary)}$", shown, re.MULTILINE)
        assert summary.endswith(".")


@pytest.mark.parametrize("words", [(), *all_commands()], ids=" ".join)
def test_help_answers_to_h_and_shows_no_value_for_a_flag(words: tuple[str, ...]) -> None:
    done = psr(*words, "-h")
    assert (done.returncode, done.stderr) == (0, "")
    assert "-h, --help" in done.stdout
    assert not re.search("<bool>|--no-", done.stdout)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("psr", "quar"), {"quarantine"}),
        (("psr", "export", "re"), {"release", "revise", "resend"}),
        (("psr", "quarantine", "list", "--status", ""), {"parked", "failed", "resolved", "discarded"}),
        (("psr", "schedule", "list", "--"), {"--location", "--json", "--help"}),
    ],
    ids=["a group", "commands", "values", "options"],
)
def test_bash_completes_its_commands_and_their_options(
    typed: tuple[str, ...], offered: set[str], tmp_path: Path
) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{FOLDER}:{os.environ['PATH']}"}
    install = ("bash", "-c", "psr --install-completion bash && true")  # it looks for the shell that starts it
    subprocess.run(install, env=environment, check=True)
    words = " ".join(f"'{word}'" for word in typed)
    script = f"source ~/.bashrc; COMP_WORDS=({words}) COMP_CWORD={len(typed) - 1}; _psr_completion psr"
    done = subprocess.run(
        ("bash", "-c", f'{script}; echo "${{COMPREPLY[@]}}"'),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered


def test_a_text_that_names_a_command_that_there_is_none_of_is_found() -> None:
    assert unknown_commands("`psr export status`, then psr export explode 2026-11-23.") == ["export explode"]
