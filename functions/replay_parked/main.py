"""Tries parked messages again: what they wait for (a registration, a supply point's release) may have come."""

import asyncio
from base64 import b64decode
from datetime import datetime, timedelta

from shared.messages.delivery import REPLAY_OF
from shared.messages.publisher import publish
from shared.scheduled import Scheduled
from shared.settings import settings
from shared.store.quarantine import Parked, quarantine

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Publish what is parked and not too old. Order does not matter: facts are ordered where they are applied."""
    too_old = slot - timedelta(days=settings().parked_days)
    replayed = held = 0
    async for page in quarantine().parked():
        waiting = [parked for parked in page if parked.first_seen > too_old]
        await asyncio.gather(*(_replay(parked) for parked in waiting))
        await asyncio.gather(*(quarantine().hold(parked.record_id) for parked in page if parked not in waiting))
        replayed += len(waiting)
        held += len(page) - len(waiting)
    return {"replayed": replayed, "held": held}


async def _replay(parked: Parked) -> None:
    message = parked.message
    if message.topic is not None:
        await publish(message.topic, b64decode(message.data), {**message.attributes, REPLAY_OF: parked.record_id})


main = job.function()
