"""Days of the export, strictly in order: plan a closed day, ask for its parts, write its manifest, release it.

`advance` may be called at any time, by anyone, any number of times: by the schedule, and by the worker whose part was
the last one. It looks at what is stored and does what comes next, so being killed anywhere costs a repetition only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import cache
from typing import Any

from pydantic_core import to_json

from shared.clock import Clock, last_closed_day
from shared.domain.recipients import UNROUTABLE, recipients
from shared.errors import ClockOutOfStep
from shared.export.bucket import Bucket, DifferentObject, bucket
from shared.export.manifest import MANIFEST, RELEASED, Manifest, Released, digest_of, manifest_of
from shared.export.plan import (
    HIGHEST,
    RENDERER_VERSION,
    Cut,
    ExportDay,
    ExportStopped,
    Part,
    Stage,
    configuration_of,
    folder,
)
from shared.export.render import path_of
from shared.export.work import part_due
from shared.log import Event, log
from shared.messages.publisher import publish
from shared.settings import Settings, settings
from shared.store.documents import CLOCK_TOLERANCE, Documents, documents
from shared.store.exports import Exports, Kept, exports

Publish = Callable[[str, bytes], Awaitable[str]]

#: A long backlog is healed over several runs.
_DAYS_AT_ONCE = 31
_JSON = "application/json"


class ExportDays:
    """Moves days forward."""

    def __init__(
        self, documents: Documents, exports: Exports, bucket: Bucket, settings: Settings, publish: Publish
    ) -> None:
        self._documents = documents
        self._exports = exports
        self._bucket = bucket
        self._settings = settings
        self._publish = publish

    async def advance(self, slot: datetime) -> dict[str, Any]:
        """Do whatever comes next for the days that were closed at a schedule time; says what that was.

        Raises `ExportStopped` (and keeps the reason with the day), `ClockOutOfStep`, `Unavailable`.
        """
        await self._documents.check_clocks()
        check_slot(slot, self._documents.clock)
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

    @property
    def _first_day(self) -> date:
        if self._settings.export_first_day is None:
            raise ValueError("the setting export_first_day has no value")
        return self._settings.export_first_day

    async def _advance(self, day: date, slot: datetime) -> str | None:
        """What the day waits for; None if it is released now."""
        kept = await self._exports.get(day)
        if kept is None or not kept.state.made_like(configuration_of(self._settings)):
            kept = await self._plan(day, kept)
        plan = kept.state
        if plan.missing:
            await asyncio.gather(*(self._ask_for(plan, part, slot) for part in plan.missing))
            return f"{len(plan.missing)} parts"
        if plan.stage is Stage.HELD:
            return "a decision: ops export release"
        await self._release(plan, await self._write_manifest(plan))
        return None

    async def _ask_for(self, plan: ExportDay, part: Part, slot: datetime) -> None:
        await self._publish(self._settings.export_work_topic, to_json(part_due(plan, part, slot)))

    async def _plan(self, day: date, kept: Kept | None) -> Kept:
        """Fix the parts of a day, or of its next revision if the code or the tables have changed since.

        Raises `ExportStopped`.
        """
        names = await self._exports.recipients_in_feed()
        known = [name for name in names if name in recipients()]
        if unknown := [name for name in names if name not in recipients()]:
            left = await self._exports.count(unknown, day)
            if left:
                raise ExportStopped(
                    day,
                    f"{left} feed entries are for recipients that the recipient table does not have "
                    f"({', '.join(unknown)}); put their rows back until the day is released",
                )
        counted = await self._exports.count(known, day)
        parts: list[Part] = []
        for name in known:
            cut = Cut(name)
            async for document_id, size in self._exports.sizes(name, day):
                cut.add(document_id, size)
            parts += cut.parts()
        plan = ExportDay(
            day=day,
            revision=kept.state.revision + 1 if kept else 1,
            created_at=self._documents.clock.now().replace(microsecond=0),
            renderer=RENDERER_VERSION,
            configuration=configuration_of(self._settings),
            counted=counted,
            parts=parts,
        )
        _check_plan(plan)
        if await self._exports.put(plan, kept):
            log(Event.EXPORT_PLANNED, day=day, revision=plan.revision, parts=len(parts), supply_points=plan.counted)
        stored = await self._exports.get(day)
        if stored is None:
            raise ExportStopped(day, "the plan that was stored is gone; look who deletes documents of `exports`")
        return stored

    async def _write_manifest(self, plan: ExportDay) -> Manifest:
        """The day's manifest, written if every object is still what its worker wrote. Raises `ExportStopped`."""
        manifest = manifest_of(plan, str(self._settings.supplier_mpid))
        await asyncio.gather(*(self._check_object(plan, part) for part in plan.parts))
        await put_or_stop(self._bucket, plan, MANIFEST, manifest.text(), _JSON)
        return manifest

    async def _check_object(self, plan: ExportDay, part: Part) -> None:
        if part.result is None or part.result.sha256 is None:
            return
        path = f"{folder(plan.day, plan.revision)}/{path_of(part)}"
        if await self._bucket.sha256(path) != part.result.sha256:
            raise ExportStopped(
                plan.day,
                f"{path} is not what its worker wrote; nothing is released. Find out who changed the bucket, "
                "remove the object, then start the export again",
            )

    async def _release(self, plan: ExportDay, manifest: Manifest, because: str | None = None) -> None:
        digest = digest_of(manifest)
        released = Released(day=plan.day, revision=plan.revision, manifest_sha256=digest, because=because)
        await put_or_stop(self._bucket, plan, RELEASED, released.text(), _JSON)
        now = self._documents.clock.now()

        def release(state: ExportDay) -> ExportDay | None:
            if state.revision != plan.revision or state.stage is Stage.RELEASED:
                return None
            changes = {"stage": Stage.RELEASED, "manifest_sha256": digest, "released_at": now, "stopped_because": None}
            return state.model_copy(update=changes)

        if await self._exports.change(plan.day, release):
            files = sum(len(row.files) for row in manifest.recipients)
            log(
                Event.EXPORT_DAY_RELEASED,
                day=plan.day,
                revision=plan.revision,
                files=files,
                supply_points=manifest.written,
            )
            unroutable = sum(row.counted for row in manifest.recipients if row.recipient == UNROUTABLE)
            if unroutable:
                log(Event.EXPORT_UNROUTABLE, day=plan.day, supply_points=unroutable)


def unplanned(stopped: ExportStopped, now: datetime) -> ExportDay:
    """A day that could not be planned, and why."""
    return ExportDay(
        day=stopped.day,
        revision=0,
        created_at=now,
        renderer=0,
        configuration="",
        counted=0,
        parts=[],
        stage=Stage.UNPLANNED,
        stopped_because=stopped.sentence,
    )


def check_slot(slot: datetime, clock: Clock) -> None:
    """A schedule time cannot lie ahead. Raises `ClockOutOfStep`."""
    if slot > clock.now() + CLOCK_TOLERANCE:
        raise ClockOutOfStep(headers={"Retry-After": "60"})


async def put_or_stop(bucket: Bucket, plan: ExportDay, name: str, content: bytes, content_type: str) -> None:
    """Write an object of a day's revision. Raises `ExportStopped` if there is another of that name, `Unavailable`."""
    path = f"{folder(plan.day, plan.revision)}/{name}"
    try:
        await bucket.put(path, content, content_type)
    except DifferentObject:
        raise ExportStopped(
            plan.day,
            f"{path} is there already with other content; nothing is overwritten and nothing is released. Find out who "
            "wrote it, remove it, then start the export again",
        ) from None


def _check_plan(plan: ExportDay) -> None:
    """Raises `ExportStopped`."""
    found = sum(part.counted for part in plan.parts)
    if found != plan.counted:
        raise ExportStopped(
            plan.day,
            f"{plan.counted} supply points were counted for the whole day, but {found} were read; start the export "
            "again, and if it stays look for feed entries without the field `file`",
        )
    highest = max((part.number for part in plan.parts), default=0)
    if max(highest, plan.revision) > HIGHEST:
        raise ExportStopped(
            plan.day,
            f"revision {plan.revision} has up to {highest} parts for one recipient; a file id has room for {HIGHEST}",
        )


@cache
def export_days() -> ExportDays:
    """The export of this process."""
    return ExportDays(documents(), exports(), bucket(), settings(), publish)
