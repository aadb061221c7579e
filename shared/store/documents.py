"""Firestore documents, on the few calls that the service makes: get one or many, commit, pages of a query, a count.

Requests and answers are raw protobuf: the object layer above it costs four fifths of the time of a read
(docs/decisions/one-json-field.md). Every answer but that of a single get carries the server's time, which is
compared with this machine's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from google.cloud.firestore_v1.types import StructuredQuery

from shared.clock import Clock, machine_time
from shared.errors import ClockOutOfStep
from shared.store.rpc import (
    BatchGetDocumentsRequest,
    CommitRequest,
    GetDocumentRequest,
    Rpc,
    RunAggregationQueryRequest,
    RunQueryRequest,
    Write,
)

#: A clock this far from Firestore's is not believed.
CLOCK_TOLERANCE = timedelta(seconds=60)
#: How long a comparison of the clocks is good for.
CLOCK_COMPARISON_LASTS = timedelta(minutes=5)
PAGE_SIZE = 5000

_EQUAL = StructuredQuery.FieldFilter.Operator.EQUAL.value
_IN = StructuredQuery.FieldFilter.Operator.IN.value
_GREATER_THAN = StructuredQuery.FieldFilter.Operator.GREATER_THAN.value
_AT_LEAST = StructuredQuery.FieldFilter.Operator.GREATER_THAN_OR_EQUAL.value
_AT_MOST = StructuredQuery.FieldFilter.Operator.LESS_THAN_OR_EQUAL.value
_AND = StructuredQuery.CompositeFilter.Operator.AND.value

Value = str | int | bool | datetime | None


class Stored(NamedTuple):
    """A document as read. `update_time` is the protobuf timestamp, to be given back as a precondition."""

    document_id: str
    fields: dict[str, Value]
    update_time: Any

    @property
    def state(self) -> str:
        """The JSON text of the document's model."""
        text = self.fields["state"]
        if not isinstance(text, str):
            raise TypeError("the field state is not text")
        return text

    @property
    def updated_at(self) -> datetime:
        """When Firestore wrote this version (server time, UTC)."""
        return _instant(self.update_time)


class Key(NamedTuple):
    """Where a document is."""

    collection: str
    document_id: str


#: A document that does not exist, for reading the server's time or a sign of life.
_ANYTHING = Key("clock", "comparison")


class Documents:
    """The documents of one database. Made inside the first request: gRPC does not survive a fork."""

    def __init__(self, project: str, database: str, clock: Clock) -> None:
        self.clock = clock
        self._database = f"projects/{project}/databases/{database}"
        self._root = f"{self._database}/documents"
        self._rpc = Rpc(self._database)
        self._compared_at: datetime | None = None
        self._difference = timedelta()

    async def batch_get(self, keys: Sequence[Key]) -> list[Stored | None]:
        """Documents in the order of `keys`, None where there is none; one RPC, one consistent reading.

        Raises `Unavailable`.
        """
        if not keys:
            return []
        names = [self._name(key) for key in keys]
        asked_at = machine_time()
        answers = await self._rpc.batch_get(BatchGetDocumentsRequest(database=self._database, documents=names))
        self._compare_clocks(asked_at, answers[-1].read_time)
        found = {answer.found.name: _stored(answer.found) for answer in answers if answer.HasField("found")}
        return [found.get(name) for name in names]

    async def get(self, key: Key) -> Stored | None:
        """One document, None where there is none; one RPC. Raises `Unavailable`."""
        document = await self._rpc.get(GetDocumentRequest(name=self._name(key)))
        if document is not None:
            return _stored(document)
        if self._compared_at is None:  # the first call: "not found" is also said of a database that does not exist
            await self.batch_get([key])
        return None

    async def commit(self, writes: Iterable[Any]) -> datetime:
        """Apply writes (of `create`, `replace`, `put`, `merge`) together or not at all; one RPC. Returns server time.

        Raises `CommitConflict` (a precondition did not hold), `CommitUnanswered` (look before you conclude anything).
        """
        asked_at = machine_time()
        answer = await self._rpc.commit(CommitRequest(database=self._database, writes=writes))
        self._compare_clocks(asked_at, answer.commit_time)
        return _instant(answer.commit_time)

    async def page(
        self,
        collection: str,
        *,
        equal: tuple[str, Value] | None = None,
        from_id: str | None = None,
        after_id: str | None = None,
        before_id: str | None = None,
        fields: Sequence[str] = (),
        limit: int = PAGE_SIZE,
    ) -> list[Stored]:
        """At most `limit` documents in document id order, between ids. `fields` empty reads whole documents.

        Raises `Unavailable`.
        """
        request = self._query(collection, equal)
        query = request.structured_query
        query.limit.value = limit
        self._between_ids(query, collection, from_id=from_id, after_id=after_id, before_id=before_id)
        for field in fields:
            query.select.fields.add().field_path = field
        return await self._run(request)

    async def ordered_page(
        self,
        collection: str,
        equal: tuple[str, Value],
        *,
        order_by: str,
        after: tuple[Value, str] | None,
        limit: int,
    ) -> list[Stored]:
        """At most `limit` documents by a field, then by id, that come after that field's value and id.

        Needs a composite index on the two fields. Raises `Unavailable`.
        """
        request = self._query(collection, equal)
        query = request.structured_query
        query.order_by.add().field.field_path = order_by
        query.order_by.add().field.field_path = "__name__"
        query.limit.value = limit
        if after is not None:
            _encode(query.start_at.values.add(), after[0])
            query.start_at.values.add().reference_value = self._name(Key(collection, after[1]))
        return await self._run(request)

    async def pages(self, collection: str, *, limit: int = PAGE_SIZE, **bounds: Any) -> AsyncIterator[list[Stored]]:
        """Every page, one short RPC each, so that a slow reader holds no stream open.

        The next page is fetched while the reader works on this one: at most two are in memory.
        """
        following: asyncio.Task[list[Stored]] | None = asyncio.create_task(self.page(collection, limit=limit, **bounds))
        try:
            while following is not None:
                documents = await following
                following = None
                if len(documents) == limit:
                    after = bounds | {"after_id": documents[-1].document_id}
                    following = asyncio.create_task(self.page(collection, limit=limit, **after))
                    await asyncio.sleep(0)  # sends the request before a reader that does not wait goes to work
                if documents:
                    yield documents
        finally:
            if following is not None:
                following.cancel()

    async def pages_between(self, collection: str, field: str, low: str, high: str) -> AsyncIterator[list[Stored]]:
        """Documents whose text field lies between two values (both included), by value and id, without their state.

        One RPC a page. Raises `Unavailable`.
        """
        last: Stored | None = None
        while True:
            request = self._query(collection, None)
            query = request.structured_query
            _between(query, field, low, high)
            query.order_by.add().field.field_path = field
            query.order_by.add().field.field_path = "__name__"
            query.select.fields.add().field_path = field
            query.limit.value = PAGE_SIZE
            if last is not None:
                query.start_at.values.add().string_value = str(last.fields[field])
                query.start_at.values.add().reference_value = self._name(Key(collection, last.document_id))
            page = await self._run(request)
            if page:
                yield page
            if len(page) < PAGE_SIZE:
                return
            last = page[-1]

    async def pages_until(
        self, collection: str, field: str, until: datetime, *, fields: Sequence[str], limit: int
    ) -> AsyncIterator[list[Stored]]:
        """Documents whose instant `field` is no later than `until`, earliest first, then by id; these fields only.

        One RPC a page. Raises `Unavailable`.
        """
        last: Stored | None = None
        while True:
            request = self._query(collection, None)
            query = request.structured_query
            query.where.field_filter.field.field_path = field
            query.where.field_filter.op = _AT_MOST
            _encode(query.where.field_filter.value, until)
            query.order_by.add().field.field_path = field
            query.order_by.add().field.field_path = "__name__"
            for name in fields:
                query.select.fields.add().field_path = name
            query.limit.value = limit
            if last is not None:
                _encode(query.start_at.values.add(), last.fields[field])
                query.start_at.values.add().reference_value = self._name(Key(collection, last.document_id))
            page = await self._run(request)
            if page:
                yield page
            if len(page) < limit:
                return
            last = page[-1]

    async def first_value_after(self, collection: str, field: str, value: str) -> str | None:
        """The smallest text value of an indexed field beyond `value`; None if there is none. One RPC, one read."""
        request = self._query(collection, None)
        query = request.structured_query
        query.where.field_filter.field.field_path = field
        query.where.field_filter.op = _GREATER_THAN
        query.where.field_filter.value.string_value = value
        query.order_by.add().field.field_path = field
        query.limit.value = 1
        query.select.fields.add().field_path = field
        documents = await self._run(request)
        return str(documents[0].fields[field]) if documents else None

    async def count(
        self,
        collection: str,
        field: str,
        values: Sequence[str],
        *,
        from_id: str | None = None,
        before_id: str | None = None,
        at_most: int | None = None,
    ) -> int:
        """How many documents between ids have one of at most 30 values; one RPC, one read per thousand.

        Counting ends `at_most` there. Raises `Unavailable`.
        """
        query = self._query(collection, None).structured_query
        query.where.field_filter.field.field_path = field
        query.where.field_filter.op = _IN
        for value in values:
            query.where.field_filter.value.array_value.values.add().string_value = value
        if from_id is not None or before_id is not None:
            self._between_ids(query, collection, from_id=from_id, after_id=None, before_id=before_id)
        return await self._count(query, at_most)

    async def count_between(self, collection: str, field: str, low: str, high: str) -> int:
        """How many documents have a text value between two (both included); as `count`."""
        query = self._query(collection, None).structured_query
        _between(query, field, low, high)
        return await self._count(query)

    async def _count(self, query: Any, at_most: int | None = None) -> int:
        request = RunAggregationQueryRequest(parent=self._root)
        request.structured_aggregation_query.structured_query.CopyFrom(query)
        aggregation = request.structured_aggregation_query.aggregations.add()
        aggregation.alias = "n"
        aggregation.count.SetInParent()
        if at_most is not None:
            aggregation.count.up_to.value = at_most
        answers = await self._rpc.run_aggregation_query(request)
        counted = [answer.result.aggregate_fields["n"] for answer in answers]
        return sum(value.integer_value or int(value.double_value) for value in counted)

    async def reach(self) -> None:
        """Read something that need not exist, to see whether Firestore answers. Raises what reading raises."""
        await self.batch_get([_ANYTHING])

    async def check_clocks(self) -> None:
        """Compare this machine's clock with Firestore's, if the last comparison is old; costs one read then.

        Raises `ClockOutOfStep` if they differ by more than `CLOCK_TOLERANCE`, `Unavailable`.
        """
        now = machine_time()
        if self._compared_at is None or abs(now - self._compared_at) > CLOCK_COMPARISON_LASTS:
            await self.batch_get([_ANYTHING])
        if self._difference > CLOCK_TOLERANCE:
            self._compared_at = None
            raise ClockOutOfStep(retry_after=60)

    def check_slot(self, slot: datetime) -> None:
        """A scheduled time cannot lie ahead. Raises `ClockOutOfStep`."""
        if slot > self.clock.now() + CLOCK_TOLERANCE:
            raise ClockOutOfStep(retry_after=60)

    def create(self, key: Key, fields: dict[str, Value]) -> Any:
        """A write that conflicts if the document exists."""
        write = self.put(key, fields)
        write.current_document.exists = False
        return write

    def replace(self, key: Key, fields: dict[str, Value], update_time: Any) -> Any:
        """A write of the whole document that conflicts unless it is still the version read."""
        write = self.put(key, fields)
        write.current_document.update_time.CopyFrom(update_time)
        return write

    def put(self, key: Key, fields: dict[str, Value]) -> Any:
        """A write of the whole document, whatever is there."""
        write = Write()
        write.update.name = self._name(key)
        for name, value in fields.items():
            _encode(write.update.fields[name], value)
        return write

    def merge(self, key: Key, fields: dict[str, Value]) -> Any:
        """A write of some fields of an existing document."""
        write = self.put(key, fields)
        write.update_mask.field_paths.extend(fields)
        write.current_document.exists = True
        return write

    def _query(self, collection: str, equal: tuple[str, Value] | None) -> Any:
        request = RunQueryRequest(parent=self._root)
        query = request.structured_query
        query.from_.add().collection_id = collection
        if equal is not None:
            query.where.field_filter.field.field_path = equal[0]
            query.where.field_filter.op = _EQUAL
            _encode(query.where.field_filter.value, equal[1])
        return request

    def _between_ids(
        self, query: Any, collection: str, *, from_id: str | None, after_id: str | None, before_id: str | None
    ) -> None:
        """Let a query ask in document id order, from one id (or after another) to before a third."""
        query.order_by.add().field.field_path = "__name__"
        start = from_id if after_id is None else after_id
        if start is not None:
            query.start_at.values.add().reference_value = self._name(Key(collection, start))
            query.start_at.before = after_id is None
        if before_id is not None:
            query.end_at.values.add().reference_value = self._name(Key(collection, before_id))
            query.end_at.before = True

    async def _run(self, request: Any) -> list[Stored]:
        asked_at = machine_time()
        answers = await self._rpc.run_query(request)
        self._compare_clocks(asked_at, answers[-1].read_time)
        return [_stored(answer.document) for answer in answers if answer.HasField("document")]

    def _name(self, key: Key) -> str:
        return f"{self._root}/{key.collection}/{key.document_id}"

    def _compare_clocks(self, asked_at: datetime, server_time: Any) -> None:
        """The server's time lies between asking and now, if the clocks agree."""
        answered_at = machine_time()
        server = _instant(server_time)
        self._difference = max(asked_at - server, server - answered_at, timedelta())
        self._compared_at = answered_at


def _between(query: Any, field: str, low: str, high: str) -> None:
    """Let a query ask for documents whose text field lies between two values, both included."""
    for operator, bound in ((_AT_LEAST, low), (_AT_MOST, high)):
        condition = query.where.composite_filter.filters.add().field_filter
        condition.field.field_path = field
        condition.op = operator
        condition.value.string_value = bound
    query.where.composite_filter.op = _AND


def _encode(target: Any, value: Value) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.boolean_value = value
    elif isinstance(value, int):
        target.integer_value = value
    else:
        target.timestamp_value.FromDatetime(value.astimezone(UTC).replace(tzinfo=None))


def _decode(value: Any) -> Value:
    kind = value.WhichOneof("value_type")
    if kind == "timestamp_value":
        return _instant(value.timestamp_value)
    return None if kind == "null_value" else getattr(value, kind)


def _stored(document: Any) -> Stored:
    fields = {name: _decode(value) for name, value in document.fields.items()}
    return Stored(document.name.rpartition("/")[2], fields, document.update_time)


def _instant(timestamp: Any) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)  # type: ignore[no-any-return]
