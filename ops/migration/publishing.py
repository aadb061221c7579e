"""Publish a source file at a rate that Firestore can split its key ranges for: 500 a second, half as much again each
five minutes (the 500/50/5 rule).
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ops.migration.journal import Journal
from ops.migration.records import LARGEST_BYTES, Record, records
from shared.messages.publisher import Publisher
from shared.store.service import service

TOPIC = "psr-customer-migration"
_REQUEST_MESSAGES = 500
#: Simultaneous requests.
_AT_ONCE = 8


class Ramp(NamedTuple):
    """Messages a second: `start`, growing by `growth` every `step_seconds`, up to `ceiling`."""

    start: float = 500.0
    growth: float = 1.5
    step_seconds: float = 300.0
    ceiling: float = 10_000.0

    def rate(self, elapsed: float) -> float:
        """The rate after a number of seconds."""
        return float(min(self.start * self.growth ** (elapsed // self.step_seconds), self.ceiling))


async def publish_file(
    file: Path,
    source: str,
    journal: Journal,
    ramp: Ramp,
    progress: Callable[[Journal, Sequence[Sequence[Record]]], None],
) -> Journal:
    """Publish the records that the journal does not name as published, and keep the journal; `progress` gets it, and
    the requests that Pub/Sub has confirmed since the last time.

    Raises `CommandError`, `Unavailable` (run it again: it continues where it stopped).
    """
    began = time.monotonic()

    def rate() -> float:
        return ramp.rate(time.monotonic() - began)

    requests = _requests(islice(records(file, source), journal.published, None), rate)
    allowed_at = began
    while window := list(islice(requests, _AT_ONCE)):
        await asyncio.sleep(allowed_at - time.monotonic())
        answers = await asyncio.gather(*(_publish(request) for request in window))
        journal = _after(journal, window, [message_id for ids in answers for message_id in ids])
        journal.keep(file)
        progress(journal, window)
        sent = sum(map(len, window))
        allowed_at = max(allowed_at, time.monotonic() - 1.0) + sent / rate()
    return journal


def _requests(rest: Iterator[Record], rate: Callable[[], float]) -> Iterator[list[Record]]:
    """Records in portions that one request can hold, no more than are due in a fifth of a second."""
    portion: list[Record] = []
    size = 0
    for record in rest:
        if portion and (len(portion) >= _most(rate()) or size + len(record.data) > LARGEST_BYTES):
            full, portion, size = portion, [record], len(record.data)
            yield full
        else:
            portion.append(record)
            size += len(record.data)
    if portion:
        yield portion


def _most(rate: float) -> int:
    return max(1, min(_REQUEST_MESSAGES, int(rate / 5 / _AT_ONCE)))


async def _publish(request: list[Record]) -> list[str]:
    """The message id of each record; empty for one that no message can hold."""
    fit = [record for record in request if len(record.data) <= LARGEST_BYTES]
    ids = iter(await service().part(Publisher).publish_all(TOPIC, [record.data for record in fit]) if fit else [])
    return [next(ids) if len(record.data) <= LARGEST_BYTES else "" for record in request]


def _after(journal: Journal, window: list[list[Record]], ids: list[str]) -> Journal:
    done = list(zip([record for request in window for record in request], ids, strict=True))
    return journal.model_copy(
        update={
            "published": journal.published + len(done),
            "message_ids": journal.message_ids + [name for record, name in done if name and not record.named],
            "too_large": journal.too_large + [record.number for record, name in done if not name],
        }
    )
