"""Advance the daily export: plan the oldest closed day and request its parts, or complete a day in progress."""

from collections.abc import Mapping
from datetime import datetime

from shared.export.days import ExportDays
from shared.schedule.scheduled import Scheduled
from shared.store.service import service

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> Mapping[str, object]:
    """Advance the export. It takes seconds, or minutes for millions of changes; `export_recipient` writes the files."""
    return await service().part(ExportDays).advance(slot)


main = job.function()
