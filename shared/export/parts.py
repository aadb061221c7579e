"""One part of a day: read its range of the feed, make the file, upload it, store the result with the part."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Self

from shared.domain.export_day import ExportDay, ExportStopped, Part, PartResult, Stage, configuration_of
from shared.domain.feed import FeedEntry
from shared.errors import Unavailable
from shared.export.days import ExportDays, put_or_stop
from shared.export.render import PartFile, format_of, path_of
from shared.export.work import PartWork
from shared.log import Event, log
from shared.settings import Settings
from shared.store.documents import Documents
from shared.store.exports import Exports, StoredPart
from shared.store.objects import Bucket, Buckets
from shared.store.service import Service


class ExportParts:
    """Writes parts."""

    def __init__(
        self, documents: Documents, exports: Exports, bucket: Bucket, days: ExportDays, settings: Settings
    ) -> None:
        self._documents = documents
        self._exports = exports
        self._bucket = bucket
        self._days = days
        self._settings = settings

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(
            service.documents,
            service.part(Exports),
            service.part(Buckets).get(str(service.settings.export_bucket)),
            service.part(ExportDays),
            service.settings,
        )

    async def write(self, work: PartWork) -> None:
        """Write a part, and bring its day on if it was the last. A repeat finds the same and changes nothing.

        A day that cannot be exported keeps the reason; its work is asked for again by the next run of the schedule.
        Raises `Unavailable`, also if this process would not make the files that the plan means.
        """
        await self._documents.check_clocks()
        day = await self._exports.get(work.day)
        kept = await self._exports.part(day.state, work.recipient, work.part) if day else None
        if day is None or kept is None or not _wanted(day.state, work):
            log(Event.EXPORT_PART_NOT_WANTED, day=work.day, revision=work.revision, recipient=work.recipient)
            return
        plan = day.state
        if kept.part.result is None:
            if not plan.made_like(configuration_of(self._settings.supplier_mpid, self._settings.test_data_flag)):
                raise Unavailable(retry_after=60)
            try:
                await self._write(plan, kept)
            except ExportStopped as stopped:
                await self._days.note_stopped(stopped)
                return
        if not await self._exports.how_many_missing(plan):
            with suppress(ExportStopped):  # noted with its day
                await self._days.advance(work.slot)

    async def _write(self, plan: ExportDay, kept: StoredPart) -> None:
        """Raises `ExportStopped`, `Unavailable`."""
        part = kept.part
        content, result = await self._render(plan, part)
        if content is not None:
            await put_or_stop(self._bucket, plan, path_of(part), content, format_of(part.recipient).content_type)
        if await self._exports.note_result(plan, kept, result) != result:
            raise ExportStopped(
                plan.day,
                f"two workers made different files of {part.recipient}-{part.number}; nothing is released, this is a "
                "defect of the renderer",
            )
        log(
            Event.EXPORT_PART_WRITTEN,
            day=plan.day,
            revision=plan.revision,
            recipient=part.recipient,
            part=part.number,
            supply_points=result.written,
        )

    async def _render(self, plan: ExportDay, part: Part) -> tuple[bytes | None, PartResult]:
        """Raises `ExportStopped` if the feed is not what was planned, or has changed since the day closed."""
        file = PartFile(plan, part, self._settings)
        counted = 0
        newest = datetime.min.replace(tzinfo=UTC)
        async for page in self._exports.entries(plan.day, part):
            counted += len(page)
            newest = max(newest, *(stored.updated_at for stored in page))
            for stored in page:
                file.add(FeedEntry.model_validate_json(stored.state))
        if counted and self._documents.clock.at(newest) >= plan.closed_at:
            raise ExportStopped(
                plan.day,
                f"a feed entry of {part.recipient}-{part.number} was written after the day had closed; nothing is "
                "released. Find the instance whose clock is wrong or that was frozen, then "
                f"psr export revise {plan.day}, which takes it",
            )
        if counted != part.counted:
            raise ExportStopped(
                plan.day,
                f"{part.counted} supply points were planned for {part.recipient}-{part.number}, but {counted} read; "
                "nothing is released, look who deletes documents of export_feed",
            )
        return file.finish()


def _wanted(plan: ExportDay, work: PartWork) -> bool:
    return plan.revision == work.revision and plan.planned and plan.stage is not Stage.RELEASED
