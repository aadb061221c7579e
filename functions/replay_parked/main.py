"""Retry parked messages, which wait for a registration or for the release of a supply point."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta

from shared.flows.replay import replay
from shared.log import Event, log
from shared.schedule.scheduled import Scheduled
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import Due, QuarantineStatus, Record
from shared.store.service import service

#: Messages that are retried at the same time. Each can have 10 MB of data.
_PAGE = 20
#: A run makes a second pass after this time, for messages that were parked less than `_YOUNG` ago.
_SECOND_PASS = timedelta(seconds=30)
_YOUNG = timedelta(minutes=2)
#: A pass stops after this time. The next pass retries the remaining messages.
_PASS_SECONDS = 50
#: The longest time for a failed message to wait for a person: a long weekend.
_NEGLECTED_AFTER = timedelta(days=3)

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Publish messages that are due and not too old, in any order: the consumers order the facts."""
    if slot.minute == 0:
        await _report_neglect(slot)
    outcomes: Counter[str] = Counter()
    if await _retry_due(slot, outcomes):
        await _wait_for(slot + _SECOND_PASS)
        await _retry_due(slot + _SECOND_PASS, outcomes)
    return {outcome: outcomes[outcome] for outcome in ("replayed", "failed", "not_replayed")}


async def _wait_for(instant: datetime) -> None:
    """Wait until the clock shows the instant, at most from one pass to the next. A simulated clock can jump."""
    for _ in range(_SECOND_PASS.seconds):
        if service().documents.clock.now() >= instant:
            return
        await asyncio.sleep(1)


async def _retry_due(at: datetime, outcomes: Counter[str]) -> bool:
    """Retry all due messages. Returns whether a second pass is worthwhile, because some messages are young."""
    young = False
    retried: set[str] = set()
    stop = time.monotonic() + _PASS_SECONDS
    async for page in service().part(Quarantine).due(at + _SECOND_PASS, limit=_PAGE):
        young |= any(at - parked.parked_since < _YOUNG for parked in page)
        due = [parked for parked in page if parked.retry_at <= at and parked.record_id not in retried]
        outcomes.update(await asyncio.gather(*(_retry(parked, at) for parked in due)))
        retried.update(parked.record_id for parked in due)
        if time.monotonic() > stop:
            break
    return young


async def _retry(parked: Due, at: datetime) -> str:
    """Retry one message; the result is its outcome. A failure does not affect other messages, and is retried later."""
    try:
        if at - parked.parked_since >= timedelta(days=service().settings.parked_days):
            await service().part(Quarantine).fail(parked.record_id)
            return "failed"
        record = await service().part(Quarantine).postpone(parked.record_id, at)
        if record is None:
            return "retried by another run"
        await replay(record, _topic(record))
    except Exception as error:  # noqa: BLE001 - one failure must not stop the other messages
        log(Event.MESSAGE_NOT_REPLAYED, quarantine_id=parked.record_id, exception=type(error).__name__)
        return "not_replayed"
    return "replayed"


def _topic(record: Record) -> str:
    """The message's topic, which every message has that a consumer parked. Raises `LookupError`."""
    if record.message.topic is None:
        raise LookupError
    return record.message.topic


async def _report_neglect(slot: datetime) -> None:
    """Log, for an alert, that a message has waited too long for a person."""
    waiting = await service().part(Quarantine).waiting(QuarantineStatus.FAILED)
    if waiting.oldest is not None and slot - waiting.oldest > _NEGLECTED_AFTER:
        log(Event.QUARANTINE_NEGLECTED, failed=waiting.by_reason.total())


main = job.function()
