"""Days of the export, strictly in order: plan a closed day, ask for its parts, write its manifest, release it.

`advance` may be called at any time, by anyone, any number of times: by the schedule, and by the worker whose part was
the last one. It looks at what is stored and does what comes next, so being killed anywhere costs a repetition only.
A run that has worked for long stops of its own accord, and the next one continues.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from time import monotonic
from typing import Any

from pydantic_core import to_json

from shared.clock import last_closed_day
from shared.domain.export_day import ExportDay, ExportStopped, Part, Stage, configuration_of, folder
from shared.errors import Unavailable
from shared.export.day_manifest import (
    DAY_MANIFEST,
    RELEASED,
    SIGNATURE,
    DayManifest,
    Released,
    day_manifest_of,
    digest_of,
    sums_of,
)
from shared.export.gate import TRAILING_DAYS, why_held
from shared.export.planner import begun, cut, unplanned
from shared.export.signer import Signer, signer
from shared.export.work import part_due
from shared.log import Event, log
from shared.messages.publisher import publish_all
from shared.settings import Settings, settings
from shared.store.documents import Documents, documents
from shared.store.exports import Exports, StoredDay, exports
from shared.store.objects import Bucket, DifferentObject, bucket

#: Publishes messages together: topic, data.
Publish = Callable[[str, Sequence[bytes]], Awaitable[list[str]]]

#: Nothing long begins later than this after its run; the function's time-out is two minutes more.
STOPS_AFTER_SECONDS = 480.0
#: A long backlog is healed over several runs.
_DAYS_AT_ONCE = 31
#: Pub/Sub takes 1,000 messages and 10 MB together; one of these has less than 1 KB.
_MESSAGES_AT_ONCE = 500
_JSON = "application/json"
_OCTETS = "application/octet-stream"


class NotHeld(Exception):
    """The day is not one that the gate holds."""


class AlreadyReleased(Exception):
    """There is no such day that is not released: what was sent is never made again."""


class ExportDays:
    """Moves days forward."""

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

    async def advance(self, slot: datetime) -> dict[str, Any]:
        """Do whatever comes next for the days that were closed at a schedule time; says what that was.

        Raises `ExportStopped` (and keeps the reason with the day), `ClockOutOfStep`, `Unavailable` (also if a run has
        worked for `STOPS_AFTER_SECONDS`: call again).
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
                return {"released": released, "waiting": None}
            try:
                waiting = await self._advance(day, slot, until)
            except ExportStopped as stopped:
                await self.note_stopped(stopped)
                raise
            if waiting:
                return {"released": released, "waiting": {"day": day, "for": waiting}}
            released.append(day)
        return {"released": released, "waiting": None}

    async def note_stopped(self, stopped: ExportStopped) -> None:
        """Keep why a day has stopped, for `ops export status`, and raise the alert."""
        log(Event.EXPORT_STOPPED, day=stopped.day, reason=stopped.sentence)

        def note(state: ExportDay) -> ExportDay:
            stage = Stage.UNPLANNED if state.stage is Stage.PLANNING else state.stage
            return state.model_copy(update={"stopped_because": stopped.sentence, "stage": stage})

        if not await self._exports.change(stopped.day, note):
            await self._exports.put(unplanned(stopped, self._documents.clock.now()), None)

    async def release_held(self, day: date, because: str) -> ExportDay:
        """Release a day that the gate holds, for a reason that is kept with it.

        It rests on what is stored, so any version of this code and of the tables can do it. A repeat with the same
        reason finishes what was interrupted. Raises `NotHeld`, `ExportStopped`, `Unavailable`.
        """
        await self._documents.check_clocks()
        kept = await self._exports.get(day)
        if kept is not None and kept.state.released_because == because:
            return kept.state if kept.state.stage is Stage.RELEASED else await self._finish(kept.state)
        if kept is None or kept.state.stage is not Stage.HELD:
            raise NotHeld
        plan = kept.state
        await self._check_manifest(plan)
        await self._check_objects(plan, await self._exports.parts(plan))
        decision = {"stage": Stage.RELEASING, "released_because": because}
        decided = await self._exports.change(
            day, lambda state: state.model_copy(update=decision) if state == plan else None
        )
        if decided is None:
            raise NotHeld
        return await self._finish(decided)

    async def revise(self, day: date) -> ExportDay:
        """Let the next run of the schedule plan a day's next revision, which takes what was written late until now.

        Raises `AlreadyReleased`, `Unavailable`.
        """
        changes = {"stage": Stage.REVISED, "closed_at": self._documents.clock.now(), "held_because": None}
        revised = await self._exports.change(
            day, lambda state: None if state.decided else state.model_copy(update=changes)
        )
        if revised is None:
            raise AlreadyReleased
        return revised

    @property
    def _first_day(self) -> date:
        if self._settings.export_first_day is None:
            raise ValueError("the setting export_first_day has no value")
        return self._settings.export_first_day

    async def _advance(self, day: date, slot: datetime, until: float) -> str | None:
        """What the day waits for; None if it is released now."""
        if monotonic() > until:
            raise Unavailable(retry_after=5)
        kept = await self._exports.get(day)
        if kept is not None and kept.state.decided:
            await self._finish(kept.state)
            return None
        plan = await self._plan(day, kept, until)
        missing = await self._exports.missing(plan)
        if missing:
            await self._ask_for(plan, missing, slot)
            return f"{len(missing)} parts"
        if plan.stage is Stage.HELD:
            return "a decision (ops export release)"
        parts = await self._exports.parts(plan)
        manifest = day_manifest_of(plan, parts, str(self._settings.supplier_mpid))
        await self._check_objects(plan, parts)
        await self._write_manifest(plan, manifest)
        plan = plan.model_copy(update={"sums": sums_of(manifest), "manifest_sha256": digest_of(manifest)})
        if reason := await self._why_held(plan, manifest):
            await self._hold(plan, reason)
            return "a decision (ops export release)"
        return None if await self._release(plan) else "its next revision"

    async def _ask_for(self, plan: ExportDay, parts: list[Part], slot: datetime) -> None:
        data = [to_json(part_due(plan, part, slot)) for part in parts]
        for start in range(0, len(data), _MESSAGES_AT_ONCE):
            await self._publish(self._settings.export_work_topic, data[start : start + _MESSAGES_AT_ONCE])

    async def _plan(self, day: date, kept: StoredDay | None, until: float) -> ExportDay:
        """A day's plan, or that of its next revision if this code would make other files. Of two plans one is kept.

        Raises `ExportStopped`, `Unavailable`.
        """
        if kept is None or not kept.state.made_like(
            configuration_of(self._settings.supplier_mpid, self._settings.test_data_flag)
        ):
            previous = kept.state if kept else None
            plan = await begun(day, previous, self._documents.clock.now(), self._exports, self._settings)
            await self._exports.put(plan, kept)
            kept = await self._exports.get(day)
        if kept is None:
            raise ExportStopped(day, "the plan that was stored is gone; look who deletes documents of exports")
        if kept.state.stage is not Stage.PLANNING:
            return kept.state
        plan = await cut(kept.state, self._exports, until)
        if await self._exports.put(plan, kept):
            log(
                Event.EXPORT_PLANNED,
                day=day,
                revision=plan.revision,
                parts=plan.parts,
                supply_points=plan.counted,
            )
            return plan
        stored = await self._exports.get(day)
        if stored is None or stored.state.revision != plan.revision or not stored.state.planned:
            raise Unavailable(retry_after=5)  # a revision was asked for meanwhile
        return stored.state  # another run was faster

    async def _write_manifest(self, plan: ExportDay, manifest: DayManifest) -> None:
        """Raises `ExportStopped`, `Unavailable`."""
        content = manifest.text()
        await put_or_stop(self._bucket, plan, SIGNATURE, await self._signer.sign(content), _OCTETS)
        await put_or_stop(self._bucket, plan, DAY_MANIFEST, content, _JSON)

    async def _why_held(self, plan: ExportDay, manifest: DayManifest) -> str | None:
        """The anomaly gate. Every day since the first is released, or this one's turn had not come."""
        back = min(TRAILING_DAYS, (plan.day - self._first_day).days)
        before = await self._exports.days([plan.day - timedelta(days=days) for days in range(1, back + 1)])
        return why_held(sums_of(manifest), [day.sums for day in before if day and day.sums], self._settings)

    async def _hold(self, plan: ExportDay, reason: str) -> None:
        held = plan.model_copy(update={"stage": Stage.HELD, "held_because": reason, "stopped_because": None})
        if await self._exports.change(plan.day, lambda state: held if _same_revision(state, plan) else None):
            log(Event.EXPORT_DAY_HELD, day=plan.day, revision=plan.revision, reason=reason)

    async def _check_manifest(self, plan: ExportDay) -> None:
        """Raises `ExportStopped` unless the manifest is still what was written, `Unavailable`."""
        path = f"{folder(plan.day, plan.revision)}/{DAY_MANIFEST}"
        if await self._bucket.sha256(path) != plan.manifest_sha256:
            raise _changed(plan, path)

    async def _check_objects(self, plan: ExportDay, parts: Sequence[Part]) -> None:
        """Raises `ExportStopped` unless every object is still what its worker wrote, `Unavailable`."""
        place = folder(plan.day, plan.revision)
        found = await self._bucket.md5_by_path(f"{place}/")
        for part in parts:
            if part.result is None or part.result.path is None:
                continue
            path = f"{place}/{part.result.path}"
            if found.get(path) != part.result.md5:
                raise _changed(plan, path)

    async def _release(self, plan: ExportDay) -> bool:
        """Decide on this revision, and finish what follows; False if another revision has begun meanwhile."""
        releasing = plan.model_copy(update={"stage": Stage.RELEASING})

        def decide(state: ExportDay) -> ExportDay | None:
            if state.decided and state.revision == plan.revision:
                return state
            return releasing if _same_revision(state, plan) else None

        decided = await self._exports.change(plan.day, decide)
        if decided is None:
            return False
        await self._finish(decided)
        return True

    async def _finish(self, plan: ExportDay) -> ExportDay:
        """Let a decided revision be sent. It rests on what is stored, so any version of this code can do it."""
        released = Released(
            day=plan.day,
            revision=plan.revision,
            manifest_sha256=str(plan.manifest_sha256),
            because=plan.released_because,
        )
        await put_or_stop(self._bucket, plan, RELEASED, released.text(), _JSON)
        done = {"stage": Stage.RELEASED, "released_at": self._documents.clock.now(), "stopped_because": None}
        changed = await self._exports.change(
            plan.day, lambda state: state.model_copy(update=done) if state.stage is Stage.RELEASING else None
        )
        if changed is not None:
            _log_release(changed)
        return changed or plan


def _same_revision(state: ExportDay, plan: ExportDay) -> bool:
    """Whether a day is still planned as when its manifest was made."""
    return (state.revision, state.stage) == (plan.revision, Stage.PLANNED)


def _changed(plan: ExportDay, path: str) -> ExportStopped:
    return ExportStopped(
        plan.day,
        f"{path} is not what its worker wrote; nothing is released. Find out who changed the bucket, then "
        f"ops export revise {plan.day}",
    )


def _log_release(plan: ExportDay) -> None:
    if plan.sums is None:
        return
    log(
        Event.EXPORT_DAY_RELEASED,
        day=plan.day,
        revision=plan.revision,
        files=plan.sums.files,
        supply_points=plan.sums.written,
    )
    if plan.sums.unroutable:
        log(Event.EXPORT_UNROUTABLE, day=plan.day, supply_points=plan.sums.unroutable)


async def put_or_stop(bucket: Bucket, plan: ExportDay, name: str, content: bytes, content_type: str) -> None:
    """Write an object of a day's revision. Raises `ExportStopped` if there is another of that name, `Unavailable`."""
    path = f"{folder(plan.day, plan.revision)}/{name}"
    try:
        await bucket.put(path, content, content_type)
    except DifferentObject:
        raise ExportStopped(
            plan.day,
            f"{path} is there already with other content; nothing is overwritten and nothing is released. Find out who "
            f"wrote it, then ops export revise {plan.day}",
        ) from None


@cache
def export_days() -> ExportDays:
    """The export of this process."""
    return ExportDays(documents(), exports(), bucket(str(settings().export_bucket)), signer(), settings(), publish_all)
