"""Advance the days of the export, strictly in order: plan a day, request its parts, write its manifest, release it.

`advance` may run at any time, any number of times and concurrently: the schedule calls it, and so does the worker that
wrote the last part. It reads what is stored and takes the next steps, so a killed run costs no more than a repetition.
A run stops after `STOPS_AFTER_SECONDS`, and the next run continues.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from time import monotonic
from typing import Any, Self

from pydantic_core import to_json

from shared.clock import last_closed_day
from shared.domain.export_day import ExportDay, ExportStopped, Part, Stage, Sums, configuration_of
from shared.errors import Unavailable
from shared.export.day_manifest import day_manifest_of
from shared.export.day_objects import check_day_manifest, check_parts, write_day_manifest, write_released
from shared.export.gate import TRAILING_DAYS, Anomaly, anomaly_in
from shared.export.planner import cut_into_parts, new_revision, unplanned_day
from shared.export.signer import Signer, signer
from shared.export.work import part_due
from shared.log import Event, log
from shared.messages.publisher import Publisher
from shared.settings import Settings
from shared.store.documents import Documents
from shared.store.exports import Exports, StoredDay
from shared.store.objects import Bucket, Buckets
from shared.store.service import Service

#: Publishes messages together: topic, data.
Publish = Callable[[str, Sequence[bytes]], Awaitable[list[str]]]

#: A run starts no long step after this time; the function's timeout is two minutes longer.
STOPS_AFTER_SECONDS = 480.0
#: The most days that one run releases; later runs continue with a longer backlog.
_DAYS_AT_ONCE = 31
#: Pub/Sub accepts 1,000 messages and 10 MB together; each of these has less than 1 KB.
_MESSAGES_AT_ONCE = 500


class NotHeld(Exception):
    """The day is not on hold."""


class AlreadyReleased(Exception):
    """The day is released or not stored yet. A released day gets no other revision."""


class Progress(StrEnum):
    """The result of advancing a day: it is released, or waits for its parts, a person's decision or a new revision."""

    RELEASED = "released"
    WAITS_FOR_PARTS = "waits for parts"
    ON_HOLD = "on hold"
    WAITS_FOR_REVISION = "waits for its next revision"


class ExportDays:
    """Advances the days of the export."""

    def __init__(
        self,
        documents: Documents,
        exports: Exports,
        bucket: Bucket,
        signer: Signer,
        settings: Settings,
        publish: Publish,
    ) -> None:
        self._documents = documents
        self._exports = exports
        self._bucket = bucket
        self._signer = signer
        self._settings = settings
        self._publish = publish

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        settings = service.settings
        return cls(
            service.documents,
            service.part(Exports),
            service.part(Buckets).get(str(settings.export_bucket)),
            signer(settings.signing_key or ""),
            settings,
            service.part(Publisher).publish_all,
        )

    async def advance(self, slot: datetime) -> dict[str, Any]:
        """Take the next steps of the days that were closed at a schedule time; returns a summary.

        Raises `ExportStopped` (and stores the reason with the day), `ClockOutOfStep`, `Unavailable` (also after
        `STOPS_AFTER_SECONDS`: call again).
        """
        until = monotonic() + STOPS_AFTER_SECONDS
        await self._documents.check_clocks()
        self._documents.check_slot(slot)
        last = last_closed_day(slot)
        released: list[date] = []
        while len(released) < _DAYS_AT_ONCE:
            day = await self._exports.oldest_unreleased(self._first_day, last)
            if day is None:
                log(Event.EXPORT_UP_TO_DATE, day=last)
                break
            try:
                progress = await self._advance(day, slot, until)
            except ExportStopped as stopped:
                await self.note_stopped(stopped)
                raise
            if progress is not Progress.RELEASED:
                return {"released": released, "unreleased": {"day": day, "progress": progress}}
            released.append(day)
        return {"released": released, "unreleased": None}

    async def note_stopped(self, stopped: ExportStopped) -> None:
        """Store why a day has stopped, for `psr export status`, and log it, for the alert."""
        log(Event.EXPORT_STOPPED, day=stopped.day, reason=stopped.sentence)

        def note(current: ExportDay) -> ExportDay:
            stage = Stage.UNPLANNED if current.stage is Stage.PLANNING else current.stage
            return current.model_copy(update={"stopped_because": stopped.sentence, "stage": stage})

        if not await self._exports.change(stopped.day, note):
            await self._exports.put(unplanned_day(stopped, self._documents.clock.now()), None)

    async def release_held(self, day: date, because: str) -> ExportDay:
        """Release a day that is on hold, for a reason that is stored with it.

        This uses only stored data, so any version of the code and the tables can do it. A repeat with the same reason
        completes an interrupted release. Raises `NotHeld`, `ExportStopped`, `Unavailable`.
        """
        await self._documents.check_clocks()
        stored = await self._exports.get(day)
        if stored is None:
            raise NotHeld
        export_day = stored.state
        if export_day.released_because == because:
            return export_day if export_day.stage is Stage.RELEASED else await self._finish(export_day)
        if export_day.stage is not Stage.HELD:
            raise NotHeld
        await check_day_manifest(self._bucket, export_day)
        await check_parts(self._bucket, export_day, await self._exports.parts(export_day))
        changes = {"stage": Stage.RELEASING, "released_because": because}
        decided = await self._exports.change(
            day, lambda current: current.model_copy(update=changes) if current == export_day else None
        )
        if decided is None:
            raise NotHeld
        return await self._finish(decided)

    async def revise(self, day: date) -> ExportDay:
        """Let the schedule's next run plan a new revision of a day, which includes all entries written until now.

        Raises `AlreadyReleased`, `Unavailable`.
        """
        changes = {"stage": Stage.REVISED, "closed_at": self._documents.clock.now(), "held_because": None}
        revised = await self._exports.change(
            day, lambda current: None if current.decided else current.model_copy(update=changes)
        )
        if revised is None:
            raise AlreadyReleased
        return revised

    @property
    def _first_day(self) -> date:
        if self._settings.export_first_day is None:
            raise ValueError("the setting export_first_day has no value")
        return self._settings.export_first_day

    async def _advance(self, day: date, slot: datetime, until: float) -> Progress:
        """Take the next steps of a day, until it is released or waits."""
        if monotonic() > until:
            raise Unavailable(retry_after=5)
        stored = await self._exports.get(day)
        if stored is not None and stored.state.decided:
            await self._finish(stored.state)
            return Progress.RELEASED
        export_day = await self._plan(day, stored, until)
        missing = await self._exports.missing(export_day)
        if missing:
            await self._request(export_day, missing, slot)
            return Progress.WAITS_FOR_PARTS
        if export_day.stage is Stage.HELD:
            return Progress.ON_HOLD
        return await self._complete(export_day)

    async def _plan(self, day: date, stored: StoredDay | None, until: float) -> ExportDay:
        """The planned day: the stored one, or a new revision if this process would make other files.

        Raises `ExportStopped`, `Unavailable`.
        """
        configuration = configuration_of(self._settings.supplier_mpid, self._settings.test_data_flag)
        if stored is None or not stored.state.made_like(configuration):
            stored = await self._start_revision(day, stored)
        return await self._cut(stored, until) if stored.state.stage is Stage.PLANNING else stored.state

    async def _start_revision(self, day: date, stored: StoredDay | None) -> StoredDay:
        """Store a new revision of a day, unless another run has stored one; returns the stored one."""
        previous = stored.state if stored else None
        revision = await new_revision(day, previous, self._documents.clock.now(), self._exports, self._settings)
        await self._exports.put(revision, stored)
        started = await self._exports.get(day)
        if started is None:
            raise ExportStopped(day, "the stored plan is gone. Find out who deletes documents of exports")
        return started

    async def _cut(self, stored: StoredDay, until: float) -> ExportDay:
        """Divide a revision into parts, unless another run is faster; returns the planned day."""
        planned = await cut_into_parts(stored.state, self._exports, until)
        if await self._exports.put(planned, stored):
            log(
                Event.EXPORT_PLANNED,
                day=planned.day,
                revision=planned.revision,
                parts=planned.parts,
                supply_points=planned.counted,
            )
            return planned
        current = await self._exports.get(planned.day)
        if current is None or current.state.revision != planned.revision or not current.state.planned:
            raise Unavailable(retry_after=5)  # an operator has requested a new revision
        return current.state

    async def _request(self, export_day: ExportDay, parts: list[Part], slot: datetime) -> None:
        """Publish the work messages of parts."""
        data = [to_json(part_due(export_day, part, slot)) for part in parts]
        for start in range(0, len(data), _MESSAGES_AT_ONCE):
            await self._publish(self._settings.export_work_topic, data[start : start + _MESSAGES_AT_ONCE])

    async def _complete(self, export_day: ExportDay) -> Progress:
        """Write the manifest of a day that has all its parts, then release the day or put it on hold."""
        parts = await self._exports.parts(export_day)
        manifest = day_manifest_of(export_day, parts, str(self._settings.supplier_mpid))
        await check_parts(self._bucket, export_day, parts)
        await write_day_manifest(self._bucket, self._signer, export_day, manifest)
        completed = export_day.model_copy(update={"sums": manifest.sums, "manifest_sha256": manifest.digest})
        anomaly = await self._anomaly(completed, manifest.sums)
        if anomaly is not None:
            await self._put_on_hold(completed, anomaly)
            return Progress.ON_HOLD
        return await self._release(completed)

    async def _anomaly(self, export_day: ExportDay, sums: Sums) -> Anomaly | None:
        """Compare a day with the days before it. They are all released, because days are released in order."""
        back = min(TRAILING_DAYS, (export_day.day - self._first_day).days)
        before = await self._exports.days([export_day.day - timedelta(days=days) for days in range(1, back + 1)])
        return anomaly_in(sums, [day.sums for day in before if day and day.sums], self._settings)

    async def _put_on_hold(self, export_day: ExportDay, anomaly: Anomaly) -> None:
        changes = {"stage": Stage.HELD, "held_because": anomaly.sentence, "stopped_because": None}
        held = export_day.model_copy(update=changes)
        if await self._exports.change(held.day, lambda current: held if _is_planned(current, held.revision) else None):
            log(Event.EXPORT_DAY_HELD, day=held.day, revision=held.revision, reason=anomaly.sentence)

    async def _release(self, export_day: ExportDay) -> Progress:
        """Decide on this revision and release it, unless a new revision was requested."""
        releasing = export_day.model_copy(update={"stage": Stage.RELEASING})

        def decide(current: ExportDay) -> ExportDay | None:
            if current.decided and current.revision == releasing.revision:
                return current
            return releasing if _is_planned(current, releasing.revision) else None

        decided = await self._exports.change(releasing.day, decide)
        if decided is None:
            return Progress.WAITS_FOR_REVISION
        await self._finish(decided)
        return Progress.RELEASED

    async def _finish(self, export_day: ExportDay) -> ExportDay:
        """Finish the release of a decided revision. It uses only stored data, so any version of the code can do it."""
        await write_released(self._bucket, export_day)
        changes = {"stage": Stage.RELEASED, "released_at": self._documents.clock.now(), "stopped_because": None}
        released = await self._exports.change(
            export_day.day,
            lambda current: current.model_copy(update=changes) if current.stage is Stage.RELEASING else None,
        )
        if released is None:
            return export_day
        _log_release(released)
        return released


def _is_planned(export_day: ExportDay, revision: int) -> bool:
    """Whether a day still has this revision, planned and undecided."""
    return export_day.revision == revision and export_day.stage is Stage.PLANNED


def _log_release(export_day: ExportDay) -> None:
    sums = export_day.sums
    if sums is None:
        return
    log(
        Event.EXPORT_DAY_RELEASED,
        day=export_day.day,
        revision=export_day.revision,
        files=sums.files,
        supply_points=sums.written,
    )
    if sums.unroutable:
        log(Event.EXPORT_UNROUTABLE, day=export_day.day, supply_points=sums.unroutable)
