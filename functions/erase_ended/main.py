"""Erases registrations that ended long ago, and what an erasure had to leave until the networks were told."""

from datetime import datetime

from shared.clock import london_day
from shared.log import Event, log
from shared.scheduled import Scheduled
from shared.store.due_dates import due_dates
from shared.store.erasure import erasure

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Bring erasing up to the slot's London day. A run that is cut off goes on at the next."""
    erased = 0
    async for page in due_dates().to_erase(london_day(slot)):
        for one in await erasure().erase(page):
            erased += 1
            log(
                Event.REGISTRATION_ERASED,
                registration_id=one.registration_id,
                changes=one.changes,
                entries=one.feed,
                messages=one.messages,
                pending=one.pending,
            )
    return {"erased": erased}


main = job.function()
