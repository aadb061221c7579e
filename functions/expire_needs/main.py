"""End needs after their last day, and record reviews and follow-ups that are due."""

from collections.abc import Mapping
from datetime import datetime

from shared.flows.expiry import Expiry
from shared.schedule.scheduled import Scheduled
from shared.store.service import service

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> Mapping[str, object]:
    """Apply the due dates of all registrations, up to the slot's London day."""
    return await Expiry(service()).advance(slot)


main = job.function()
