"""The export in Firestore: `exports/<day>`, each day's plan and progress, and the reading of the feed.

A day's document is replaced whole, each time under the version read: of two who change it at once, one looks again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

from shared.domain.feed import feed_file
from shared.errors import Unavailable
from shared.export.plan import ExportDay, Part, Stage
from shared.store.documents import Documents, Key, Stored, Value, documents, pause
from shared.store.rpc import CommitConflict, CommitUnanswered

_FEED = "export_feed"
#: Workers of one day meet at its document; each needs one commit.
_ATTEMPTS = 40
_LOOK_BACK = 31
#: Ids and sizes are small: long pages save round trips.
_PLAN_PAGE = 10_000
_IN_AT_MOST = 30


class Kept(NamedTuple):
    """A day as stored, with the version to expect when it is replaced."""

    state: ExportDay
    version: Any


class Exports:
    """Days of the export, and the feed that they are made of."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def get(self, day: date) -> Kept | None:
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

    async def put(self, state: ExportDay, replacing: Kept | None) -> bool:
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
                raise Unavailable(headers={"Retry-After": "5"}) from None
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
        raise Unavailable(headers={"Retry-After": "5"})

    async def recipients_in_feed(self) -> list[str]:
        """Every recipient that the feed has entries for, of any day, whatever the recipient table says now."""
        found: list[str] = []
        file = await self._documents.first_value_after(_FEED, "file", "")
        while file is not None:
            recipient = file.partition("|")[0]
            found.append(recipient)
            file = await self._documents.first_value_after(_FEED, "file", f"{recipient}|~")
        return found

    async def count(self, recipients: Sequence[str], day: date) -> int:
        """How many feed entries a day has for these recipients, by aggregation queries. Raises `Unavailable`."""
        files = [feed_file(recipient, day) for recipient in recipients]
        chunks = [files[start : start + _IN_AT_MOST] for start in range(0, len(files), _IN_AT_MOST)]
        return sum([await self._documents.count(_FEED, "file", chunk) for chunk in chunks])

    async def sizes(self, recipient: str, day: date) -> AsyncIterator[tuple[str, int]]:
        """Id and size of every feed entry of a recipient's day, in order of id."""
        file = "file", feed_file(recipient, day)
        async for page in self._documents.pages(_FEED, equal=file, fields=["size"], limit=_PLAN_PAGE):
            for stored in page:
                size = stored.fields["size"]
                if not isinstance(size, int):
                    raise TypeError("the field size is not a number")
                yield stored.document_id, size

    def entries(self, day: date, part: Part) -> AsyncIterator[list[Stored]]:
        """The feed entries of a part, in pages, in order of id."""
        return self._documents.pages(
            _FEED,
            equal=("file", feed_file(part.recipient, day)),
            from_id=part.from_id,
            before_id=part.before_id,
        )


def _key(day: date) -> Key:
    return Key("exports", day.isoformat())


def _kept(stored: Stored | None) -> Kept | None:
    return Kept(ExportDay.model_validate_json(stored.state), stored.update_time) if stored else None


@cache
def exports() -> Exports:
    """The export days of this process's database."""
    return Exports(documents())
