"""Firestore documents, by the few calls that the service needs: get one or many, commit, pages of a query, a count.

Requests and answers are raw protobuf: the object layer above takes four fifths of the time of a read
(docs/decisions/one-json-field.md). Each answer, except that of a single get, carries the server's time, which is
compared with this machine's.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from shared.clock import Clock, machine_time
from shared.errors import ClockOutOfStep
from shared.store.clock_comparison import CLOCK_TOLERANCE, ClockComparison
from shared.store.queries import AT_MOST, EQUAL, GREATER_THAN, Query
from shared.store.rpc import BatchGetDocumentsRequest, CommitRequest, GetDocumentRequest, Rpc, Write
from shared.store.values import Value, decode, encode, instant_of

PAGE_SIZE = 5000


class Collection(StrEnum):
    """The collections of the database. Each is described in the module that writes it."""

    REGISTRATIONS = "registrations"
    CHANGES = "changes"
    SUPPLY_POINTS = "supply_points"
    EXPORT_FEED = "export_feed"
    EXPORTS = "exports"
    EXPORT_PARTS = "export_parts"
    QUARANTINE = "quarantine"
    OPERATOR_ACTIONS = "operator_actions"


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
        return instant_of(self.update_time)


class Key(NamedTuple):
    """Where a document is."""

    collection: str
    document_id: str


#: A document that does not exist, for reading the server's time or a sign of life.
_ANYTHING = Key("clock", "comparison")


class Documents:
    """The documents of one database. Made inside the first request: gRPC does not survive a fork."""

    def __init__(self, project: str, database: str, clock: Clock, *, single_threaded_streams: bool = True) -> None:
        self.clock = clock
        self._database = f"projects/{project}/databases/{database}"
        self._root = f"{self._database}/documents"
        self._rpc = Rpc(self._database, single_threaded_streams=single_threaded_streams)
        self._clocks = ClockComparison()

    async def batch_get(self, keys: Sequence[Key], fields: Sequence[str] = ()) -> list[Stored | None]:
        """Documents in the order of `keys`, None where there is none; one RPC, one consistent reading.

        `fields` empty reads whole documents. Raises `Unavailable`.
        """
        if not keys:
            return []
        names = [self._name(key) for key in keys]
        requested_at = machine_time()
        request = BatchGetDocumentsRequest(database=self._database, documents=names)
        if fields:
            request.mask.field_paths.extend(fields)
        answers = await self._rpc.batch_get(request)
        self._clocks.compare(requested_at, instant_of(answers[-1].read_time))
        found = {answer.found.name: _stored(answer.found) for answer in answers if answer.HasField("found")}
        return [found.get(name) for name in names]

    async def get(self, key: Key) -> Stored | None:
        """One document, None where there is none; one RPC. Raises `Unavailable`."""
        document = await self._rpc.get(GetDocumentRequest(name=self._name(key)))
        if document is not None:
            return _stored(document)
        if not self._clocks.made:  # the first call: "not found" is also said of a database that does not exist
            await self.batch_get([key])
        return None

    async def commit(self, writes: Iterable[Any]) -> datetime:
        """Apply writes (of `create`, `replace`, `put`, `merge`) together or not at all; one RPC. Returns server time.

        Raises `CommitConflict` (a precondition did not hold), `CommitUnanswered` (look before you conclude anything).
        """
        requested_at = machine_time()
        answer = await self._rpc.commit(CommitRequest(database=self._database, writes=writes))
        self._clocks.compare(requested_at, instant_of(answer.commit_time))
        return instant_of(answer.commit_time)

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
        query = self._query(collection, equal).by_id(from_id=from_id, after_id=after_id, before_id=before_id)
        return await self._run(query.select(fields).limit(limit))

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
        return await self._run(self._query(collection, equal).by_field(order_by, after).limit(limit))

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
                    await asyncio.sleep(0)  # sends the request before a reader that does not wait starts its work
                if documents:
                    yield documents
        finally:
            if following is not None:
                following.cancel()

    async def pages_between(self, collection: str, field: str, low: str, high: str) -> AsyncIterator[list[Stored]]:
        """Documents of which a text field is between two values (both included), by value and id, without their state.

        One RPC a page. Raises `Unavailable`.
        """
        last: Stored | None = None
        while True:
            query = self._query(collection).where_between(field, low, high).by_field(field, _position(last, field))
            page = await self._run(query.select([field]).limit(PAGE_SIZE))
            if page:
                yield page
            if len(page) < PAGE_SIZE:
                return
            last = page[-1]

    async def page_in_ranges(
        self,
        collection: str,
        field: str,
        ranges: Sequence[tuple[str, str]],
        *,
        after: tuple[Value, str] | None,
        limit: int,
    ) -> list[Stored]:
        """At most `limit` documents of which a text field is in one of at most 30 ranges, by value and id; one RPC.

        They come after a value and an id. Raises `Unavailable`.
        """
        return await self._run(
            self._query(collection).where_in_ranges(field, ranges).by_field(field, after).limit(limit)
        )

    async def pages_until(
        self, collection: str, field: str, until: datetime, *, fields: Sequence[str], limit: int
    ) -> AsyncIterator[list[Stored]]:
        """Documents of which an instant is no later than `until`, earliest first, then by id; these `fields` only.

        One RPC a page. Raises `Unavailable`.
        """
        last: Stored | None = None
        while True:
            query = self._query(collection).where(field, AT_MOST, until).by_field(field, _position(last, field))
            page = await self._run(query.select(fields).limit(limit))
            if page:
                yield page
            if len(page) < limit:
                return
            last = page[-1]

    async def first_value_after(self, collection: str, field: str, value: str) -> str | None:
        """The smallest text value of an indexed field beyond `value`; None if there is none. One RPC, one read."""
        query = self._query(collection).where(field, GREATER_THAN, value).by_field(field, None)
        documents = await self._run(query.select([field]).limit(1))
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
        query = self._query(collection).where_in(field, values)
        if from_id is not None or before_id is not None:
            query.by_id(from_id=from_id, after_id=None, before_id=before_id)
        return await self._count(query, at_most)

    async def count_between(self, collection: str, field: str, low: str, high: str) -> int:
        """How many documents have a text value between two (both included); as `count`."""
        return await self._count(self._query(collection).where_between(field, low, high))

    async def reach(self) -> None:
        """Read something that need not exist, to see whether Firestore answers. Raises what a read raises."""
        await self.batch_get([_ANYTHING])

    async def check_clocks(self) -> None:
        """Compare this machine's clock with Firestore's, if the last comparison is old; costs one read then.

        Raises `ClockOutOfStep` if they differ by more than `CLOCK_TOLERANCE`, `Unavailable`.
        """
        if self._clocks.old:
            await self.reach()
        self._clocks.check()

    def check_slot(self, slot: datetime) -> None:
        """Check that a scheduled time has come. Raises `ClockOutOfStep`."""
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
        """A write of the whole document without a precondition."""
        write = Write()
        write.update.name = self._name(key)
        for name, value in fields.items():
            encode(write.update.fields[name], value)
        return write

    def merge(self, key: Key, fields: dict[str, Value]) -> Any:
        """A write of some fields of an existing document."""
        write = self.put(key, fields)
        write.update_mask.field_paths.extend(fields)
        write.current_document.exists = True
        return write

    def _query(self, collection: str, equal: tuple[str, Value] | None = None) -> Query:
        query = Query(self._root, collection)
        return query if equal is None else query.where(equal[0], EQUAL, equal[1])

    async def _run(self, query: Query) -> list[Stored]:
        requested_at = machine_time()
        answers = await self._rpc.run_query(query.request)
        self._clocks.compare(requested_at, instant_of(answers[-1].read_time))
        return [_stored(answer.document) for answer in answers if answer.HasField("document")]

    async def _count(self, query: Query, at_most: int | None = None) -> int:
        answers = await self._rpc.run_aggregation_query(query.counting(at_most))
        counted = [answer.result.aggregate_fields["n"] for answer in answers]
        return sum(value.integer_value or int(value.double_value) for value in counted)

    def _name(self, key: Key) -> str:
        return f"{self._root}/{key.collection}/{key.document_id}"


def _position(last: Stored | None, field: str) -> tuple[Value, str] | None:
    """Where the page after a document begins, by one of its fields."""
    return (last.fields[field], last.document_id) if last else None


def _stored(document: Any) -> Stored:
    fields = {name: decode(value) for name, value in document.fields.items()}
    return Stored(document.name.rpartition("/")[2], fields, document.update_time)
