"""The export in Firestore: a day's plan and progress (`exports/<day>`), its parts (`export_parts`), reading the feed.

Each document is replaced whole, under the version read: of two writers that change it at once, one reads it again. A
part has a document of its own, so workers do not compete for the day's, and a day has as many parts as it needs.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, Self

from shared.domain.export_day import ExportDay, Part, PartResult, Stage
from shared.domain.feed import feed_file
from shared.errors import Unavailable
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Collection, Documents, Key, Stored
from shared.store.service import Service
from shared.store.values import Value

#: An indexed field of a part that nobody has written yet: the revision that misses it.
_MISSING = "missing"
_ATTEMPTS = 40
_PARTS_PER_COMMIT = 250
_LOOK_BACK = 31
#: Ids and sizes are small: long pages save round trips.
_PLAN_PAGE = 10_000
_IN_AT_MOST = 30
#: One aggregation counts up to this many entries well within its time-out of 60 s; of more, ranges of ids are counted.
_COUNT_AT_MOST = 500_000
#: The first characters of feed document ids, which begin with a keyed hash.
_RANGES = "0123456789abcdef"


class StoredDay(NamedTuple):
    """A day as stored, with the version to expect when it is replaced."""

    state: ExportDay
    version: Any


class StoredPart(NamedTuple):
    """A part as stored, with the version to expect when it is replaced."""

    part: Part
    version: Any


class Exports:
    """Days of the export, their parts, and the feed that they are made of."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(service.documents)

    async def get(self, day: date) -> StoredDay | None:
        """A day; one RPC. Raises `Unavailable`."""
        return _kept(await self._documents.get(_key(day)))

    async def days(self, days: Sequence[date]) -> list[ExportDay | None]:
        """Several days; one RPC. Raises `Unavailable`."""
        found = await self._documents.batch_get([_key(day) for day in days])
        return [kept.state if (kept := _kept(stored)) else None for stored in found]

    async def oldest_unreleased(self, first: date, last: date) -> date | None:
        """The day whose turn it is, from `first` to `last`: days are released strictly in order."""
        oldest = None
        newest = last
        while newest >= first:
            days = [newest - timedelta(days=back) for back in range(min(_LOOK_BACK, (newest - first).days + 1))]
            for day, state in zip(days, await self.days(days), strict=True):
                if state is not None and state.stage is Stage.RELEASED:
                    return oldest
                oldest = day
            newest = days[-1] - timedelta(days=1)
        return oldest

    async def put(self, state: ExportDay, replacing: StoredDay | None) -> bool:
        """Store a day if it is still as read, and say whether it was. Raises `Unavailable`."""
        fields: dict[str, Value] = {"stage": state.stage.value, "state": state.model_dump_json()}
        write = (
            self._documents.create(_key(state.day), fields)
            if replacing is None
            else self._documents.replace(_key(state.day), fields, replacing.version)
        )
        try:
            await self._documents.commit([write])
        except CommitConflict:
            kept = await self.get(state.day)
            return kept is not None and kept.state == state
        except CommitUnanswered:
            kept = await self.get(state.day)
            if kept is None or kept.state != state:
                raise Unavailable(retry_after=5) from None
        return True

    async def change(self, day: date, change: Callable[[ExportDay], ExportDay | None]) -> ExportDay | None:
        """Change a day, however many others do so too; `change` is called again after each that was faster.

        Returns the state stored; None if there is no such day or `change` returned None. Raises `Unavailable`.
        """
        for attempt in range(_ATTEMPTS):
            kept = await self.get(day)
            wanted = change(kept.state) if kept else None
            if wanted is None or kept is None:
                return None
            if wanted == kept.state or await self.put(wanted, kept):
                return wanted
            await pause(attempt)
        raise Unavailable(retry_after=5)

    async def add_parts(self, plan: ExportDay, parts: Sequence[Part]) -> bool:
        """Store parts that nobody has written yet; False if one of these numbers is stored already.

        Those that were stored before stay. Raises `Unavailable`.
        """
        for start in range(0, len(parts), _PARTS_PER_COMMIT):
            chunk = parts[start : start + _PARTS_PER_COMMIT]
            writes = [self._documents.create(_part_key(plan, part), _part_fields(plan, part)) for part in chunk]
            try:
                await self._documents.commit(writes)
            except CommitConflict:
                return False
            except CommitUnanswered:
                raise Unavailable(retry_after=5) from None
        return True

    async def part(self, plan: ExportDay, recipient: str, number: int) -> StoredPart | None:
        """One part; one RPC. Raises `Unavailable`."""
        stored = await self._documents.get(Key(Collection.EXPORT_PARTS, _part_id(plan, recipient, number)))
        return StoredPart(Part.model_validate_json(stored.state), stored.update_time) if stored else None

    async def parts(self, plan: ExportDay, recipient: str | None = None) -> list[Part]:
        """Every part of a revision that is stored, or those of one recipient, in order of recipient and number."""
        prefix = _revision(plan) if recipient is None else f"{_revision(plan)}-{recipient}"
        pages = self._documents.pages(
            Collection.EXPORT_PARTS, from_id=f"{prefix}-", before_id=f"{prefix}."
        )  # `.` follows `-` in ASCII
        return [Part.model_validate_json(stored.state) async for page in pages for stored in page]

    async def missing(self, plan: ExportDay) -> list[Part]:
        """The parts that nobody has written yet."""
        pages = self._documents.pages(Collection.EXPORT_PARTS, equal=(_MISSING, _revision(plan)))
        return [Part.model_validate_json(stored.state) async for page in pages for stored in page]

    async def how_many_missing(self, plan: ExportDay) -> int:
        """How many parts nobody has written yet; one RPC. Raises `Unavailable`."""
        return await self._documents.count(Collection.EXPORT_PARTS, _MISSING, [_revision(plan)])

    async def note_result(self, plan: ExportDay, kept: StoredPart, result: PartResult) -> PartResult:
        """Store a part's result if it has none; returns the one that it has. Raises `Unavailable`."""
        done = kept.part.model_copy(update={"result": result})
        key = _part_key(plan, done)
        try:
            await self._documents.commit([self._documents.replace(key, _part_fields(plan, done), kept.version)])
        except (CommitConflict, CommitUnanswered):
            stored = await self.part(plan, done.recipient, done.number)
            if stored is None or stored.part.result is None:
                raise Unavailable(retry_after=5) from None
            return stored.part.result
        return result

    async def recipients_in_feed(self) -> list[str]:
        """Every recipient that the feed has entries for, of any day, also those that the recipient table lacks now."""
        found: list[str] = []
        file = await self._documents.first_value_after(Collection.EXPORT_FEED, "file", "")
        while file is not None:
            recipient = file.partition("|")[0]
            found.append(recipient)
            file = await self._documents.first_value_after(Collection.EXPORT_FEED, "file", f"{recipient}|~")
        return found

    async def count(self, recipients: Sequence[str], day: date) -> int:
        """How many feed entries a day has for these recipients, by aggregation queries. Raises `Unavailable`."""
        files = [feed_file(recipient, day) for recipient in recipients]
        chunks = [files[start : start + _IN_AT_MOST] for start in range(0, len(files), _IN_AT_MOST)]
        return sum([await self._count(chunk) for chunk in chunks])

    async def _count(self, files: Sequence[str]) -> int:
        count = await self._documents.count(Collection.EXPORT_FEED, "file", files, at_most=_COUNT_AT_MOST)
        if count < _COUNT_AT_MOST:
            return count
        bounds = pairwise([None, *_RANGES[1:], None])
        return sum(
            [
                await self._documents.count(Collection.EXPORT_FEED, "file", files, from_id=low, before_id=high)
                for low, high in bounds
            ]
        )

    async def sizes(self, recipient: str, day: date, from_id: str | None) -> AsyncIterator[list[tuple[str, int]]]:
        """Id and size of every feed entry of a recipient's day from an id on, in order of id, in pages."""
        bounds: dict[str, Any] = {"equal": ("file", feed_file(recipient, day)), "from_id": from_id, "fields": ["size"]}
        async for page in self._documents.pages(Collection.EXPORT_FEED, limit=_PLAN_PAGE, **bounds):
            yield [(stored.document_id, _size(stored)) for stored in page]

    def entries(self, day: date, part: Part) -> AsyncIterator[list[Stored]]:
        """The feed entries of a part, in pages, in order of id."""
        return self._documents.pages(
            Collection.EXPORT_FEED,
            equal=("file", feed_file(part.recipient, day)),
            from_id=part.from_id,
            before_id=part.before_id,
        )


def _key(day: date) -> Key:
    return Key(Collection.EXPORTS, day.isoformat())


def _revision(plan: ExportDay) -> str:
    """How the ids of a revision's parts begin: `2026-11-23-r0001`."""
    return f"{plan.day}-r{plan.revision:04}"


def _part_id(plan: ExportDay, recipient: str, number: int) -> str:
    """`2026-11-23-r0001-EELC-00001`."""
    return f"{_revision(plan)}-{recipient}-{number:05}"


def _part_key(plan: ExportDay, part: Part) -> Key:
    return Key(Collection.EXPORT_PARTS, _part_id(plan, part.recipient, part.number))


def _part_fields(plan: ExportDay, part: Part) -> dict[str, Value]:
    missing = _revision(plan) if part.result is None else None
    return {_MISSING: missing, "state": part.model_dump_json()}


def _size(stored: Stored) -> int:
    size = stored.fields["size"]
    if not isinstance(size, int):
        raise TypeError("the field size is not a number")
    return size


def _kept(stored: Stored | None) -> StoredDay | None:
    return StoredDay(ExportDay.model_validate_json(stored.state), stored.update_time) if stored else None
