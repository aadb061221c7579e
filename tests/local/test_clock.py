"""`psr local clock` moves the time of a local stack and of nothing else. The example of docs/local.md works."""

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.commands import psr
from tools.local.layout import Layout, new_layout
from tools.local.stack import Stack
from tools.places import ROOT

_END = "the block has ended"


@pytest.fixture(scope="module")
def stack_of_one(emulators: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a clock, a project and jobs of its own, as `make run` leaves it."""
    running = {name: emulators.emulators[name] for name in ("firestore", "pubsub")}
    stack = Stack(new_layout(tmp_path_factory.mktemp("clock"), running), Console(quiet=True))
    stack.start()
    yield stack
    stack.stop()


def clock(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return psr("local", "clock", "--stack", stack.layout.file, *arguments)


def test_the_command_moves_the_clock_forward_only(stack_of_one: Stack) -> None:
    shown = datetime.fromisoformat(clock(stack_of_one).stdout.strip())
    assert abs(shown - stack_of_one.clock.now()) < timedelta(seconds=10)
    to = f"{shown + timedelta(hours=2):%Y-%m-%dT%H:%M}"

    assert clock(stack_of_one, "--to", to).stdout.startswith(to)
    assert stack_of_one.clock.now() > shown + timedelta(minutes=110)

    back = clock(stack_of_one, "--to", f"{shown:%Y-%m-%d}")
    assert (back.returncode, back.stdout) == (1, "")
    assert re.fullmatch(rf"error: the stack's clock only moves forward, and shows {to}:\d\d\+00:00\n", back.stderr)


def test_without_a_stack_there_is_no_clock_to_move(tmp_path: Path) -> None:
    layout = new_layout(tmp_path, {})
    layout.file.write_text(layout.model_dump_json(), encoding="utf-8")
    for file in (layout.file, tmp_path / "none" / "stack.json"):
        answer = psr("local", "clock", "--to", "2099-01-01", "--stack", file)
        assert (answer.returncode, answer.stderr) == (
            1,
            f"error: no local stack runs in {file.parent}. Start one: make run\n",
        )
    assert not layout.clock.path.exists()


def blocks() -> list[str]:
    """The commands of the example, block by block."""
    page = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
    section = page.partition("\n## Time and events\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


class Shell:
    """A shell of a newcomer, in a folder that has what the repository's has."""

    def __init__(self, folder: Path, stack: Stack) -> None:
        (folder / "docs").symlink_to(ROOT / "docs")
        (folder / ".local").symlink_to(stack.layout.home)
        self._process = subprocess.Popen(
            ["bash", "-e"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, commands: str) -> str:
        """The output of commands."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{commands}\necho; echo '{_END}'\n")
        process.stdin.flush()
        lines: list[str] = []
        for line in process.stdout:
            if line.strip() == _END:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"ended with {process.wait()}: {''.join(lines)}")

    def until(self, commands: str, wanted: str) -> str:
        """Repeat commands until their output has a text."""
        end = time.monotonic() + 60
        while wanted not in (output := self(commands)):
            assert time.monotonic() < end, f"{wanted} is not in {output}"
            time.sleep(0.5)
        return output

    def close(self) -> None:
        self._process.communicate()


def test_the_example_of_the_page_works(stack_of_one: Stack, tmp_path: Path) -> None:
    announce, list_parked, register, look, pass_last_day, look_again, status = blocks()
    shell = Shell(tmp_path, stack_of_one)

    assert "Published to psr-account-events of psr-local-" in shell(announce)
    shell.until(list_parked, "registration-unknown")
    shell(register)
    last = shell('echo "$last"').strip()
    shell.until(look, f'"closes_on":"{last}"')
    assert last in shell(pass_last_day) + shell(look_again) + shell(status)
    shell.until(look_again, '"status":"ended"')
    shell.until(status, "released")
    shell.close()
