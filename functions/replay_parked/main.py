"""Tries parked messages again: what they wait for (a registration, a supply point's release) may have come."""

import asyncio
from datetime import datetime, timedelta

from shared.log import Event, log
from shared.messages.delivery import REPLAY_OF
from shared.messages.publisher import publish
from shared.scheduled import Scheduled
from shared.settings import settings
from shared.store.quarantine import QuarantineStatus, Record, quarantine

_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(hours=6)
#: A held message waits for a person; longer than over a weekend it does not.
_NEGLECTED_AFTER = timedelta(days=3)

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Publish what is parked and not too old. Order does not matter: facts are ordered where they are applied."""
    too_old = slot - timedelta(days=settings().parked_days)
    replayed = held = 0
    async for page in quarantine().records(QuarantineStatus.PARKED):
        old = [parked for parked in page if parked.first_seen <= too_old]
        due = [parked for parked in page if parked.first_seen > too_old and is_due(parked, slot)]
        await asyncio.gather(*(_replay(parked) for parked in due))
        await asyncio.gather(*(quarantine().hold(parked.record_id) for parked in old))
        replayed += len(due)
        held += len(old)
    if slot.minute == 0:
        await _tell_of_neglect(slot)
    return {"replayed": replayed, "held": held}


def is_due(parked: Record, slot: datetime) -> bool:
    """Whether to try a message again: after five minutes, and after twice as long each further time."""
    doublings = min(parked.attempts - 1, 20)
    wait = min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)
    return slot - parked.last_seen >= wait


async def _tell_of_neglect(slot: datetime) -> None:
    """Note, for an alert, that a message has waited too long for a person."""
    waiting = await quarantine().waiting(QuarantineStatus.HELD)
    if waiting.oldest is not None and slot - waiting.oldest > _NEGLECTED_AFTER:
        log(Event.QUARANTINE_NEGLECTED, held=waiting.by_reason.total())


async def _replay(parked: Record) -> None:
    message = parked.message
    if message.topic is not None:
        data = await quarantine().data(message)
        await publish(message.topic, data, {**message.attributes, REPLAY_OF: parked.record_id})


main = job.function()
