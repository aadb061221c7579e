"""What a doctor's checks find, as tests look at it."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from typer.main import get_command

from ops.__main__ import app
from ops.doctor.finding import Finding, State
from tests.support.runbooks import RUNBOOKS, commands


def faults(found: list[Finding]) -> list[str]:
    """What fails, each with a runbook and commands that exist."""
    failing = [finding for finding in found if finding.state is State.FAILING]
    known = commands(get_command(app))
    for finding in failing:
        assert finding.runbook is None or (RUNBOOKS / f"{finding.runbook}.md").exists()
        for words in re.findall(r"python -m ops ([a-z ]+)", finding.says):
            assert any(tuple(words.split())[: len(command)] == command for command in known), words
    return [finding.line for finding in failing]


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something. Fails after 30 seconds."""
    ends = time.monotonic() + 30
    while not await done():
        assert time.monotonic() < ends
        await asyncio.sleep(0.1)
