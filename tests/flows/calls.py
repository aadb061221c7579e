"""Hooks around each call of a database: a crash before or after it, or another operation between two calls."""

from collections.abc import Awaitable, Callable
from typing import Any

from shared.store.documents import Documents


class Crashed(Exception):
    """The process died."""


class Calls:
    """Counts a database's calls, in place of its RPCs, and acts around them. The calls are made.

    Once it has crashed before or after the call of a number, every further call crashes, too: the process is dead.
    """

    def __init__(self, documents: Documents) -> None:
        self.made = 0
        self.crash_before: int | None = None
        self.crash_after: int | None = None
        self.between: Callable[[int], Awaitable[None]] | None = None
        self._rpc = documents._rpc
        documents._rpc = self  # type: ignore[assignment]
        self._documents = documents

    def remove(self) -> None:
        """Restore the database's own calls."""
        self._documents._rpc = self._rpc

    def __getattr__(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        method = getattr(self._rpc, name)

        async def call(request: Any) -> Any:
            number = self.made
            self.made += 1
            if self.crash_before is not None and number >= self.crash_before:
                raise Crashed
            if self.crash_after is not None and number > self.crash_after:
                raise Crashed
            if self.between is not None:
                await self.between(number)
            answer = await method(request)
            if number == self.crash_after:
                raise Crashed
            return answer

        return call
