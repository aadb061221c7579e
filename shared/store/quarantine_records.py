"""The record of a quarantined message: its models, and how each attempt, reply or erasure changes its fields.

`quarantine/<id>` has the message as `state`. The fields next to it change: status, reason, errors, attempts, first and
last seen. The id is made of the event's source, id and content, so that every delivery of an event finds one record.

A parked record has the time of its next retry (`retry_at`) and the time since which it waits (`parked_since`).

`subject` and `account` are the registration ids of the accounts that the message names. An erasure or an access request
finds the message by them. `readable` is false if the message names no account: a person must judge whose it is.
"""

import re
from base64 import b64encode
from collections import Counter
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from pydantic_core import from_json

from shared.digest import digest
from shared.domain.delivery import REPLAY_OF, Delivery
from shared.errors import FieldError
from shared.model import Model
from shared.store.documents import Stored
from shared.store.values import Value

_RECORD_ID = re.compile(r"[0-9a-f]{40}")
#: A larger message (700 KiB of data, in Base64) has its data in the bucket: a Firestore document is at most 1 MiB.
_STATE_BYTES = 960_000
#: Longer text is no event's source, id or type.
_ATTRIBUTE_CHARACTERS = 255
#: A parked message is retried after half of the time that it has been parked, within these bounds.
_SHORTEST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=6)


class QuarantineStatus(StrEnum):
    """`parked` is retried automatically, `failed` waits for a person, `resolved` has been applied since."""

    PARKED = "parked"
    FAILED = "failed"
    RESOLVED = "resolved"
    DISCARDED = "discarded"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do about the message."""
        return self in (QuarantineStatus.RESOLVED, QuarantineStatus.DISCARDED)


class QuarantinedMessage(Model):
    """The message as it was delivered. Source, id and type are the event's, as far as they can be read.

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
    """A quarantined message and its state. `errors` are those of the last attempt.

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
    """A parked message that is due for a retry."""

    record_id: str
    parked_since: datetime
    retry_at: datetime


class Waiting(NamedTuple):
    """The number of records of a status by reason, and when the oldest began to wait; None if there is none."""

    by_reason: Counter[str]
    oldest: datetime | None


def repeated(stored: Stored, outcome: dict[str, Value], now: datetime, topic: str | None) -> dict[str, Value]:
    """The fields after another attempt. A discarded or erased message stays so."""
    message = QuarantinedMessage.model_validate_json(stored.state)
    counted: dict[str, Value] = {"attempts": int(str(stored.fields["attempts"])) + 1}
    if message.erased:
        return {**counted, "last_seen": now}
    if status_of(stored) is QuarantineStatus.DISCARDED and outcome["status"] != QuarantineStatus.RESOLVED:
        outcome = outcome | status_fields(QuarantineStatus.DISCARDED)
    elif outcome["status"] == status_of(stored) == QuarantineStatus.PARKED:
        outcome = outcome | parked(instant(stored, "parked_since"), now)
    if message.topic is None:
        counted["state"] = message.model_copy(update={"topic": topic}).model_dump_json()
    return {**outcome, **counted}


def erased(stored: Stored, settled_as: QuarantineStatus) -> dict[str, Value] | None:
    """The fields of a record whose message is erased, its object not yet; None if it is erased already."""
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
    status = status_of(stored)
    return {
        **status_fields(status if status.settled else settled_as),
        "errors": "[]",
        "state": message.model_copy(update=nothing).model_dump_json(),
        **names,
    }


def without_object(stored: Stored) -> dict[str, Value]:
    """The fields of an erased record whose object is deleted: no query finds it by an account."""
    message = QuarantinedMessage.model_validate_json(stored.state)
    return {
        "subject": None,
        "account": None,
        "state": message.model_copy(update={"stored_as": None}).model_dump_json(),
    }


def message_of(delivery: Delivery, record_id: str) -> QuarantinedMessage:
    """The message of a delivery. Its data is left to the bucket if it is too large for a document."""
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


def status_fields(status: QuarantineStatus) -> dict[str, Value]:
    """The fields of a record that is not parked."""
    return {"status": status.value, "parked_since": None, "retry_at": None}


def parked(since: datetime, now: datetime) -> dict[str, Value]:
    """The fields of a parked record after an attempt: the longer it has been parked, the later the next retry."""
    wait = min(max((now - since) / 2, _SHORTEST_WAIT), _LONGEST_WAIT)
    return {"status": QuarantineStatus.PARKED.value, "parked_since": since, "retry_at": now + wait}


def status_of(stored: Stored) -> QuarantineStatus:
    """The status of a record as read."""
    return QuarantineStatus(str(stored.fields["status"]))


def record_of(stored: Stored) -> Record:
    """A record as read."""
    fields = stored.fields
    return Record(
        stored.document_id,
        status_of(stored),
        str(fields["reason"]),
        [FieldError(**error) for error in from_json(str(fields["errors"]))],
        int(str(fields["attempts"])),
        instant(stored, "first_seen"),
        instant(stored, "last_seen"),
        optional_instant(stored, "parked_since"),
        optional_instant(stored, "retry_at"),
        QuarantinedMessage.model_validate_json(stored.state),
    )


def instant(stored: Stored, field: str) -> datetime:
    """A field that is an instant. Raises `TypeError`."""
    instant = optional_instant(stored, field)
    if instant is None:
        raise TypeError(f"{field} is not an instant")
    return instant


def optional_instant(stored: Stored, field: str) -> datetime | None:
    """A field that is an instant or None."""
    instant = stored.fields[field]
    return instant if isinstance(instant, datetime) else None


def event_attributes(data: bytes) -> dict[str, str]:
    """The attributes of a CloudEvent that are text, if the data is a JSON object at all."""
    texts = {name: value for name, value in json_object(data).items() if isinstance(value, str)}
    return {name: text for name, text in texts.items() if len(text) <= _ATTRIBUTE_CHARACTERS}


def json_object(data: bytes) -> dict[str, Any]:
    """The JSON object in a message's data; an empty one if it is anything else."""
    try:
        value = from_json(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def record_id_of(delivery: Delivery) -> str:
    """The id of a delivery's record: of an event by its identity, else by its first delivery, which a replay names."""
    attributes = event_attributes(delivery.data)
    if attributes.get("source") and attributes.get("id"):
        return event_record_id(attributes["source"], attributes["id"], delivery.data)
    replay_of = delivery.attributes.get(REPLAY_OF, "")
    return replay_of if _RECORD_ID.fullmatch(replay_of) else digest(delivery.subscription, delivery.message_id)


def event_record_id(source: str, event_id: str, data: bytes) -> str:
    """The id of the record that an event has if it cannot be applied."""
    return digest(source, event_id, sha256(data).hexdigest())
