"""A stranger's walk: every command of every page runs on the local stack, and does what the page says.

`python -m pytest tests/docs/test_walk.py` prints how many commands ran, need a cloud, or were checked for their form
only. The pages run in one copy of the repository and on one stack with the tour's customers. docs/local.md, which
moves the clock, comes last. `tests/docs/walk.py` says how a page marks its commands.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.docs.walk import (
    CLOUD_PAGES,
    Block,
    Shell,
    blocks,
    faults,
    inline_commands,
    missing_line,
    refusals,
    unmarked,
    wrong_usage,
)
from tools.local.layout import BUCKET, Layout
from tools.places import ROOT

RUNBOOKS = sorted(path for path in (ROOT / "docs" / "runbooks").glob("*.md") if path.name != "README.md")
LAST = ROOT / "docs" / "local.md"
PAGES = [*sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")} - {LAST, *RUNBOOKS}), LAST]
_PATIENCE = 90.0


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class Walk:
    """A copy of the repository in which the local stack runs, what the tour printed, and what has been done so far."""

    def __init__(self, folder: Path, environment: dict[str, str], tour: str) -> None:
        self.folder, self.tour = folder, tour
        self._environment = environment
        self.counts: Counter[str] = Counter()

    def shell(self) -> Shell:
        """A stranger's new shell."""
        return Shell(self.folder, self._environment)

    @property
    def days(self) -> list[str]:
        """The exported days."""
        return sorted(path.name for path in (self.folder / ".local" / "exports").iterdir())


@pytest.fixture(scope="module")
def walk(emulators: Layout, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("stranger")
    tracked = subprocess.run(("git", "ls-files"), cwd=ROOT, capture_output=True, text=True, check=True)
    for place in filter(lambda place: (ROOT / place).is_file(), tracked.stdout.splitlines()):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, folder / place)
    (folder / ".venv").symlink_to(sys.prefix)
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")}
    hosts = {f"{key.upper()}_EMULATOR_HOST": emulators.emulators[key] for key in ("firestore", "pubsub")}
    output = folder / "output.txt"
    with output.open("w") as file:
        command = (folder / "bin" / "psr", "local", "run", "--port", "0")
        running = subprocess.Popen(command, cwd=folder, env={**environment, **hosts}, stdout=file, stderr=file)
    try:
        until(lambda: running.poll() is not None or "runs until Ctrl-C" in output.read_text(), 90)
        assert running.poll() is None, output.read_text()
        made = Walk(folder, environment, output.read_text())
        yield made
    finally:
        running.send_signal(signal.SIGINT)
        running.wait()
    if reporter := request.config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line("\nCommands: " + ", ".join(f"{count} {what}" for what, count in made.counts.items()))


def until(done: Callable[[], bool], seconds: float = _PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.3)


def run(shell: Shell, block: Block) -> None:
    """Run a block. Its output may take a moment: messages and jobs are on their way."""
    end = time.monotonic() + _PATIENCE
    output = shell(block.commands, fails=block.mark == "fails")
    while (missing := missing_line(block.shown, output)) is not None:
        assert time.monotonic() < end, f"not shown: {missing}\n{block.commands}\n{output}"
        time.sleep(0.5)
        output = shell(block.commands, fails=block.mark == "fails")


def commands_in(block: Block) -> int:
    return sum(1 for line in block.commands.replace("\\\n", " ").splitlines() if line.strip(" }"))


@pytest.mark.soak
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_commands_of_a_page_do_what_it_says(page: Path, walk: Walk) -> None:
    shell = walk.shell()
    for block in blocks(page):
        if name(page) in CLOUD_PAGES or block.mark in ("cloud", "dry"):
            walk.counts["need a cloud" if block.mark != "dry" else "are run by other tests"] += commands_in(block)
        else:
            run(shell, block)
            walk.counts["ran"] += commands_in(block)
    shell.close()


@pytest.mark.parametrize("page", [*PAGES, *RUNBOOKS], ids=name)
def test_commands_that_do_not_run_here_have_the_right_form(page: Path) -> None:
    unrun = [block for block in blocks(page) if block.mark in ("cloud", "dry")]
    assert [fault for block in unrun for fault in faults(block.commands)] == []
    assert [fault for line in inline_commands(page) for fault in wrong_usage(line)] == []
    assert name(page) in CLOUD_PAGES or unmarked(page) == []


@pytest.mark.soak
def test_the_readme_shows_what_the_tour_prints(walk: Walk) -> None:
    shown = next(block.shown for block in blocks(ROOT / "README.md") if "make run" in block.commands)
    assert shown
    assert missing_line(shown, walk.tour) is None


def next_day(shell: Shell) -> str:
    """Close the current day, and return it."""
    day = date.fromisoformat(shell("psr local clock").strip()[:10])
    shell(f"psr local clock --to {day + timedelta(1)}T02:06")
    return day.isoformat()


def stop_a_day(walk: Walk, shell: Shell) -> str:
    """Somebody puts an object of another content where a file of the day belongs."""
    day = shell("psr local clock").strip()[:10]
    place = f"$STORAGE_EMULATOR_HOST/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={day}/r1/D0225/EELC-1.txt"
    shell(f'curl --fail --silent --data "not a file of this service" "{place}"')
    shell(f"psr export resend {walk.days[0]} --recipient EELC")
    next_day(shell)
    until(lambda: "stopped" in shell("psr export status"))
    return day


def hold_a_day(_walk: Walk, shell: Shell) -> str:
    """A day has many times the supply points of the days before."""
    for _ in range(2):
        quiet = next_day(shell)
        until(lambda: f"{quiet} 1 released" in " ".join(shell("psr export status").split()))  # noqa: B023
    shell("psr export resend --everyone")
    day = next_day(shell)
    until(lambda: "on hold" in shell("psr export status"))
    return day


#: The faults that must exist before the steps of a page can be followed.
WRONG = {"change_stored_late": stop_a_day, "export_stopped": hold_a_day}


@pytest.mark.soak
@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_can_be_followed(page: Path, walk: Walk) -> None:
    """Each `psr …` of the page does its work, in the order of the page, with this stack's days, ids and files."""
    shell = walk.shell()
    day = WRONG[page.stem](walk, shell) if page.stem in WRONG else walk.days[0]
    walk.counts["need a cloud"] += sum(commands_in(block) for block in blocks(page))
    for line in inline_commands(page):
        if line.startswith(("psr release ", "psr terraform ")):
            walk.counts["need a cloud"] += 1
        elif not refusals(line):
            _follow(shell, line, day)
            walk.counts["ran"] += 1
    shell.close()


def _follow(shell: Shell, line: str, day: str) -> None:
    record = "psr quarantine list --json | python -c 'import json, sys; print(json.load(sys.stdin)[0][\"record_id\"])'"
    words = {" ENVIRONMENT": "", "BUCKET": "exports", "DAY": day, "NAME": "replay_parked", "FILE": "customers.csv"}
    words["ID …"] = words["ID"] = f"$({record})"
    for word, value in words.items():
        line = line.replace(word, value)
    end = time.monotonic() + _PATIENCE
    status, output = shell.run(line)
    while status:
        assert time.monotonic() < end, f"{line}\n{output}"
        time.sleep(0.5)
        status, output = shell.run(line)
