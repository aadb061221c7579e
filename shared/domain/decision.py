"""The decision on a request or message: its outcome for one registration."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from shared.domain.campaigns import ContactAttempt
from shared.domain.changes import ChangeKind
from shared.domain.registration import Facts, Registration, RegistrationState, Status
from shared.domain.retention import period_fields


class Moment(NamedTuple):
    """When a change happens: the instant (UTC) and the London day that it is stored under."""

    now: datetime
    day: date


class Decision(NamedTuple):
    """The outcome of a request or message.

    `state` is the whole state after. A `receipt` has nothing to write but its entry in the log. `lost` are the keys of
    supply points that another supplier serves from now on: nothing is sent to their networks. `elsewhere` are those
    that were named, as served or lost, and that the registration has neither before nor after. `waiting` are those that
    it takes once another registration has released them. `reason` and `attempt` are
    for the log.
    """

    kind: ChangeKind
    state: RegistrationState
    receipt: bool = False
    lost: frozenset[str] = frozenset()
    elsewhere: Mapping[str, bool] = {}
    waiting: frozenset[str] = frozenset()
    reason: str | None = None
    attempt: ContactAttempt | None = None


def replacement(known: RegistrationState, registration: Registration, facts: Facts, moment: Moment) -> Decision:
    """The decision to replace a registration: with a new version, unless only its facts differ."""
    kind = kind_of_change(known.registration, registration)
    if kind is not ChangeKind.NO_CHANGE:
        stamp = {"version": known.registration.version + 1, "updated_at": moment.now}
        registration = registration.model_copy(update=stamp)
    update = {
        "registration": registration,
        "facts": facts,
        "day": moment.day,
        **period_fields(known, registration, moment.day),
    }
    return Decision(kind, known.model_copy(update=update))


def kind_of_change(before: Registration, after: Registration) -> ChangeKind:
    """The kind of the change from one registration to another of the same account."""
    if after == before:
        return ChangeKind.NO_CHANGE
    if after.status.live:
        return ChangeKind.AMENDED if before.status.live else ChangeKind.REGISTERED
    if before.status.live:
        return ChangeKind.WITHDRAWN if after.status is Status.WITHDRAWN else ChangeKind.ENDED
    return ChangeKind.AMENDED
