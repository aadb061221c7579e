"""The change log, audit trail and idempotency record in one: each accepted request or message leaves one entry."""

from datetime import date, datetime
from enum import StrEnum

from shared.digest import digest
from shared.domain.campaigns import ContactAttempt
from shared.domain.registration import RegistrationId, RegistrationState
from shared.model import Model


class ChangeKind(StrEnum):
    """The outcome of a request or message.

    `stale` (a newer fact of the same source was there first), `superseded` (a newer fact of another source was),
    `no_change` and `resent` (an operator sent the registration to the networks again) leave it as it was. `contacted`
    (an attempt to contact the customer) changes nothing that a network gets.
    """

    REGISTERED = "registered"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    STALE = "stale"
    SUPERSEDED = "superseded"
    NO_CHANGE = "no_change"
    RESENT = "resent"
    CONTACTED = "contacted"


class Origin(Model):
    """The origin of a change. `actor` is the token's subject or the message's source; `event_time` orders facts."""

    actor: str
    source: str
    event_id: str | None
    event_time: datetime


class Change(Model):
    """One entry of the log: the outcome, and the full state after it. `day` is its London day.

    `reason` is the one given for a withdrawal, `attempt` the one that the entry records. The content of an `erased`
    entry is gone; a repeat of its request is refused.
    """

    change_id: str
    registration_id: RegistrationId
    kind: ChangeKind
    version: int
    origin: Origin
    recorded_at: datetime
    day: date
    fingerprint: str
    reason: str | None = None
    attempt: ContactAttempt | None = None
    state: RegistrationState
    erased: bool = False

    @property
    def made_a_version(self) -> bool:
        """Whether the registration itself differs from before, not only its facts."""
        same = (ChangeKind.STALE, ChangeKind.SUPERSEDED, ChangeKind.NO_CHANGE, ChangeKind.RESENT)
        return self.kind not in same


def change_id(registration_id: RegistrationId, request_id: str) -> str:
    """The id of the change that a request or message leaves: the same for every repeat of it."""
    return f"{registration_id}-{request_id}"


def event_key(source: str, event_id: str) -> str:
    """Identifies an event; without the producer's own text, which may be about a person."""
    return digest(source, event_id)


def event_change_id(registration_id: RegistrationId, source: str, event_id: str) -> str:
    """The id of the change that an event leaves."""
    return change_id(registration_id, event_key(source, event_id))


def waiting_change_id(registration_id: RegistrationId, whole: str, points: int) -> str:
    """The id of what a message leaves while `points` supply points wait; `whole` is that of its complete change."""
    return change_id(registration_id, digest(whole, "waiting", str(points)))
