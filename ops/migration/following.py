"""How far the consumer is while a file is still being published.

One record of each request is looked up until it has an outcome. It counts for the whole request, so the figures are
estimates and cost about a hundred reads a second, at any rate.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from ops.migration.reconciling import MISSING, outcomes_of, quarantine_id
from ops.migration.records import LARGEST_BYTES, Record
from shared.errors import Problem

_LOOKS_EVERY_SECONDS = 2.0
#: Looked up at once, the oldest first.
_LOOKED_UP = 400
#: Records that wait for their outcome. Beyond these, each request counts for the next sample.
_WAITING = 10_000


class Following:
    """Estimates how many published records the consumer has `applied`, and how many have `failed`."""

    def __init__(self) -> None:
        self.applied = self.failed = 0
        self._uncounted = 0
        self._waiting: list[tuple[Record, int]] = []

    def __str__(self) -> str:
        """`, 1,200 applied, 3 failed`."""
        return f", {self.applied:,} applied" + (f", {self.failed:,} failed" if self.failed else "")

    def add(self, requests: Sequence[Sequence[Record]]) -> None:
        """Follow requests that Pub/Sub has confirmed."""
        for request in requests:
            self._uncounted += len(request)
            fit = [record for record in request if record.named and len(record.data) <= LARGEST_BYTES]
            if fit and len(self._waiting) < _WAITING:
                self._waiting.append((fit[-1], self._uncounted))
                self._uncounted = 0

    async def run(self) -> None:
        """Look outcomes up until it is cancelled. Publishing does not depend on it, so it ignores errors."""
        while True:
            with suppress(Problem):
                await self._look()
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)

    async def _look(self) -> None:
        oldest = self._waiting[:_LOOKED_UP]
        found = await outcomes_of([(record, quarantine_id(record, iter(()))) for record, _ in oldest])
        waiting = []
        for (record, counts), (_, outcome) in zip(oldest, found, strict=True):
            if outcome.name == MISSING:
                waiting.append((record, counts))
            elif outcome.problem:
                self.failed += counts
            else:
                self.applied += counts
        self._waiting[: len(oldest)] = waiting
