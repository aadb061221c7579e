"""Ends needs whose last day has passed, and notes reviews and follow-ups that fall due."""

from collections.abc import Mapping
from datetime import datetime

from shared.flows.expiry import Expiry
from shared.schedule.scheduled import Scheduled
from shared.store.service import service

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> Mapping[str, object]:
    """Bring every registration with a date that has come up to the slot's London day."""
    return await Expiry(service()).advance(slot)


main = job.function()
