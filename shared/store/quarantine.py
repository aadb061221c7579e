"""The quarantine: messages that could not be applied, whole, with the reason. A person or time can still help them.

`quarantine/<id>` has the message as `state`, and beside it what changes: status, reason, errors, attempts, first and
last seen. The id is made of the event's source, id and content, so that every delivery of one event meets one record.
What is too large for a document is an object in the quarantine's bucket, named like the record. The record exists
before its object does, and says that it is erased before the object is deleted: no object is without a record.

A parked record says when it is to be tried again (`retry_at`), and since when it has been waiting (`parked_since`).

`subject` and `account` are the registration ids of the accounts that the message names, which find what an erasure or
an access request is about. `readable` is false if it names none: then only a person can say whom it is about.
"""

import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pydantic_core import from_json, to_json

from shared.digest import digest
from shared.domain.delivery import REPLAY_OF, Delivery
from shared.domain.registration import AccountId, RegistrationId
from shared.errors import Disposition, FieldError, NotFound, Problem, Unavailable
from shared.log import Event, log
from shared.model import Model
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Documents, Key, Stored
from shared.store.identity import Identity
from shared.store.service import Service
from shared.store.values import Value

if TYPE_CHECKING:
    from shared.store.objects import Bucket

_RECORD_ID = re.compile(r"[0-9a-f]{40}")
_PAGE = 100
#: A larger message (700 KiB of data, in Base64) leaves its data in the bucket: Firestore's documents end at 1 MiB.
_STATE_BYTES = 960_000
#: Of a message that is wrong everywhere, the first places are kept.
_ERRORS = 50
#: What is longer is no event's source, id or type.
_ATTRIBUTE_CHARACTERS = 255
_ATTEMPTS = 5
#: A parked message is tried again when it has waited for half as long again, within these bounds.
_SHORTEST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=6)


class QuarantineStatus(StrEnum):
    """`parked` is tried again by itself, `failed` waits for a person, `resolved` was applied since."""

    PARKED = "parked"
    FAILED = "failed"
    RESOLVED = "resolved"
    DISCARDED = "discarded"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do about the message."""
        return self in (QuarantineStatus.RESOLVED, QuarantineStatus.DISCARDED)


class QuarantinedMessage(Model):
    """The message as it came. Source, id and type are the event's, as far as they can be read.

    `data` is Base64; None where it is in the quarantine's bucket, under the name `stored_as`. An erased message has
    neither, but for `stored_as` until its object is deleted.
    """

    topic: str | None
    subscription: str
    message_id: str
    publish_time: datetime
    attributes: dict[str, str]
    source: str | None
    event_id: str | None
    event_type: str | None
    data: str | None
    stored_as: str | None = None
    erased: bool = False


class Record(NamedTuple):
    """A quarantined message and what has become of it. `errors` are those of the last attempt.

    `parked_since` and `retry_at` are None unless it is parked.
    """

    record_id: str
    status: QuarantineStatus
    reason: str
    errors: list[FieldError]
    attempts: int
    first_seen: datetime
    last_seen: datetime
    parked_since: datetime | None
    retry_at: datetime | None
    message: QuarantinedMessage


class Due(NamedTuple):
    """A parked message that is to be tried again."""

    record_id: str
    parked_since: datetime
    retry_at: datetime


class Waiting(NamedTuple):
    """How many records have a status, by reason, and since when the oldest waits; None if there is none."""

    by_reason: Counter[str]
    oldest: datetime | None


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
        """Keep a message, or count one more attempt of it. Raises `Unavailable`."""
        record_id = _record_id(delivery)
        message = _message(delivery, record_id)
        now = self._documents.clock.now()
        parked = problem.disposition is Disposition.PARKED
        outcome: dict[str, Value] = {
            **(_parked(now, now) if parked else _status_fields(QuarantineStatus.FAILED)),
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
            await self._documents.commit([self._documents.create(Key("quarantine", record_id), first)])
            status, still_parked = QuarantineStatus(str(outcome["status"])), False
        except CommitConflict:
            stored = await self._change(record_id, lambda stored: _again(stored, outcome, now, delivery.topic))
            status, still_parked = _status(stored), stored.fields["parked_since"] not in (None, now)
        except CommitUnanswered as error:
            raise Unavailable(retry_after=5) from error
        if message.stored_as is not None:
            await self._put_object(record_id, delivery.data)
        if still_parked:
            log(Event.MESSAGE_STILL_PARKED, quarantine_id=record_id, reason=problem.code)
        else:
            log(Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason=problem.code, status=status)

    async def resolve(self, delivery: Delivery) -> None:
        """Note that a message that was published again has been applied. Raises `Unavailable`."""
        now = self._documents.clock.now()
        outcome: dict[str, Value] = {**_status_fields(QuarantineStatus.RESOLVED), "last_seen": now}
        with suppress(NotFound):
            await self._change(_record_id(delivery), lambda stored: _again(stored, outcome, now, delivery.topic))

    async def drop(self, delivery: Delivery) -> None:
        """Resolve and erase what a message was published again from: it is about somebody erased.

        Raises `Unavailable`.
        """
        with suppress(NotFound):
            await self.erase(_record_id(delivery), QuarantineStatus.RESOLVED)

    async def records(
        self, status: QuarantineStatus, *, after_id: str | None = None, limit: int = _PAGE
    ) -> AsyncIterator[list[Record]]:
        """Every record of a status in the order of their ids, in pages. Raises `Unavailable`."""
        equal = ("status", status.value)
        async for page in self._documents.pages("quarantine", equal=equal, after_id=after_id, limit=limit):
            yield [_record(stored) for stored in page]

    async def waiting(self, status: QuarantineStatus) -> Waiting:
        """What has a status, without reading the messages; one RPC for each page. Raises `Unavailable`."""
        by_reason: Counter[str] = Counter()
        waits: list[datetime] = []
        since = "parked_since" if status is QuarantineStatus.PARKED else "first_seen"
        pages = self._documents.pages("quarantine", equal=("status", status.value), fields=["reason", since])
        async for page in pages:
            by_reason.update(str(stored.fields["reason"]) for stored in page)
            waits = [min([*waits, *(_instant(stored, since) for stored in page)])]
        return Waiting(by_reason, min(waits, default=None))

    async def due(self, until: datetime, *, limit: int) -> AsyncIterator[list[Due]]:
        """Parked messages to be tried again by then, longest overdue first, in pages of one RPC. Raises `Unavailable`.

        The messages themselves are not read.
        """
        wanted = ("parked_since", "retry_at")
        async for page in self._documents.pages_until("quarantine", "retry_at", until, fields=wanted, limit=limit):
            yield [Due(one.document_id, _instant(one, "parked_since"), _instant(one, "retry_at")) for one in page]

    async def postpone(self, record_id: str, at: datetime) -> Record | None:
        """A parked message that is due, to be tried: its next try is after `at`. None if it is no longer due.

        A message is published no more often than it is due, even while no consumer takes it. Raises `NotFound`,
        `Unavailable`.
        """
        due = False

        def later(stored: Stored) -> dict[str, Value] | None:
            nonlocal due
            retry_at = _maybe_instant(stored, "retry_at")
            due = retry_at is not None and retry_at <= at
            return _parked(_instant(stored, "parked_since"), at) if due else None

        stored = await self._change(record_id, later)
        return _record(stored) if due else None

    async def about(self, registration_id: RegistrationId) -> list[Record]:
        """Every message that names the account of this registration and is not erased. Raises `Unavailable`."""
        found: dict[str, Record] = {}
        for field in ("subject", "account"):
            pages = self._documents.pages("quarantine", equal=(field, registration_id), limit=_PAGE)
            async for page in pages:
                found |= {stored.document_id: _record(stored) for stored in page}
        return list(found.values())

    async def unreadable(self) -> AsyncIterator[list[Record]]:
        """Messages that name no account and are not settled, in pages: a person judges them. Raises `Unavailable`."""
        async for page in self._documents.pages("quarantine", equal=("readable", False), limit=_PAGE):
            records = [_record(stored) for stored in page]
            if waiting := [record for record in records if not record.status.settled]:
                yield waiting

    async def get(self, record_id: str) -> Record:
        """One record. Raises `NotFound`, `Unavailable`."""
        return _record(await self._get(record_id))

    async def get_all(self, record_ids: Sequence[str]) -> list[Record | None]:
        """At most 500 records, None where there is none; one RPC. Raises `Unavailable`."""
        stored = await self._documents.batch_get([Key("quarantine", record_id) for record_id in record_ids])
        return [_record(one) if one else None for one in stored]

    async def data(self, message: QuarantinedMessage) -> bytes:
        """A message's data, from the bucket where it is large. Raises `NotFound` if it is gone, `Unavailable`."""
        if message.erased:
            raise NotFound
        if message.stored_as is None:
            return b64decode(message.data or "")
        data = await self._bucket().get(message.stored_as)
        if data is None:
            raise NotFound
        return data

    async def discard(self, record_id: str) -> QuarantineStatus:
        """Give a message up, if it has not been applied since; the status after. Raises `NotFound`, `Unavailable`."""
        discarded = _status_fields(QuarantineStatus.DISCARDED)
        stored = await self._change(record_id, lambda stored: None if _status(stored).settled else discarded)
        return _status(stored)

    async def erase(self, record_id: str, settled_as: QuarantineStatus = QuarantineStatus.DISCARDED) -> None:
        """Overwrite a message by nothing; it is not tried again. Repeat it if it was interrupted.

        An open record is settled by it. Raises `NotFound`, `Unavailable`.
        """
        record = _record(await self._change(record_id, lambda stored: _erased(stored, settled_as)))
        if record.message.stored_as is not None:
            await self._bucket().delete(record.message.stored_as)
            await self._change(record_id, _without_object)

    async def fields(self, record_id: str) -> dict[str, Value]:
        """What changes about a record: status, reason, attempts, first and last seen. Raises `NotFound`."""
        stored = await self._get(record_id)
        return {name: value for name, value in stored.fields.items() if name != "state"}

    async def fail(self, record_id: str) -> None:
        """Stop trying a message by itself: from now on it waits for a person. Raises `NotFound`, `Unavailable`."""
        failed = _status_fields(QuarantineStatus.FAILED)
        await self._change(record_id, lambda stored: None if _status(stored).settled else failed)
        log(
            Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason="parked-too-long", status=QuarantineStatus.FAILED
        )

    async def _get(self, record_id: str) -> Stored:
        stored = await self._documents.get(Key("quarantine", record_id))
        if stored is None:
            raise NotFound
        return stored

    async def _change(self, record_id: str, change: Callable[[Stored], dict[str, Value] | None]) -> Stored:
        """Set the fields that `change` makes of a record, or none, under the version read; the record after.

        Raises `NotFound`, `Unavailable`.
        """
        for attempt in range(_ATTEMPTS):
            stored = await self._get(record_id)
            changed = change(stored)
            if changed is None:
                return stored
            fields = stored.fields | changed
            replaced = self._documents.replace(Key("quarantine", record_id), fields, stored.update_time)
            try:
                await self._documents.commit([replaced])
            except (CommitConflict, CommitUnanswered):
                await pause(attempt)
            else:
                return stored._replace(fields=fields)
        raise Unavailable(retry_after=5)

    async def _put_object(self, record_id: str, data: bytes) -> None:
        """Write the data of a large message, unless its record is erased or discarded, even meanwhile.

        Raises `NotFound`, `Unavailable`.
        """
        if not (await self.get(record_id)).status.settled:
            await self._bucket().put(record_id, data, "application/octet-stream")
        if (await self.get(record_id)).message.erased:
            await self._bucket().delete(record_id)

    def _names(self, data: bytes) -> dict[str, Value]:
        """The registration ids of the accounts that a message names, as fields of its record."""
        event = _json_object(data)
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


def _again(stored: Stored, outcome: dict[str, Value], now: datetime, topic: str | None) -> dict[str, Value]:
    """One more attempt of a message. What was discarded or erased stays so, however often it comes again."""
    message = QuarantinedMessage.model_validate_json(stored.state)
    counted: dict[str, Value] = {"attempts": int(str(stored.fields["attempts"])) + 1}
    if message.erased:
        return {**counted, "last_seen": now}
    if _status(stored) is QuarantineStatus.DISCARDED and outcome["status"] != QuarantineStatus.RESOLVED:
        outcome = outcome | _status_fields(QuarantineStatus.DISCARDED)
    elif outcome["status"] == _status(stored) == QuarantineStatus.PARKED:
        outcome = outcome | _parked(_instant(stored, "parked_since"), now)
    if message.topic is None:
        counted["state"] = message.model_copy(update={"topic": topic}).model_dump_json()
    return {**outcome, **counted}


def _erased(stored: Stored, settled_as: QuarantineStatus) -> dict[str, Value] | None:
    """A record whose message is erased, its object not yet; None if it is erased already."""
    message = QuarantinedMessage.model_validate_json(stored.state)
    if message.erased:
        return None
    nothing: dict[str, object] = {
        "attributes": {},
        "source": None,
        "event_id": None,
        "event_type": None,
        "data": None,
        "erased": True,
    }
    names: dict[str, Value] = {"subject": None, "account": None} if message.stored_as is None else {}
    status = _status(stored)
    return {
        **_status_fields(status if status.settled else settled_as),
        "errors": "[]",
        "state": message.model_copy(update=nothing).model_dump_json(),
        **names,
    }


def _without_object(stored: Stored) -> dict[str, Value]:
    """An erased record whose object is deleted: nothing finds it any more."""
    message = QuarantinedMessage.model_validate_json(stored.state)
    return {
        "subject": None,
        "account": None,
        "state": message.model_copy(update={"stored_as": None}).model_dump_json(),
    }


def _message(delivery: Delivery, record_id: str) -> QuarantinedMessage:
    """The message, its data left to the bucket if it is too large for a document."""
    attributes = event_attributes(delivery.data)
    message = QuarantinedMessage(
        topic=delivery.topic,
        subscription=delivery.subscription,
        message_id=delivery.message_id,
        publish_time=delivery.publish_time,
        attributes=dict(delivery.attributes),
        source=attributes.get("source"),
        event_id=attributes.get("id"),
        event_type=attributes.get("type"),
        data=b64encode(delivery.data).decode(),
    )
    if len(message.model_dump_json().encode()) <= _STATE_BYTES:
        return message
    return message.model_copy(update={"data": None, "stored_as": record_id})


def _status_fields(status: QuarantineStatus) -> dict[str, Value]:
    """The fields of a record that is not parked."""
    return {"status": status.value, "parked_since": None, "retry_at": None}


def _parked(since: datetime, now: datetime) -> dict[str, Value]:
    """The fields of a parked record after an attempt: the longer it has waited, the longer until the next."""
    wait = min(max((now - since) / 2, _SHORTEST_WAIT), _LONGEST_WAIT)
    return {"status": QuarantineStatus.PARKED.value, "parked_since": since, "retry_at": now + wait}


def _status(stored: Stored) -> QuarantineStatus:
    return QuarantineStatus(str(stored.fields["status"]))


def _record(stored: Stored) -> Record:
    fields = stored.fields
    return Record(
        stored.document_id,
        _status(stored),
        str(fields["reason"]),
        [FieldError(**error) for error in from_json(str(fields["errors"]))],
        int(str(fields["attempts"])),
        _instant(stored, "first_seen"),
        _instant(stored, "last_seen"),
        _maybe_instant(stored, "parked_since"),
        _maybe_instant(stored, "retry_at"),
        QuarantinedMessage.model_validate_json(stored.state),
    )


def _instant(stored: Stored, field: str) -> datetime:
    instant = _maybe_instant(stored, field)
    if instant is None:
        raise TypeError(f"{field} is not an instant")
    return instant


def _maybe_instant(stored: Stored, field: str) -> datetime | None:
    instant = stored.fields[field]
    return instant if isinstance(instant, datetime) else None


def _bucket_of(service: Service) -> "Bucket":
    """The quarantine's bucket. Its library loads slowly, and almost no message needs it."""
    from shared.store.objects import Buckets  # noqa: PLC0415

    return service.part(Buckets).get(str(service.settings.quarantine_bucket))


def event_attributes(data: bytes) -> dict[str, str]:
    """The attributes of a CloudEvent that are text, if the data is a JSON object at all."""
    texts = {name: value for name, value in _json_object(data).items() if isinstance(value, str)}
    return {name: text for name, text in texts.items() if len(text) <= _ATTRIBUTE_CHARACTERS}


def _json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in a message's data; an empty one if it is anything else."""
    try:
        value = from_json(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _record_id(delivery: Delivery) -> str:
    """An event is known by itself; what is none by its first delivery, which a message published again names."""
    attributes = event_attributes(delivery.data)
    if attributes.get("source") and attributes.get("id"):
        return event_record_id(attributes["source"], attributes["id"], delivery.data)
    replay_of = delivery.attributes.get(REPLAY_OF, "")
    return replay_of if _RECORD_ID.fullmatch(replay_of) else digest(delivery.subscription, delivery.message_id)


def event_record_id(source: str, event_id: str, data: bytes) -> str:
    """The id of the record that an event has if it cannot be applied."""
    return digest(source, event_id, sha256(data).hexdigest())
