"""The outcome of every record of a source file, read from the register itself: a change, or a quarantine record."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from ops.migration.journal import Journal
from ops.migration.records import Record, records
from ops.migration.scratch import scratch_database
from ops.migration.work_list import TOO_LARGE, Outcome
from shared.digest import digest
from shared.domain.changes import Change, event_change_id
from shared.domain.registration import AccountId
from shared.errors import MalformedJson
from shared.messages.events import CustomerMigrated
from shared.messages.legacy import translated
from shared.store import quarantine_records as quarantined
from shared.store.documents import Collection, Key, Stored
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus, event_record_id
from shared.store.registrations import Registrations
from shared.store.service import service

#: Records in one request, and simultaneous requests.
_RECORDS = 100
_REQUESTS = 8
_SUBSCRIPTION = "consume-migration"
MISSING = "missing"
_APPLIED = ("registered", "amended", "ended", "no_change")


class Reconciliation(NamedTuple):
    """`outcomes` counts distinct records by outcome; `duplicates` are further copies of the same records."""

    sent: int
    duplicates: int
    outcomes: Counter[str]

    @property
    def missing(self) -> int:
        """How many records are neither applied nor quarantined."""
        return self.outcomes[MISSING]


async def reconcile(
    file: Path,
    source: str,
    journal: Journal,
    each: Callable[[Record, Outcome], None],
    progress: Callable[[int], None],
) -> Reconciliation:
    """Look up every record that the journal names as published; `each` gets every distinct one with its outcome.

    Raises `CommandError`, `Unavailable`.
    """
    outcomes: Counter[str] = Counter()
    duplicates = 0
    with scratch_database() as database:
        seen = _Seen(database)
        published = islice(records(file, source), journal.published)
        nameless = iter(journal.message_ids)
        too_large = set(journal.too_large)
        while window := list(islice(published, _RECORDS * _REQUESTS)):
            distinct = [record for record in window if seen.is_new(record)]
            duplicates += len(window) - len(distinct)
            large = [(record, TOO_LARGE) for record in distinct if record.number in too_large]
            fit = [(record, quarantine_id(record, nameless)) for record in distinct if record.number not in too_large]
            portions = [fit[start : start + _RECORDS] for start in range(0, len(fit), _RECORDS)]
            for record, outcome in chain(large, *await asyncio.gather(*map(outcomes_of, portions))):
                outcomes[outcome.name] += 1
                each(record, outcome)
            progress(window[-1].number)
    return Reconciliation(journal.published, duplicates, +outcomes)


async def outcomes_of(sent: list[tuple[Record, str]]) -> list[tuple[Record, Outcome]]:
    """The outcomes of records, which come with their ids in quarantine; two RPCs."""
    kept, changes = await asyncio.gather(
        service().part(Quarantine).get_all([record_id for _, record_id in sent]),
        service().documents.batch_get([Key(Collection.CHANGES, _change_id(record)) for record, _ in sent]),
    )
    found = zip(sent, kept, changes, strict=True)
    return [(record, _outcome(record, held, change)) for (record, _), held, change in found]


def _outcome(record: Record, held: quarantined.Record | None, change: Stored | None) -> Outcome:
    """A change of this very content, else its quarantine record; other content under its id is no answer.

    Of a record whose account has been erased nothing is left to compare.
    """
    if change is not None and Change.model_validate_json(change.state).erased:
        return Outcome("erased")
    if change is not None and _carries(change, record):
        kind = str(change.fields["kind"])
        return Outcome("applied" if kind in _APPLIED else kind)
    if held is None:
        return Outcome(MISSING)
    outcome = Outcome.failure(held.status.value, held.reason, held.errors)
    return outcome if held.status is QuarantineStatus.FAILED else Outcome(outcome.name)


def _carries(change: Stored, record: Record) -> bool:
    try:
        event = CustomerMigrated.model_validate_json(translated(record.data))
    except (ValidationError, MalformedJson):
        return False
    return Change.model_validate_json(change.state).fingerprint == event.fingerprint


def _change_id(record: Record) -> str:
    """The id that a change of this event has; one that cannot be if the event does not say what it is about."""
    if not record.named or record.account_id is None:
        return "none"
    registration_id = service().part(Registrations).registration_id(AccountId(record.account_id))
    return event_change_id(registration_id, str(record.source), str(record.event_id))


def quarantine_id(record: Record, nameless: Iterator[str]) -> str:
    """The id that a record has in quarantine. `nameless` holds the message ids of those without source and id."""
    if record.named:
        return event_record_id(str(record.source), str(record.event_id), record.data)
    subscription = f"projects/{service().settings.project}/subscriptions/{_SUBSCRIPTION}"
    return digest(subscription, next(nameless, ""))


class _Seen:
    """The records that were read before."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute("CREATE TABLE seen (record BLOB PRIMARY KEY) WITHOUT ROWID")

    def is_new(self, record: Record) -> bool:
        """Whether no record with the same bytes was read before. Records without source and id are all new."""
        if not record.named:
            return True
        key = sha256(record.data).digest()
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1
