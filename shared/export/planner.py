"""Plan a closed day: count its feed, divide each recipient's entries into parts, and stop the day if counts differ.

Each part is stored as soon as its last entry is known, and a later run continues after the last stored part: an
interrupted run loses only the part that it was reading. The feed of a closed day does not change, so all runs make the
same parts.
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
#: The most recipients that a sentence names; the log allows 400 characters.
_NAMES = 10


async def new_revision(
    day: date, previous: ExportDay | None, now: datetime, exports: Exports, settings: Settings
) -> ExportDay:
    """A new revision of a closed day, counted at `now` and without parts. Raises `ExportStopped`, `Unavailable`.

    Receivers may order files by creation time, so the revision's is later than that of all files of the day before.
    """
    before = await exports.get(day - timedelta(days=1))
    earliest = before.state.created_at + timedelta(seconds=1) if before else now
    known = await _recipients_in_feed(day, exports)
    revision = previous.revision + 1 if previous else 1
    if revision > HIGHEST_REVISION:
        raise ExportStopped(day, f"revision {revision} is not possible: a file id has room for {HIGHEST_REVISION}")
    return ExportDay(
        day=day,
        revision=revision,
        created_at=_unambiguous(max(now, earliest).replace(microsecond=0)),
        closed_at=previous.closed_at if previous else day_closes(day),
        renderer=RENDERER_VERSION,
        configuration=configuration_of(settings.supplier_mpid, settings.test_data_flag),
        counted=await exports.count(known, day),
        recipients=known,
    )


async def cut_into_parts(export_day: ExportDay, exports: Exports, until: float) -> ExportDay:
    """Store all parts of a revision, until a time of the monotonic clock; returns the planned day.

    Raises `ExportStopped`, `Unavailable` (also if more parts are left at `until`: call again).
    """
    at_once = asyncio.Semaphore(_RECIPIENTS_AT_ONCE)

    async def cut_for(recipient: str) -> None:
        async with at_once:
            while not await _cut_rest(export_day, recipient, exports, until):
                pass  # another run has stored a part: continue after it

    results = await asyncio.gather(*map(cut_for, export_day.recipients), return_exceptions=True)
    for failure in results:
        if failure is not None:
            raise failure
    parts = await exports.parts(export_day)
    found = sum(part.counted for part in parts)
    if found != export_day.counted:
        raise ExportStopped(
            export_day.day,
            f"the whole day has {export_day.counted} supply points, but its parts together have {found}. The feed of a "
            "closed day does not change: find out who else writes to export_feed",
        )
    return export_day.model_copy(update={"stage": Stage.PLANNED, "parts": len(parts), "stopped_because": None})


def unplanned_day(stopped: ExportStopped, now: datetime) -> ExportDay:
    """A day that could not be planned, with the reason."""
    return ExportDay(
        day=stopped.day,
        revision=0,
        created_at=now,
        closed_at=day_closes(stopped.day),
        renderer=RENDERER_VERSION,
        configuration="",
        counted=0,
        recipients=[],
        stage=Stage.UNPLANNED,
        stopped_because=stopped.sentence,
    )


async def _recipients_in_feed(day: date, exports: Exports) -> list[str]:
    """The recipients with entries in the feed, of any day.

    Raises `ExportStopped` if a recipient with entries of this day is not in the recipient table.
    """
    found = await exports.recipients_in_feed()
    unknown = [name for name in found if name not in recipients()]
    left = await exports.count(unknown, day)
    if left:
        more = [f"{len(unknown) - _NAMES} more"] if len(unknown) > _NAMES else []
        raise ExportStopped(
            day,
            f"{left} feed entries are for recipients that the recipient table lacks "
            f"({', '.join([*unknown[:_NAMES], *more])}). Restore the rows. If an MPID has changed or a recipient no "
            "longer gets data, add a row with the route former instead (docs/export.md shows it). Then deploy",
        )
    return [name for name in found if name in recipients()]


async def _cut_rest(export_day: ExportDay, recipient: str, exports: Exports, until: float) -> bool:
    """Store a recipient's parts after the last stored one. False if another run has stored a part at the same time.

    Raises `ExportStopped`, `Unavailable`.
    """
    stored = await exports.parts(export_day, recipient)
    last = stored[-1] if stored else None
    if last is not None and last.before_id is None:
        return True
    cut = Cut(recipient, last)
    async for page in exports.sizes(recipient, export_day.day, last.before_id if last else None):
        ended = [part for document_id, size in page if (part := cut.add(document_id, size))]
        if not await _store(export_day, ended, exports):
            return False
        if monotonic() > until:
            raise Unavailable(retry_after=5)
    end = cut.end()
    return await _store(export_day, [end] if end else [], exports)


async def _store(export_day: ExportDay, parts: list[Part], exports: Exports) -> bool:
    """Raises `ExportStopped` if there are more parts than a file id can number."""
    if parts and parts[-1].number > HIGHEST_PART:
        raise ExportStopped(
            export_day.day,
            f"{parts[-1].recipient} has more than {HIGHEST_PART} parts: a file id has room for no more. "
            "Report it to the developers",
        )
    return await exports.add_parts(export_day, parts)


def _unambiguous(instant: datetime) -> datetime:
    """The instant; in the second of the two equal hours in October, the end of that hour.

    D0225 has London times without an offset, so a file from the second hour would seem older than one from the first.
    Therefore in this one hour a year, in which no schedule runs, a file's time is up to an hour ahead.
    """
    local = instant.astimezone(LONDON)
    return datetime.combine(local, time(2), LONDON).astimezone(instant.tzinfo) if local.fold else instant
