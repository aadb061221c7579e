"""Brings the daily export on: plans the oldest closed day and asks for its parts, or finishes what was begun."""

from collections.abc import Mapping
from datetime import datetime

from shared.export.days import ExportDays
from shared.schedule.scheduled import Scheduled
from shared.store.service import service

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> Mapping[str, object]:
    """Seconds of work, minutes for a day of millions: `export_recipient` writes the files, one message each."""
    return await service().part(ExportDays).advance(slot)


main = job.function()
