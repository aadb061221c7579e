"""Days of the export, strictly in order: plan a closed day, ask for its parts, write its manifest, release it.

`advance` may be called at any time, by anyone, any number of times: by the schedule, and by the worker whose part was
the last one. It looks at what is stored and does what comes next, so being killed anywhere costs a repetition only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from pydantic_core import to_json

from shared.clock import last_closed_day
from shared.domain.recipients import UNROUTABLE
from shared.export.gate import TRAILING_DAYS, Totals, why_held
from shared.export.manifest import MANIFEST, RELEASED, SIGNATURE, Manifest, Released, digest_of, manifest_of
from shared.export.plan import (
    ExportDay,
    ExportStopped,
    Part,
    Stage,
    configuration_of,
    folder,
)
from shared.export.planner import plan_of, unplanned
from shared.export.render import path_of
from shared.export.signer import Signer, signer
from shared.export.work import part_due
from shared.log import Event, log
from shared.messages.publisher import publish
from shared.objects import Bucket, DifferentObject, bucket
from shared.settings import Settings, settings
from shared.store.documents import Documents, documents
from shared.store.exports import Exports, Kept, exports

Publish = Callable[[str, bytes], Awaitable[str]]

#: A long backlog is healed over several runs.
_DAYS_AT_ONCE = 31
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

        Raises `ExportStopped` (and keeps the reason with the day), `ClockOutOfStep`, `Unavailable`.
        """
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
                waiting = await self._advance(day, slot)
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
        noted = {"stopped_because": stopped.sentence}
        if not await self._exports.change(stopped.day, lambda state: state.model_copy(update=noted)):
            await self._exports.put(unplanned(stopped, self._documents.clock.now()), None)

    async def release_held(self, day: date, because: str) -> ExportDay:
        """Release a day that the gate holds, for a reason that is kept with it.

        Raises `NotHeld`, `ExportStopped`, `Unavailable`.
        """
        await self._documents.check_clocks()
        decided = await self._exports.change(
            day,
            lambda state: state.model_copy(update={"released_because": because}) if state.stage is Stage.HELD else None,
        )
        if decided is None:
            raise NotHeld
        await self._release(decided, await self._write_manifest(decided))
        kept = await self._exports.get(day)
        return kept.state if kept else decided

    async def revise(self, day: date) -> ExportDay:
        """Let the next run of the schedule plan a day's next revision, which takes what was written late until now.

        Raises `AlreadyReleased`, `Unavailable`.
        """
        anew = {"renderer": 0, "closed_at": self._documents.clock.now()}
        revised = await self._exports.change(
            day, lambda state: None if state.decided else state.model_copy(update=anew)
        )
        if revised is None:
            raise AlreadyReleased
        return revised

    @property
    def _first_day(self) -> date:
        if self._settings.export_first_day is None:
            raise ValueError("the setting export_first_day has no value")
        return self._settings.export_first_day

    async def _advance(self, day: date, slot: datetime) -> str | None:
        """What the day waits for; None if it is released now."""
        kept = await self._exports.get(day)
        if kept is not None and kept.state.decided:
            await self._finish(kept.state)
            return None
        if kept is None or not kept.state.made_like(configuration_of(self._settings)):
            kept = await self._plan(day, kept)
        plan = kept.state
        if plan.missing:
            await asyncio.gather(*(self._ask_for(plan, part, slot) for part in plan.missing))
            return f"{len(plan.missing)} parts"
        manifest = await self._write_manifest(plan)
        if plan.released_because is None and (reason := await self._why_held(plan)):
            await self._hold(plan, manifest, reason)
            return "a decision (ops export release)"
        return None if await self._release(plan, manifest) else "its next revision"

    async def _ask_for(self, plan: ExportDay, part: Part, slot: datetime) -> None:
        await self._publish(self._settings.export_work_topic, to_json(part_due(plan, part, slot)))

    async def _plan(self, day: date, kept: Kept | None) -> Kept:
        """Plan a day, or its next revision, and keep it. Of two who plan at once, one plan is kept.

        Raises `ExportStopped`.
        """
        previous = kept.state if kept else None
        plan = await plan_of(day, previous, self._documents.clock.now(), self._exports, self._settings)
        if await self._exports.put(plan, kept):
            log(
                Event.EXPORT_PLANNED,
                day=day,
                revision=plan.revision,
                parts=len(plan.parts),
                supply_points=plan.counted,
            )
        stored = await self._exports.get(day)
        if stored is None:
            raise ExportStopped(day, "the plan that was stored is gone; look who deletes documents of exports")
        return stored

    async def _write_manifest(self, plan: ExportDay) -> Manifest:
        """The day's manifest, signed and written if every object is still what its worker wrote.

        Raises `ExportStopped`, `Unavailable`.
        """
        manifest = manifest_of(plan, str(self._settings.supplier_mpid))
        await asyncio.gather(*(self._check_object(plan, part) for part in plan.parts))
        content = manifest.text()
        await put_or_stop(self._bucket, plan, SIGNATURE, await self._signer.sign(content), _OCTETS)
        await put_or_stop(self._bucket, plan, MANIFEST, content, _JSON)
        return manifest

    async def _why_held(self, plan: ExportDay) -> str | None:
        """The anomaly gate. Every day since the first is released, or this one's turn had not come."""
        back = min(TRAILING_DAYS, (plan.day - self._first_day).days)
        before = await self._exports.days([plan.day - timedelta(days=days) for days in range(1, back + 1)])
        return why_held(Totals.of(plan), [Totals.of(day) for day in before if day], self._settings)

    async def _hold(self, plan: ExportDay, manifest: Manifest, reason: str) -> None:
        def hold(state: ExportDay) -> ExportDay | None:
            if state.revision != plan.revision or state.stage is not Stage.PLANNED:
                return None
            changes = {"stage": Stage.HELD, "held_because": reason, "manifest_sha256": digest_of(manifest)}
            return state.model_copy(update=changes | {"stopped_because": None})

        if await self._exports.change(plan.day, hold):
            log(Event.EXPORT_DAY_HELD, day=plan.day, revision=plan.revision, reason=reason)

    async def _check_object(self, plan: ExportDay, part: Part) -> None:
        if part.result is None or part.result.sha256 is None:
            return
        path = f"{folder(plan.day, plan.revision)}/{path_of(part)}"
        if await self._bucket.sha256(path) != part.result.sha256:
            raise ExportStopped(
                plan.day,
                f"{path} is not what its worker wrote; nothing is released. Find out who changed the bucket, then "
                f"ops export revise {plan.day}",
            )

    async def _release(self, plan: ExportDay, manifest: Manifest) -> bool:
        """Decide on this revision, and finish what follows; False if another revision has begun meanwhile."""
        decision = {"stage": Stage.RELEASING, "manifest_sha256": digest_of(manifest)}

        def decide(state: ExportDay) -> ExportDay | None:
            if (state.revision, state.renderer) != (plan.revision, plan.renderer):
                return None
            return state if state.decided else state.model_copy(update=decision)

        decided = await self._exports.change(plan.day, decide)
        if decided is None:
            return False
        await self._finish(decided)
        return True

    async def _finish(self, plan: ExportDay) -> None:
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


def _log_release(plan: ExportDay) -> None:
    log(
        Event.EXPORT_DAY_RELEASED,
        day=plan.day,
        revision=plan.revision,
        files=sum(part.result is not None and part.result.sha256 is not None for part in plan.parts),
        supply_points=sum(part.result.written for part in plan.parts if part.result),
    )
    if unroutable := sum(part.counted for part in plan.parts if part.recipient == UNROUTABLE):
        log(Event.EXPORT_UNROUTABLE, day=plan.day, supply_points=unroutable)


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
    return ExportDays(documents(), exports(), bucket(str(settings().export_bucket)), signer(), settings(), publish)
