"""Write one part of a day: read its range of the feed, make the file, upload it, store the result with the part."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Self

from shared.domain.export_day import ExportDay, ExportStopped, Part, PartResult, Stage, configuration_of
from shared.domain.feed import FeedEntry
from shared.errors import Unavailable
from shared.export.day_objects import put_or_stop
from shared.export.days import ExportDays
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
        """Write a part, and advance its day after the last part. A repeat changes nothing.

        A day that cannot be exported stores the reason; the schedule's next run requests its parts again. Raises
        `Unavailable`, also if this process would make other files than those of the plan.
        """
        await self._documents.check_clocks()
        stored_day = await self._exports.get(work.day)
        export_day = stored_day.state if stored_day else None
        stored = await self._exports.part(export_day, work.recipient, work.part) if export_day else None
        if export_day is None or stored is None or not _is_wanted(export_day, work):
            log(Event.EXPORT_PART_NOT_WANTED, day=work.day, revision=work.revision, recipient=work.recipient)
            return
        if stored.part.result is None:
            if not export_day.made_like(configuration_of(self._settings.supplier_mpid, self._settings.test_data_flag)):
                raise Unavailable(retry_after=60)
            try:
                await self._write(export_day, stored)
            except ExportStopped as stopped:
                await self._days.note_stopped(stopped)
                return
        if not await self._exports.how_many_missing(export_day):
            with suppress(ExportStopped):  # the reason is stored with the day
                await self._days.advance(work.slot)

    async def _write(self, export_day: ExportDay, stored: StoredPart) -> None:
        """Raises `ExportStopped`, `Unavailable`."""
        part = stored.part
        content, result = await self._render(export_day, part)
        if content is not None:
            await put_or_stop(self._bucket, export_day, path_of(part), content, format_of(part.recipient).content_type)
        if await self._exports.note_result(export_day, stored, result) != result:
            raise ExportStopped(
                export_day.day,
                f"two workers made different files for {part.name}. Nothing is released. This is a defect of the "
                "renderer: report it to the developers",
            )
        log(
            Event.EXPORT_PART_WRITTEN,
            day=export_day.day,
            revision=export_day.revision,
            recipient=part.recipient,
            part=part.number,
            supply_points=result.written,
        )

    async def _render(self, export_day: ExportDay, part: Part) -> tuple[bytes | None, PartResult]:
        """Raises `ExportStopped` if the feed differs from the plan, or has changed since the day closed."""
        file = PartFile(export_day, part, self._settings)
        counted = 0
        newest = datetime.min.replace(tzinfo=UTC)
        async for page in self._exports.entries(export_day.day, part):
            counted += len(page)
            newest = max(newest, *(stored.updated_at for stored in page))
            for stored in page:
                file.add(FeedEntry.model_validate_json(stored.state))
        if counted and self._documents.clock.at(newest) >= export_day.closed_at:
            raise ExportStopped(
                export_day.day,
                f"a feed entry of {part.name} was written after the day had closed. Nothing is released. Find the "
                f"instance that has a wrong clock or was frozen, then run psr export revise {export_day.day}: the new "
                "revision includes the entry",
            )
        if counted != part.counted:
            raise ExportStopped(
                export_day.day,
                f"{part.name} was planned with {part.counted} supply points, but its feed has {counted}. Nothing is "
                "released. Find out who deletes documents of export_feed",
            )
        return file.finish()


def _is_wanted(export_day: ExportDay, work: PartWork) -> bool:
    return export_day.revision == work.revision and export_day.planned and export_day.stage is not Stage.RELEASED
