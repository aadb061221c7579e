"""The quarantine: messages that could not be applied, whole, with the reason. A person or time can still help them.

`quarantine/<id>` has the message as `state`, and beside it what changes: status, reason, errors, attempts, first and
last seen. The id is made of the event's source, id and content, so that every delivery of one event meets one record.
What is too large for a document is an object in the quarantine's bucket, named like the record.
"""

import re
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from pydantic_core import from_json, to_json

from shared.digest import digest
from shared.errors import Disposition, FieldError, NotFound, Problem, Unavailable
from shared.log import Event, log
from shared.messages.delivery import REPLAY_OF, Delivery
from shared.model import Model
from shared.settings import settings
from shared.store.documents import Documents, Key, Stored, Value, documents, pause
from shared.store.rpc import CommitConflict, CommitUnanswered

if TYPE_CHECKING:
    from shared.objects import Bucket

_RECORD_ID = re.compile(r"[0-9a-f]{40}")
_PAGE = 100
#: A larger message (700 KiB of data, in Base64) leaves its data in the bucket: Firestore's documents end at 1 MiB.
_STATE_BYTES = 960_000
#: Of a message that is wrong everywhere, the first places are kept.
_ERRORS = 50
#: What is longer is no event's source, id or type.
_ATTRIBUTE_CHARACTERS = 255
_ATTEMPTS = 5


class QuarantineStatus(StrEnum):
    """`parked` is tried again by itself, `held` waits for a person, `resolved` was applied since."""

    PARKED = "parked"
    HELD = "held"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


class QuarantinedMessage(Model):
    """The message as it came. Source, id and type are the event's, as far as they can be read.

    `data` is Base64; None where it is in the quarantine's bucket, under the name `stored_as`.
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


class Record(NamedTuple):
    """A quarantined message and what has become of it. `errors` are those of the last attempt."""

    record_id: str
    status: QuarantineStatus
    reason: str
    errors: list[FieldError]
    attempts: int
    first_seen: datetime
    last_seen: datetime
    message: QuarantinedMessage


class Waiting(NamedTuple):
    """How many records have a status, by reason, and when the oldest was first seen; None if there is none."""

    by_reason: Counter[str]
    oldest: datetime | None


class Quarantine:
    """Keeps quarantine records."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def put(self, delivery: Delivery, problem: Problem) -> None:
        """Keep a message, or count one more attempt of it. Raises `Unavailable`."""
        message = await self._stored(_message(delivery), delivery.data)
        record_id = _replayed(delivery) or _record_id(delivery, message)
        now = self._documents.clock.now()
        status = QuarantineStatus.PARKED if problem.disposition is Disposition.PARKED else QuarantineStatus.HELD
        outcome: dict[str, Value] = {
            "status": status.value,
            "reason": problem.code,
            "errors": to_json([error._asdict() for error in problem.errors[:_ERRORS]]).decode(),
            "last_seen": now,
        }
        key = Key("quarantine", record_id)
        first: dict[str, Value] = {
            **outcome,
            "attempts": delivery.delivery_attempt or 1,
            "first_seen": now,
            "state": message.model_dump_json(),
        }
        try:
            await self._documents.commit([self._documents.create(key, first)])
        except CommitConflict:
            status = await self._put_again(key, outcome)
        except CommitUnanswered as error:
            raise Unavailable(headers={"Retry-After": "5"}) from error
        log(Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason=problem.code, status=status)

    async def resolve(self, record_id: str) -> None:
        """Note that a quarantined message has been applied. Raises `Unavailable`."""
        if not _RECORD_ID.fullmatch(record_id) or await self._documents.get(Key("quarantine", record_id)) is None:
            return
        fields: dict[str, Value] = {"status": QuarantineStatus.RESOLVED.value, "last_seen": self._documents.clock.now()}
        await self._merge(Key("quarantine", record_id), fields)

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
        seen: list[datetime] = []
        pages = self._documents.pages("quarantine", equal=("status", status.value), fields=["reason", "first_seen"])
        async for page in pages:
            by_reason.update(str(stored.fields["reason"]) for stored in page)
            seen = [min([*seen, *(_instant(stored, "first_seen") for stored in page)])]
        return Waiting(by_reason, min(seen, default=None))

    async def get(self, record_id: str) -> Record:
        """One record. Raises `NotFound`, `Unavailable`."""
        return _record(await self._get(record_id))

    async def get_all(self, record_ids: Sequence[str]) -> list[Record | None]:
        """At most 500 records, None where there is none; one RPC. Raises `Unavailable`."""
        stored = await self._documents.batch_get([Key("quarantine", record_id) for record_id in record_ids])
        return [_record(one) if one else None for one in stored]

    async def data(self, message: QuarantinedMessage) -> bytes:
        """A message's data, from the bucket where it is large. Raises `NotFound`, `Unavailable`."""
        if message.stored_as is None:
            return b64decode(message.data or "")
        data = await _bucket().get(message.stored_as)
        if data is None:
            raise NotFound
        return data

    async def discard(self, record_id: str) -> QuarantineStatus:
        """Give a message up, if it has not been applied since; the status after. Raises `NotFound`, `Unavailable`."""
        for attempt in range(_ATTEMPTS):
            stored = await self._get(record_id)
            status = QuarantineStatus(str(stored.fields["status"]))
            if status not in (QuarantineStatus.HELD, QuarantineStatus.PARKED):
                return status
            fields = {**stored.fields, "status": QuarantineStatus.DISCARDED.value}
            key = Key("quarantine", record_id)
            try:
                await self._documents.commit([self._documents.replace(key, fields, stored.update_time)])
            except (CommitConflict, CommitUnanswered):
                await pause(attempt)
            else:
                return QuarantineStatus.DISCARDED
        raise Unavailable(headers={"Retry-After": "5"})

    async def erase(self, record_id: str) -> None:
        """Overwrite a message by nothing; it is not tried again. Raises `NotFound`, `Unavailable`."""
        stored = await self._get(record_id)
        record = _record(stored)
        if record.message.stored_as is not None:
            await _bucket().delete(record.message.stored_as)
        nothing: dict[str, object] = {
            "attributes": {},
            "source": None,
            "event_id": None,
            "event_type": None,
            "data": "",
            "stored_as": None,
        }
        settled = record.status in (QuarantineStatus.RESOLVED, QuarantineStatus.DISCARDED)
        fields: dict[str, Value] = {
            "status": record.status.value if settled else QuarantineStatus.DISCARDED.value,
            "errors": "[]",
            "state": record.message.model_copy(update=nothing).model_dump_json(),
        }
        await self._merge(Key("quarantine", record_id), fields)

    async def fields(self, record_id: str) -> dict[str, Value]:
        """What changes about a record: status, reason, attempts, first and last seen. Raises `NotFound`."""
        stored = await self._get(record_id)
        return {name: value for name, value in stored.fields.items() if name != "state"}

    async def hold(self, record_id: str) -> None:
        """Stop trying a message by itself: from now on it waits for a person. Raises `Unavailable`."""
        fields: dict[str, Value] = {"status": QuarantineStatus.HELD.value, "last_seen": self._documents.clock.now()}
        await self._merge(Key("quarantine", record_id), fields)
        log(Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason="parked-too-long", status=QuarantineStatus.HELD)

    async def _get(self, record_id: str) -> Stored:
        stored = await self._documents.get(Key("quarantine", record_id))
        if stored is None:
            raise NotFound
        return stored

    async def _stored(self, message: QuarantinedMessage, data: bytes) -> QuarantinedMessage:
        """The message, its data in the bucket if it is too large for a document. Raises `Unavailable`."""
        if len(message.model_dump_json().encode()) <= _STATE_BYTES:
            return message
        name = sha256(data).hexdigest()
        await _bucket().put(name, data, "application/octet-stream")
        return message.model_copy(update={"data": None, "stored_as": name})

    async def _put_again(self, key: Key, outcome: dict[str, Value]) -> QuarantineStatus:
        """A message that was discarded stays so, however often it comes again."""
        stored = await self._documents.get(key)
        if stored is not None and stored.fields["status"] == QuarantineStatus.DISCARDED:
            outcome = {**outcome, "status": QuarantineStatus.DISCARDED.value}
        await self._merge(key, outcome)
        return QuarantineStatus(str(outcome["status"]))

    async def _merge(self, key: Key, fields: dict[str, Value]) -> None:
        try:
            await self._documents.commit([self._documents.merge(key, fields, count_up="attempts")])
        except (CommitConflict, CommitUnanswered) as error:
            raise Unavailable(headers={"Retry-After": "5"}) from error


def _message(delivery: Delivery) -> QuarantinedMessage:
    envelope = event_attributes(delivery.data)
    return QuarantinedMessage(
        topic=delivery.topic,
        subscription=delivery.subscription,
        message_id=delivery.message_id,
        publish_time=delivery.publish_time,
        attributes=dict(delivery.attributes),
        source=envelope.get("source"),
        event_id=envelope.get("id"),
        event_type=envelope.get("type"),
        data=b64encode(delivery.data).decode(),
    )


def _record(stored: Stored) -> Record:
    fields = stored.fields
    return Record(
        stored.document_id,
        QuarantineStatus(str(fields["status"])),
        str(fields["reason"]),
        [FieldError(**error) for error in from_json(str(fields["errors"]))],
        int(str(fields["attempts"])),
        _instant(stored, "first_seen"),
        _instant(stored, "last_seen"),
        QuarantinedMessage.model_validate_json(stored.state),
    )


def _instant(stored: Stored, field: str) -> datetime:
    instant = stored.fields[field]
    if not isinstance(instant, datetime):
        raise TypeError(f"{field} is not an instant")
    return instant


def _bucket() -> "Bucket":
    """The quarantine's bucket. Hardly any message needs it, and its library takes longer to load than all else."""
    from shared.objects import bucket  # noqa: PLC0415

    return bucket(str(settings().quarantine_bucket))


def event_attributes(data: bytes) -> dict[str, str]:
    """The attributes of a CloudEvent that are text, if the data is a JSON object at all."""
    try:
        event = from_json(data)
    except ValueError:
        return {}
    if not isinstance(event, dict):
        return {}
    texts = {name: value for name, value in event.items() if isinstance(value, str)}
    return {name: text for name, text in texts.items() if len(text) <= _ATTRIBUTE_CHARACTERS}


def _record_id(delivery: Delivery, message: QuarantinedMessage) -> str:
    if message.source and message.event_id:
        return event_record_id(message.source, message.event_id, delivery.data)
    return digest(delivery.subscription, delivery.message_id)


def event_record_id(source: str, event_id: str, data: bytes) -> str:
    """The id of the record that an event has if it cannot be applied."""
    return digest(source, event_id, sha256(data).hexdigest())


def _replayed(delivery: Delivery) -> str | None:
    """The record that a message was published again from: its outcome belongs there."""
    record_id = delivery.attributes.get(REPLAY_OF, "")
    return record_id if _RECORD_ID.fullmatch(record_id) else None


@cache
def quarantine() -> Quarantine:
    """The quarantine of this process's database."""
    return Quarantine(documents())
