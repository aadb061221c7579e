"""How a commit can fail, and the pause before the next attempt."""

import asyncio


class CommitConflict(Exception):
    """A precondition did not hold: another writer was faster, or our own commit was applied and its answer lost."""


class CommitUnanswered(Exception):
    """The commit may or may not have been applied."""


async def pause(attempt: int) -> None:
    """Wait before an attempt is repeated: not at all after the first, then longer each time, at most a second."""
    await asyncio.sleep(min(0.02 * (2**attempt - 1), 1.0))
