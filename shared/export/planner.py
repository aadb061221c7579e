"""Plans a closed day: reads the ids of its feed, cuts them into parts, and refuses if the counts do not agree."""

import asyncio
from datetime import date, datetime, timedelta

from shared.clock import day_closes
from shared.domain.recipients import recipients
from shared.export.plan import (
    HIGHEST,
    RENDERER_VERSION,
    Cut,
    ExportDay,
    ExportStopped,
    Part,
    Stage,
    configuration_of,
)
from shared.settings import Settings
from shared.store.exports import Exports

_RECIPIENTS_AT_ONCE = 8


async def plan_of(
    day: date, previous: ExportDay | None, now: datetime, exports: Exports, settings: Settings
) -> ExportDay:
    """The plan of a closed day's next revision, made at `now`. Raises `ExportStopped`, `Unavailable`.

    Receivers may order files by their creation time, so it is later than that of any file of the day before.
    """
    before = await exports.get(day - timedelta(days=1))
    earliest = before.state.created_at + timedelta(seconds=1) if before else now
    known = await _recipients_of(day, exports)
    counted = await exports.count(known, day)
    at_once = asyncio.Semaphore(_RECIPIENTS_AT_ONCE)
    cuts = await asyncio.gather(*(_cut(name, day, exports, at_once) for name in known))
    plan = ExportDay(
        day=day,
        revision=previous.revision + 1 if previous else 1,
        created_at=max(now, earliest).replace(microsecond=0),
        closed_at=previous.closed_at if previous else day_closes(day),
        renderer=RENDERER_VERSION,
        configuration=configuration_of(settings),
        counted=counted,
        parts=[part for cut in cuts for part in cut],
    )
    _check(plan)
    return plan


def unplanned(stopped: ExportStopped, now: datetime) -> ExportDay:
    """A day that could not be planned, and why."""
    return ExportDay(
        day=stopped.day,
        revision=0,
        created_at=now,
        closed_at=day_closes(stopped.day),
        renderer=0,
        configuration="",
        counted=0,
        parts=[],
        stage=Stage.UNPLANNED,
        stopped_because=stopped.sentence,
    )


async def _recipients_of(day: date, exports: Exports) -> list[str]:
    """Whom the feed has entries for, of whatever day. Raises `ExportStopped` if the table lacks one of this day."""
    found = await exports.recipients_in_feed()
    unknown = [name for name in found if name not in recipients()]
    left = await exports.count(unknown, day)
    if left:
        raise ExportStopped(
            day,
            f"{left} feed entries are for recipients that the recipient table does not have ({', '.join(unknown)}); "
            "put their rows back until the day is released",
        )
    return [name for name in found if name in recipients()]


async def _cut(recipient: str, day: date, exports: Exports, at_once: asyncio.Semaphore) -> list[Part]:
    """A recipient's parts."""
    cut = Cut(recipient)
    async with at_once:
        async for document_id, size in exports.sizes(recipient, day):
            cut.add(document_id, size)
    return cut.parts()


def _check(plan: ExportDay) -> None:
    """Raises `ExportStopped`."""
    found = sum(part.counted for part in plan.parts)
    if found != plan.counted:
        raise ExportStopped(
            plan.day,
            f"{plan.counted} supply points were counted for the whole day, but {found} were read; a closed day's feed "
            "does not change, look who else writes to export_feed",
        )
    highest = max((part.number for part in plan.parts), default=0)
    if max(highest, plan.revision) > HIGHEST:
        raise ExportStopped(
            plan.day,
            f"revision {plan.revision} has up to {highest} parts for one recipient; a file id has room for {HIGHEST}",
        )
