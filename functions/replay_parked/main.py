"""Tries parked messages again: what they wait for (a registration, a supply point's release) may have come."""

import asyncio
import time
from collections import Counter
from datetime import datetime, timedelta

from shared.flows.replay import replay
from shared.log import Event, log
from shared.schedule.scheduled import Scheduled
from shared.store.quarantine import Due, Quarantine, QuarantineStatus, Record
from shared.store.service import service

#: Messages that are tried at the same time; data of each can be 10 MB.
_PAGE = 20
#: A run looks a second time after this, for messages that came less than `_YOUNG` ago.
_SECOND_LOOK = timedelta(seconds=30)
_YOUNG = timedelta(minutes=2)
#: What a look has not reached by then is due at the next.
_RUN_SECONDS = 50
#: A failed message waits for a person; longer than over a weekend it does not.
_NEGLECTED_AFTER = timedelta(days=3)

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Publish what is due and not too old. Order does not matter: facts are ordered where they are applied."""
    if slot.minute == 0:
        await _tell_of_neglect(slot)
    outcomes: Counter[str] = Counter()
    if await _try_due(slot, outcomes):
        await _wait_for(slot + _SECOND_LOOK)
        await _try_due(slot + _SECOND_LOOK, outcomes)
    return {outcome: outcomes[outcome] for outcome in ("replayed", "failed", "not_replayed")}


async def _wait_for(instant: datetime) -> None:
    """Wait until the clock shows it, at most as long as from one look to the next; a simulated clock can jump."""
    for _ in range(_SECOND_LOOK.seconds):
        if service().documents.clock.now() >= instant:
            return
        await asyncio.sleep(1)


async def _try_due(at: datetime, outcomes: Counter[str]) -> bool:
    """Try everything that is due; whether something young is among it, or will be due at the second look."""
    young = False
    tried: set[str] = set()
    stop = time.monotonic() + _RUN_SECONDS
    async for page in service().part(Quarantine).due(at + _SECOND_LOOK, limit=_PAGE):
        young |= any(at - parked.parked_since < _YOUNG for parked in page)
        due = [parked for parked in page if parked.retry_at <= at and parked.record_id not in tried]
        outcomes.update(await asyncio.gather(*(_try(parked, at) for parked in due)))
        tried.update(parked.record_id for parked in due)
        if time.monotonic() > stop:
            break
    return young


async def _try(parked: Due, at: datetime) -> str:
    """What came of one message. A failure concerns no other; it is tried again when it has waited longer."""
    try:
        if at - parked.parked_since >= timedelta(days=service().settings.parked_days):
            await service().part(Quarantine).fail(parked.record_id)
            return "failed"
        record = await service().part(Quarantine).postpone(parked.record_id, at)
        if record is None:
            return "tried meanwhile"
        await replay(record, _topic(record))
    except Exception as error:  # noqa: BLE001 - one message must not stop the others
        log(Event.MESSAGE_NOT_REPLAYED, quarantine_id=parked.record_id, exception=type(error).__name__)
        return "not_replayed"
    return "replayed"


def _topic(record: Record) -> str:
    """Known, since a consumer parked the message. Raises `LookupError`."""
    if record.message.topic is None:
        raise LookupError
    return record.message.topic


async def _tell_of_neglect(slot: datetime) -> None:
    """Note, for an alert, that a message has waited too long for a person."""
    waiting = await service().part(Quarantine).waiting(QuarantineStatus.FAILED)
    if waiting.oldest is not None and slot - waiting.oldest > _NEGLECTED_AFTER:
        log(Event.QUARANTINE_NEGLECTED, failed=waiting.by_reason.total())


main = job.function()
