"""Long work in pieces, so that other requests of the process have their turn between two of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

#: About two milliseconds of work on a stored registration or on an answer.
_PIECE = 20
_Item = TypeVar("_Item")
_working = asyncio.Lock()


async def in_turns(items: Sequence[_Item]) -> AsyncIterator[Sequence[_Item]]:
    """The items in pieces. Of all work that is done so, one piece is done in a turn of the event loop."""
    for start in range(0, len(items), _PIECE):
        async with _working:
            yield items[start : start + _PIECE]
            await asyncio.sleep(0)
