"""The findings of the doctor's checks, as tests compare them."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ops.doctor.finding import Finding, State
from tests.support.commands import unknown_commands
from tests.support.runbooks import RUNBOOKS


def faults(found: list[Finding]) -> list[str]:
    """The failures, each with a runbook and commands that exist."""
    failing = [finding for finding in found if finding.state is State.FAILING]
    for finding in failing:
        assert finding.runbook is None or (RUNBOOKS / f"{finding.runbook}.md").exists()
        assert unknown_commands(finding.says) == []
    return [finding.line for finding in failing]


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something. Fails after 30 seconds."""
    ends = time.monotonic() + 30
    while not await done():
        assert time.monotonic() < ends
        await asyncio.sleep(0.1)
