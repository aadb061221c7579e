"""The quarantine: messages that could not be applied, whole, with the reason. A person or time can still help them.

`quarantine/<id>` has the message as `state`, and beside it what changes: status, reason, errors, attempts, first and
last seen. The id is made of the event's source, id and content, so that every delivery of one event meets one record.
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from shared.digest import digest
from shared.errors import Disposition, NotFound, Problem, Unavailable
from shared.log import Event, log
from shared.messages.delivery import REPLAY_OF, Delivery
from shared.model import Model
from shared.store.documents import CommitConflict, CommitUnanswered, Documents, Key, Stored, Value, documents

_RECORD_ID = re.compile(r"[0-9a-f]{40}")
_PAGE = 100


class QuarantineStatus(StrEnum):
    """`parked` is tried again by itself, `held` waits for a person, `resolved` was applied since."""

    PARKED = "parked"
    HELD = "held"
    RESOLVED = "resolved"
    DISCARDED = "discarded"


class QuarantinedMessage(Model):
    """The message as it came. `data` is Base64; source, id and type are the event's, as far as they can be read."""

    topic: str | None
    subscription: str
    message_id: str
    publish_time: datetime
    attributes: dict[str, str]
    source: str | None
    event_id: str | None
    event_type: str | None
    data: str


class Parked(NamedTuple):
    """A message that waits for something, since when, and how often it has been tried."""

    record_id: str
    message: QuarantinedMessage
    first_seen: datetime
    last_seen: datetime
    attempts: int


class Quarantine:
    """Keeps quarantine records."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def put(self, delivery: Delivery, problem: Problem) -> None:
        """Keep a message, or count one more attempt of it. Raises `Unavailable`."""
        message = _message(delivery)
        record_id = _replayed(delivery) or _record_id(delivery, message)
        now = self._documents.clock.now()
        status = QuarantineStatus.PARKED if problem.disposition is Disposition.PARKED else QuarantineStatus.HELD
        outcome: dict[str, Value] = {
            "status": status.value,
            "reason": problem.code,
            "errors": to_json([error._asdict() for error in problem.errors]).decode(),
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

    async def parked(self) -> AsyncIterator[list[Parked]]:
        """Everything that is parked, in pages. Raises `Unavailable`."""
        parked = ("status", QuarantineStatus.PARKED.value)
        async for page in self._documents.pages("quarantine", equal=parked, limit=_PAGE):
            yield [_parked(stored) for stored in page]

    async def fields(self, record_id: str) -> dict[str, Value]:
        """What changes about a record: status, reason, attempts, first and last seen. Raises `NotFound`."""
        stored = await self._documents.get(Key("quarantine", record_id))
        if stored is None:
            raise NotFound
        return {name: value for name, value in stored.fields.items() if name != "state"}

    async def hold(self, record_id: str) -> None:
        """Stop trying a message by itself: from now on it waits for a person. Raises `Unavailable`."""
        fields: dict[str, Value] = {"status": QuarantineStatus.HELD.value, "last_seen": self._documents.clock.now()}
        await self._merge(Key("quarantine", record_id), fields)
        log(Event.MESSAGE_QUARANTINED, quarantine_id=record_id, reason="parked-too-long", status=QuarantineStatus.HELD)

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
    envelope = _readable(delivery.data)
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


def _parked(stored: Stored) -> Parked:
    fields: dict[str, Any] = stored.fields
    return Parked(
        record_id=stored.document_id,
        message=QuarantinedMessage.model_validate_json(stored.state),
        first_seen=fields["first_seen"],
        last_seen=fields["last_seen"],
        attempts=fields["attempts"],
    )


def _readable(data: bytes) -> dict[str, str]:
    """The attributes of a CloudEvent that are text, if the data is a JSON object at all."""
    try:
        event = from_json(data)
    except ValueError:
        return {}
    return {name: value for name, value in event.items() if isinstance(value, str)} if isinstance(event, dict) else {}


def _record_id(delivery: Delivery, message: QuarantinedMessage) -> str:
    if message.source and message.event_id:
        return digest(message.source, message.event_id, sha256(delivery.data).hexdigest())
    return digest(delivery.subscription, delivery.message_id)


def _replayed(delivery: Delivery) -> str | None:
    """The record that a message was published again from: its outcome belongs there."""
    record_id = delivery.attributes.get(REPLAY_OF, "")
    return record_id if _RECORD_ID.fullmatch(record_id) else None


@cache
def quarantine() -> Quarantine:
    """The quarantine of this process's database."""
    return Quarantine(documents())
