"""The change log, audit trail and idempotency record in one: each accepted request or message leaves one entry."""

from datetime import date, datetime
from enum import StrEnum

from shared.domain.registration import RegistrationId, RegistrationState
from shared.model import Model


class ChangeKind(StrEnum):
    """What came of a request or message.

    `stale` (a newer fact of the same source was there first), `superseded` (a newer fact of another source was),
    `no_change` and `resent` (an operator had the networks told again) leave the registration as it was.
    """

    REGISTERED = "registered"
    AMENDED = "amended"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    STALE = "stale"
    SUPERSEDED = "superseded"
    NO_CHANGE = "no_change"
    RESENT = "resent"


class Origin(Model):
    """Who asked for a change. `actor` is the token's subject or the message's source; `event_time` orders facts."""

    actor: str
    source: str
    event_id: str | None
    event_time: datetime


class Change(Model):
    """One entry of the log: the outcome, and the full state after it. `day` is its London day.

    `reason` is what was said for a withdrawal. An `erased` entry has no content any more; its request is not answered.
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
    state: RegistrationState
    erased: bool = False

    @property
    def made_a_version(self) -> bool:
        """Whether the registration is another than before, and not only known better."""
        same = (ChangeKind.STALE, ChangeKind.SUPERSEDED, ChangeKind.NO_CHANGE, ChangeKind.RESENT)
        return self.kind not in same
