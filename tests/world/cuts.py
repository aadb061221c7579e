"""Cuts between any two calls to Firestore, Cloud Storage and Pub/Sub: the process ends there, or the answer is lost.

A step is armed with the number of a call. Once the process has ended, no further call of the step reaches an emulator,
also none that it makes at the same time.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from shared.errors import Unavailable
from shared.store.commits import CommitUnanswered


class Cut(Enum):
    """The fault at the call. The report of a failed example shows the values."""

    ENDS_BEFORE = "the process ends before"
    ENDS_AFTER = "the process ends after"
    ANSWER_LOST = "the answer is lost of"
    NOT_REACHED = "the outage meets"


class ProcessEnded(BaseException):
    """The process has ended. No handler of the service catches this."""


class Cuts:
    """Counts the calls of a step, and cuts one."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._cut = Cut.ENDS_BEFORE
        self._calls = 0
        self._ended = False
        self._outage = False
        self._meanwhile: Callable[[], Awaitable[None]] | None = None
        #: The cut that happened, in words.
        self.happened: str | None = None

    def arm(self, number: int, cut: Cut) -> None:
        """Cut the call of this number, counted from 1."""
        self._number, self._cut, self._calls = number, cut, 0

    def pause(self, number: int, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Run something else before the call of this number. Its calls are not counted."""
        self._number, self._meanwhile, self._calls = number, meanwhile, 0

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Refuse every call."""
        self._outage = True
        try:
            yield
        finally:
            self._outage = False

    def disarm(self) -> None:
        """Let every call pass from now on: a new process has started."""
        self._number, self._ended, self._meanwhile = None, False, None

    async def through(self, name: str, call: Callable[[], Awaitable[Any]], *, commits: bool = False) -> Any:
        """Make a call, unless it is cut."""
        if self._ended:
            raise ProcessEnded
        if self._outage:
            raise CommitUnanswered if commits else Unavailable
        self._calls += 1
        if self._calls == self._number and self._meanwhile:
            meanwhile, self._meanwhile, self._number = self._meanwhile, None, None
            await meanwhile()
        if self._calls != self._number:
            answer = await call()
            if self._ended:
                raise ProcessEnded
            return answer
        self.happened = f"{self._cut.value} call {self._calls}, {name}"
        if self._cut in (Cut.ENDS_AFTER, Cut.ANSWER_LOST):
            await call()
        if self._cut in (Cut.ENDS_BEFORE, Cut.ENDS_AFTER):
            self._ended = True
            raise ProcessEnded
        raise CommitUnanswered if commits else Unavailable


class CutRpc:
    """The calls to Firestore (`shared.store.rpc.Rpc`), through cuts."""

    def __init__(self, rpc: Any, cuts: Cuts) -> None:
        self._rpc = rpc
        self._cuts = cuts

    async def commit(self, request: Any) -> Any:
        return await self._cuts.through("commit", lambda: self._rpc.commit(request), commits=True)

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._rpc, name)
        return lambda request: self._cuts.through(name, lambda: call(request))
