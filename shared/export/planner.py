"""Plans a closed day: counts its feed, cuts each recipient's entries into parts, and refuses if the counts differ.

Each part is stored as soon as it is cut, and a later run continues after the last one: a run that is cut off loses only
the part that it was reading. The feed of a closed day does not change, so any run cuts the same parts.
"""

import asyncio
from datetime import date, datetime, time, timedelta
from time import monotonic

from shared.clock import LONDON, day_closes
from shared.domain.export_day import (
    HIGHEST_PART,
    HIGHEST_REVISION,
    RENDERER_VERSION,
    Cut,
    ExportDay,
    ExportStopped,
    Part,
    Stage,
    configuration_of,
)
from shared.domain.recipients import recipients
from shared.errors import Unavailable
from shared.settings import Settings
from shared.store.exports import Exports

_RECIPIENTS_AT_ONCE = 8
#: How many recipients a sentence names; the log takes 400 characters.
_NAMES = 10


async def begun(
    day: date, previous: ExportDay | None, now: datetime, exports: Exports, settings: Settings
) -> ExportDay:
    """A closed day's next revision, counted at `now` and not yet cut into parts. Raises `ExportStopped`, `Unavailable`.

    Receivers may order files by their creation time, so it is later than that of any file of the day before.
    """
    before = await exports.get(day - timedelta(days=1))
    earliest = before.state.created_at + timedelta(seconds=1) if before else now
    known = await _recipients_of(day, exports)
    revision = previous.revision + 1 if previous else 1
    if revision > HIGHEST_REVISION:
        raise ExportStopped(day, f"this would be revision {revision}; a file id has room for {HIGHEST_REVISION}")
    return ExportDay(
        day=day,
        revision=revision,
        created_at=_once(max(now, earliest).replace(microsecond=0)),
        closed_at=previous.closed_at if previous else day_closes(day),
        renderer=RENDERER_VERSION,
        configuration=configuration_of(settings.supplier_mpid, settings.test_data_flag),
        counted=await exports.count(known, day),
        recipients=known,
    )


async def cut(plan: ExportDay, exports: Exports, until: float) -> ExportDay:
    """The plan once all of its parts are stored; `until` is a time of the monotonic clock.

    Raises `ExportStopped`, `Unavailable` (also if there is more to do at `until`: call again).
    """
    at_once = asyncio.Semaphore(_RECIPIENTS_AT_ONCE)

    async def cut_one(recipient: str) -> None:
        async with at_once:
            while not await _cut(plan, recipient, exports, until):
                pass

    cuts = await asyncio.gather(*(cut_one(recipient) for recipient in plan.recipients), return_exceptions=True)
    for failure in filter(None, cuts):
        raise failure
    parts = await exports.parts(plan)
    found = sum(part.counted for part in parts)
    if found != plan.counted:
        raise ExportStopped(
            plan.day,
            f"{plan.counted} supply points were counted for the whole day, but {found} were read; a closed day's feed "
            "does not change, look who else writes to export_feed",
        )
    return plan.model_copy(update={"stage": Stage.PLANNED, "parts": len(parts), "stopped_because": None})


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
        recipients=[],
        stage=Stage.UNPLANNED,
        stopped_because=stopped.sentence,
    )


async def _recipients_of(day: date, exports: Exports) -> list[str]:
    """The recipients that the feed has entries for, of any day.

    Raises `ExportStopped` if the table lacks one that has entries of this day.
    """
    found = await exports.recipients_in_feed()
    unknown = [name for name in found if name not in recipients()]
    left = await exports.count(unknown, day)
    if left:
        more = [f"{len(unknown) - _NAMES} more"] if len(unknown) > _NAMES else []
        raise ExportStopped(
            day,
            f"{left} feed entries are for recipients that the recipient table lacks "
            f"({', '.join([*unknown[:_NAMES], *more])}). Restore the rows; or, if an MPID has changed or a recipient "
            "gets nothing more, add a row with the route former for each (docs/export.md shows the line). Then deploy",
        )
    return [name for name in found if name in recipients()]


async def _cut(plan: ExportDay, recipient: str, exports: Exports, until: float) -> bool:
    """Cut and store a recipient's parts after those that are stored; False if another run stored one meanwhile.

    Raises `ExportStopped`, `Unavailable`.
    """
    stored = await exports.parts(plan, recipient)
    last = stored[-1] if stored else None
    if last is not None and last.before_id is None:
        return True
    cut = Cut(recipient, last)
    async for page in exports.sizes(recipient, plan.day, last.before_id if last else None):
        ended = [part for document_id, size in page if (part := cut.add(document_id, size))]
        if not await _store(plan, ended, exports):
            return False
        if monotonic() > until:
            raise Unavailable(retry_after=5)
    end = cut.end()
    return await _store(plan, [end] if end else [], exports)


async def _store(plan: ExportDay, parts: list[Part], exports: Exports) -> bool:
    """Raises `ExportStopped` for more parts than a file id can number."""
    if parts and parts[-1].number > HIGHEST_PART:
        raise ExportStopped(
            plan.day, f"{parts[-1].recipient} has more than {HIGHEST_PART} parts; a file id has room for no more"
        )
    return await exports.add_parts(plan, parts)


def _once(instant: datetime) -> datetime:
    """An instant, or the end of the hour that comes twice in October if it is in it for the second time.

    D0225 has London times without an offset: in the second hour a file would seem older than one of the first. So for
    this one hour a year, in which no schedule runs, a file is dated up to an hour ahead.
    """
    local = instant.astimezone(LONDON)
    return datetime.combine(local, time(2), LONDON).astimezone(instant.tzinfo) if local.fold else instant
