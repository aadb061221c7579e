"""End needs after their last day, and record reviews and follow-ups that are due."""

from collections.abc import Mapping
from datetime import datetime

from shared.flows.expiry import Expiry
from shared.schedule.scheduled import Scheduled
from shared.settings import settings
from shared.store.documents import documents
from shared.store.due_dates import due_dates
from shared.store.registrations import registrations

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> Mapping[str, object]:
    """Apply the due dates of all registrations, up to the slot's London day."""
    return await Expiry(documents(), registrations(), due_dates(), settings()).advance(slot)


main = job.function()
