"""What became of every record of a source file, asked of the register itself: a change, or a quarantine record."""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from ops.migration.journal import Journal
from ops.migration.records import Record, records
from shared.digest import digest
from shared.domain.registration import AccountId
from shared.settings import settings
from shared.store.documents import Key, documents
from shared.store.quarantine import QuarantineStatus, quarantine
from shared.store.registrations import registrations

_AT_ONCE = 400
_SUBSCRIPTION = "consume-migration"
_APPLIED = ("registered", "amended", "ended", "no_change")


class Missing(NamedTuple):
    """A record that is nowhere."""

    number: int
    account_id: str | None


class Reconciliation(NamedTuple):
    """`outcomes` count distinct records by what became of them; `duplicates` are further copies of the same."""

    sent: int
    duplicates: int
    outcomes: Counter[str]
    missing: list[Missing]
    accounts_missing: int


async def reconcile(file: Path, source: str, journal: Journal, progress: Callable[[int], None]) -> Reconciliation:
    """Ask for every record that the journal names as published. Raises `CommandError`, `Unavailable`."""
    outcomes: Counter[str] = Counter()
    missing: list[Missing] = []
    lost = duplicates = 0
    with _Seen() as seen:
        published = islice(records(file, source), journal.published)
        nameless = iter(journal.message_ids)
        too_large = set(journal.too_large)
        while chunk := list(islice(published, _AT_ONCE)):
            distinct = [record for record in chunk if seen.is_new(record)]
            duplicates += len(chunk) - len(distinct)
            for record, outcome in await _outcomes(distinct, nameless, too_large):
                outcomes[outcome] += 1
                if outcome == "missing":
                    lost += 1
                    missing = [*missing, Missing(record.number, record.account_id)][:1000]
            progress(len(chunk))
    return Reconciliation(journal.published, duplicates, outcomes, missing, lost)


async def _outcomes(distinct: list[Record], nameless: Iterator[str], too_large: set[int]) -> list[tuple[Record, str]]:
    """A quarantine record speaks first: an id that was used again has a change too, of the other event."""
    kept = await quarantine().get_all([_record_id(record, nameless) for record in distinct])
    changes = await documents().batch_get([Key("changes", _change_id(record)) for record in distinct])
    found = []
    for record, held, change in zip(distinct, kept, changes, strict=True):
        if held is not None and held.status is not QuarantineStatus.RESOLVED:
            why = " ".join([held.reason, *(error.code for error in held.errors[:1])])
            outcome = f"{held.status.value}: {why}"
        elif change is not None:
            kind = str(change.fields["kind"])
            outcome = "applied" if kind in _APPLIED else kind
        else:
            outcome = "too large for a message" if record.number in too_large else "missing"
        found.append((record, outcome))
    return found


def _change_id(record: Record) -> str:
    """The id that a change of this event has; one that cannot be if the event does not say what it is about."""
    if not record.named or record.account_id is None:
        return "none"
    registration_id = registrations().registration_id(AccountId(record.account_id))
    return f"{registration_id}-{digest(str(record.source), str(record.event_id))}"


def _record_id(record: Record, nameless: Iterator[str]) -> str:
    if record.named:
        return digest(str(record.source), str(record.event_id), sha256(record.data).hexdigest())
    subscription = f"projects/{settings().project}/subscriptions/{_SUBSCRIPTION}"
    return digest(subscription, next(nameless, ""))


class _Seen:
    """Which records have come before, on disk: a file of any size has a set of any size."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._table = sqlite3.connect(Path(self._folder.name) / "seen.sqlite", isolation_level=None)
        self._table.execute("PRAGMA journal_mode=OFF")
        self._table.execute("CREATE TABLE seen (record BLOB PRIMARY KEY) WITHOUT ROWID")
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()
        self._folder.cleanup()

    def is_new(self, record: Record) -> bool:
        """Whether no record with the same bytes has come before. Those that do not say what they are, are all new."""
        if not record.named:
            return True
        key = sha256(record.data).digest()
        return self._table.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1
