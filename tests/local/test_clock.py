"""`psr local clock` moves the time of a local stack and of nothing else.

tests/docs/test_walk.py runs the example of docs/local.md.
"""

import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from tests.support.commands import psr
from tools.local.layout import Layout, new_layout
from tools.local.stack import Stack


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
