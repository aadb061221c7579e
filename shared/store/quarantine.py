"""The quarantine: messages that could not be applied, kept whole with the reason.

A message that is too large for a document has its data as an object in the quarantine's bucket, named like the record.
The record exists before its object, and it is marked as erased before the object is deleted: each object has a record.
"""

from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic_core import to_json

from shared.domain.delivery import Delivery
from shared.domain.registration import AccountId, RegistrationId
from shared.errors import Disposition, NotFound, Problem, Unavailable
from shared.log import Event, log
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Collection, Documents, Key, Stored
from shared.store.identity import Identity
from shared.store.quarantine_records import (
    Due,
    QuarantinedMessage,
    QuarantineStatus,
    Record,
    Waiting,
    erased,
    instant,
    json_object,
    message_of,
    optional_instant,
    parked,
    record_id_of,
    record_of,
    repeated,
    status_fields,
    status_of,
    without_object,
)
from shared.store.service import Service
from shared.store.values import Value

if TYPE_CHECKING:
    from shared.store.objects import Bucket

_PAGE = 100
#: Of a message with many errors, the first are kept.
_ERRORS = 50
_ATTEMPTS = 5


class Quarantine:
    """Keeps quarantine records."""

    def __init__(self, documents: Documents, identity: Identity, bucket: "Callable[[], Bucket]") -> None:
        """`bucket` is asked for when the first large message comes."""
        self._documents = documents
        self._identity = identity
        self._bucket = bucket

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(service.documents, service.identity, lambda: _bucket_of(service))

    async def put(self, delivery: Delivery, problem: Problem) -> None:
        """Keep a message, or count another attempt of it. Raises `Unavailable`."""
        record_id = record_id_of(delivery)
        message = message_of(delivery, record_id)
        now = self._documents.clock.now()
        parks = problem.disposition is Disposition.PARKED
        outcome: dict[str, Value] = {
            **(parked(now, now) if parks else status_fields(QuarantineStatus.FAILED)),
            "reason": problem.code,
            "errors": to_json([error._asdict() for error in problem.errors[:_ERRORS]]).decode(),
            "last_seen": now,
        }
        first: dict[str, Value] = {
            **outcome,
            **self._names(delivery.data),
            "attempts": delivery.delivery_attempt or 1,
            "first_seen": now,
            "state": message.model_dump_json(),
        }
        try:
            await self._documents.commit([self._documents.create(Key(Collection.QUARANTINE, record_id), first)])
            status, still_parked = QuarantineStatus(str(outcome["status"])), False
        except CommitConflict:
            stored = await self._change(record_id, lambda stored: repeated(stored, outcome, now, delivery.topic))
            status, still_parked = status_of(stored), stored.fields["parked_since"] not in (None, now)
        except CommitUnanswered as error:
            raise Unavailable(retry_after=5) from error
        if message.stored_as is not None:
            await self._put_object(record_id, delivery.data)
        if still_parked:
            log(Event.MESSAGE_STILL_PARKED, quarantine_id=record_id, reason=problem.code)
        else:
            log(Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason=problem.code, status=status)

    async def resolve(self, delivery: Delivery) -> None:
        """Record that a message that was published again has been applied. Raises `Unavailable`."""
        now = self._documents.clock.now()
        outcome: dict[str, Value] = {**status_fields(QuarantineStatus.RESOLVED), "last_seen": now}
        with suppress(NotFound):
            await self._change(record_id_of(delivery), lambda stored: repeated(stored, outcome, now, delivery.topic))

    async def drop(self, delivery: Delivery) -> None:
        """Resolve and erase the record that a message was published again from: its account is erased.

        Raises `Unavailable`.
        """
        with suppress(NotFound):
            await self.erase(record_id_of(delivery), QuarantineStatus.RESOLVED)

    async def records(
        self, status: QuarantineStatus, *, after_id: str | None = None, limit: int = _PAGE
    ) -> AsyncIterator[list[Record]]:
        """Every record of a status in the order of their ids, in pages. Raises `Unavailable`."""
        equal = ("status", status.value)
        async for page in self._documents.pages(Collection.QUARANTINE, equal=equal, after_id=after_id, limit=limit):
            yield [record_of(stored) for stored in page]

    async def waiting(self, status: QuarantineStatus) -> Waiting:
        """Count the records of a status without reading the messages; one RPC for each page. Raises `Unavailable`."""
        by_reason: Counter[str] = Counter()
        waits: list[datetime] = []
        since = "parked_since" if status is QuarantineStatus.PARKED else "first_seen"
        pages = self._documents.pages(Collection.QUARANTINE, equal=("status", status.value), fields=["reason", since])
        async for page in pages:
            by_reason.update(str(stored.fields["reason"]) for stored in page)
            waits = [min([*waits, *(instant(stored, since) for stored in page)])]
        return Waiting(by_reason, min(waits, default=None))

    async def due(self, until: datetime, *, limit: int) -> AsyncIterator[list[Due]]:
        """Parked messages that are due for a retry, longest overdue first, in pages of one RPC. Raises `Unavailable`.

        The messages themselves are not read.
        """
        wanted = ("parked_since", "retry_at")
        async for page in self._documents.pages_until(
            Collection.QUARANTINE, "retry_at", until, fields=wanted, limit=limit
        ):
            yield [Due(one.document_id, instant(one, "parked_since"), instant(one, "retry_at")) for one in page]

    async def postpone(self, record_id: str, at: datetime) -> Record | None:
        """A parked message that is due: its next retry is now after `at`. None if it is no longer due.

        A message is published no more often than it is due, even while no consumer takes it. Raises `NotFound`,
        `Unavailable`.
        """
        due = False

        def later(stored: Stored) -> dict[str, Value] | None:
            nonlocal due
            retry_at = optional_instant(stored, "retry_at")
            due = retry_at is not None and retry_at <= at
            return parked(instant(stored, "parked_since"), at) if due else None

        stored = await self._change(record_id, later)
        return record_of(stored) if due else None

    async def about(self, registration_id: RegistrationId) -> list[Record]:
        """Every message that names the account of this registration and is not erased. Raises `Unavailable`."""
        found: dict[str, Record] = {}
        for field in ("subject", "account"):
            pages = self._documents.pages(Collection.QUARANTINE, equal=(field, registration_id), limit=_PAGE)
            async for page in pages:
                found |= {stored.document_id: record_of(stored) for stored in page}
        return list(found.values())

    async def unreadable(self) -> AsyncIterator[list[Record]]:
        """Open messages that name no account, in pages: a person judges them. Raises `Unavailable`."""
        async for page in self._documents.pages(Collection.QUARANTINE, equal=("readable", False), limit=_PAGE):
            records = [record_of(stored) for stored in page]
            if waiting := [record for record in records if not record.status.settled]:
                yield waiting

    async def get(self, record_id: str) -> Record:
        """One record. Raises `NotFound`, `Unavailable`."""
        return record_of(await self._get(record_id))

    async def starting_with(self, start: str, limit: int) -> list[Record]:
        """At most `limit` records whose ids start with hex digits, in the order of their ids; one RPC.

        Raises `Unavailable`.
        """
        past_every_digit = f"{start}g"
        page = await self._documents.page(Collection.QUARANTINE, from_id=start, before_id=past_every_digit, limit=limit)
        return [record_of(stored) for stored in page]

    async def get_all(self, record_ids: Sequence[str]) -> list[Record | None]:
        """At most 500 records, None where there is none; one RPC. Raises `Unavailable`."""
        stored = await self._documents.batch_get([Key(Collection.QUARANTINE, record_id) for record_id in record_ids])
        return [record_of(one) if one else None for one in stored]

    async def data(self, message: QuarantinedMessage) -> bytes:
        """A message's data, from the bucket if it is large. Raises `NotFound` if it is gone, `Unavailable`."""
        if message.erased:
            raise NotFound
        if message.stored_as is None:
            return b64decode(message.data or "")
        data = await self._bucket().get(message.stored_as)
        if data is None:
            raise NotFound
        return data

    async def discard(self, record_id: str) -> QuarantineStatus:
        """Discard a message unless it has been applied since; returns the status. Raises `NotFound`, `Unavailable`."""
        discarded = status_fields(QuarantineStatus.DISCARDED)
        stored = await self._change(record_id, lambda stored: None if status_of(stored).settled else discarded)
        return status_of(stored)

    async def erase(self, record_id: str, settled_as: QuarantineStatus = QuarantineStatus.DISCARDED) -> None:
        """Erase a message's content; the message is not retried. Safe to repeat after an interruption.

        An open record is settled. Raises `NotFound`, `Unavailable`.
        """
        record = record_of(await self._change(record_id, lambda stored: erased(stored, settled_as)))
        if record.message.stored_as is not None:
            await self._bucket().delete(record.message.stored_as)
            await self._change(record_id, without_object)

    async def fields(self, record_id: str) -> dict[str, Value]:
        """The fields of a record without its message: status, reason, attempts, times. Raises `NotFound`."""
        stored = await self._get(record_id)
        return {name: value for name, value in stored.fields.items() if name != "state"}

    async def fail(self, record_id: str) -> None:
        """Stop retrying a message: it now waits for a person. Raises `NotFound`, `Unavailable`."""
        failed = status_fields(QuarantineStatus.FAILED)
        await self._change(record_id, lambda stored: None if status_of(stored).settled else failed)
        log(
            Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason="parked-too-long", status=QuarantineStatus.FAILED
        )

    async def _get(self, record_id: str) -> Stored:
        stored = await self._documents.get(Key(Collection.QUARANTINE, record_id))
        if stored is None:
            raise NotFound
        return stored

    async def _change(self, record_id: str, change: Callable[[Stored], dict[str, Value] | None]) -> Stored:
        """Change a record under the version read, unless `change` returns None; returns the record after.

        Raises `NotFound`, `Unavailable`.
        """
        for attempt in range(_ATTEMPTS):
            stored = await self._get(record_id)
            changed = change(stored)
            if changed is None:
                return stored
            fields = stored.fields | changed
            replaced = self._documents.replace(Key(Collection.QUARANTINE, record_id), fields, stored.update_time)
            try:
                await self._documents.commit([replaced])
            except (CommitConflict, CommitUnanswered):
                await pause(attempt)
            else:
                return stored._replace(fields=fields)
        raise Unavailable(retry_after=5)

    async def _put_object(self, record_id: str, data: bytes) -> None:
        """Write the data of a large message, unless its record has been erased or discarded, also while writing.

        Raises `NotFound`, `Unavailable`.
        """
        if not (await self.get(record_id)).status.settled:
            await self._bucket().put(record_id, data, "application/octet-stream")
        if (await self.get(record_id)).message.erased:
            await self._bucket().delete(record_id)

    def _names(self, data: bytes) -> dict[str, Value]:
        """The registration ids of the accounts that a message names, as fields of its record."""
        event = json_object(data)
        content = event.get("data")
        account_ids = {
            "subject": event.get("subject"),
            "account": content.get("account_id") if isinstance(content, dict) else None,
        }
        named: dict[str, Value] = {
            field: self._identity.registration_id(AccountId(account_id)) if isinstance(account_id, str) else None
            for field, account_id in account_ids.items()
        }
        return {**named, "readable": any(named.values())}


def _bucket_of(service: Service) -> "Bucket":
    """The quarantine's bucket. Its library loads slowly, and almost no message needs it."""
    from shared.store.objects import Buckets  # noqa: PLC0415

    return service.part(Buckets).get(str(service.settings.quarantine_bucket))
