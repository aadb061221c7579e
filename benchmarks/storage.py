"""What a migrated customer stores, in bytes as Firestore bills them: the mean of the tour's customers.

Made without Firestore, so the same each time. Sizes by cloud.google.com/firestore/docs/storage-size.
"""

import json
from datetime import date, timedelta
from random import Random
from typing import Any, NamedTuple

from benchmarks.counts import index_fields
from shared.clock import london_day
from shared.domain.changes import Origin, event_change_id
from shared.domain.decision import Moment
from shared.domain.migration import migrate
from shared.messages.events import CustomerMigrated
from shared.policy import Policy
from shared.store.change_requests import ChangeRequest, ChangeWrites, Snapshot
from shared.store.documents import Collection, Documents
from shared.store.identity import Identity
from shared.store.supply_points import SupplyPointWrites
from tools.local.sample import customers

_RECORDED_ON = date(2026, 11, 2)
_CUSTOMERS = 500
#: Bytes that Firestore adds: to each document or index entry, and to each name.
_EACH, _NAME = 32, 16


class Size(NamedTuple):
    """The bytes of a document, and of its index entries."""

    document: int
    index: int


class Mean(NamedTuple):
    """Of a collection: the documents of a customer, and the mean bytes of one and of its index entries."""

    a_customer: float
    document: float
    index: float


def sample(database: Documents) -> list[Any]:
    """The documents of the sample, as they are sent to Firestore; `database` only names them."""
    events = customers(_RECORDED_ON, range(_CUSTOMERS), Random(0))  # noqa: S311 - made-up people
    read = [CustomerMigrated.model_validate_json(json.dumps(event)) for event in events]
    return [write.update for event in read for write in _writes(event, database)]


def of_collection(documents: list[Any], collection: Collection) -> list[Any]:
    """The fields of its documents."""
    return [document.fields for document in documents if document.name.split("/")[-2] == collection]


def mean_of(documents: list[Any], collection: Collection) -> Mean:
    """The mean sizes of a collection's documents."""
    sizes = [size_of(document) for document in documents if document.name.split("/")[-2] == collection]
    count = len(sizes)
    return Mean(
        count / _CUSTOMERS, sum(size.document for size in sizes) / count, sum(size.index for size in sizes) / count
    )


def size_of(document: Any) -> Size:
    """The bytes of a document of a top-level collection."""
    collection, document_id = document.name.split("/")[-2:]
    name = len(collection) + 1 + len(document_id) + 1 + _NAME
    values = {field: _size(value) for field, value in document.fields.items()}
    names = {field: len(field) + 1 for field in values}
    indexes = [fields for fields in index_fields(collection) if set(fields) <= values.keys()]
    entries = [
        name + _NAME + _EACH + sum(values[field] for field in fields) + (names[fields[0]] if len(fields) == 1 else 0)
        for fields in indexes
    ]
    return Size(name + sum(names.values()) + sum(values.values()) + _EACH, sum(entries))


def _size(value: Any) -> int:
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    return 1 if kind in ("null_value", "boolean_value") else 8


def _writes(event: CustomerMigrated, database: Documents) -> list[Any]:
    """The writes of the event's one commit."""
    identity, policy = Identity(bytes(32), 0), Policy()
    registration_id = identity.registration_id(event.subject)
    moment = Moment(event.time, london_day(event.time))
    request = ChangeRequest(
        registration_id=registration_id,
        change_id=event_change_id(registration_id, event.source, event.id),
        fingerprint=event.fingerprint,
        origin=Origin(actor=event.source, source=event.source, event_id=event.id, event_time=event.time),
        points=event.data.supply_points.all(),
    )
    decision = migrate(event.data, None, registration_id, moment=moment, fact=event.fact, policy=policy)
    writes = ChangeWrites(database, SupplyPointWrites(database, identity), timedelta(days=policy.ended_kept_days))
    return writes.writes(request, Snapshot(read=False), decision, moment)[1]
