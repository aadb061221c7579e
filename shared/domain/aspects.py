"""Aspects of a registration, and what a request or message states about them.

The aspects are profile (contacts, needs, services), premises, sharing, status, and the supply points, as a whole and
each one. Each keeps the fact that it came from. A statement wins the aspects that hold an older fact and loses the
others, so statements end in the same registration in whatever order they come (docs/decisions/aspects.md).
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from shared.clock import day_begins
from shared.digest import digest
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Address, AlternateContact, Contact
from shared.domain.needs import NeedInput
from shared.domain.registration import (
    Fact,
    Facts,
    PointFact,
    Registration,
    RegistrationInput,
    RegistrationState,
    Status,
)
from shared.domain.services import Services
from shared.domain.sharing import Sharing
from shared.domain.supply_points import SupplyPoints, supply_point_key

#: The smallest step between two facts.
TICK = timedelta(microseconds=1)


class Profile(NamedTuple):
    """The aspect that is about people. `lapsed`: needs that had ended already were left out."""

    primary_contact: Contact
    alternate_contact: AlternateContact | None
    needs: list[NeedInput]
    services: Services
    lapsed: bool = False


class Statement(NamedTuple):
    """What a request or message says; None where it says nothing.

    `supply_points` are all of them, `served` single ones with whether we serve them. `closes_on` is the account's last
    day if the account stays until then. `confirmed` says that the customer has gone over the registration with us,
    `review` that somebody should. `needs` hold whether or not the profile wins.
    """

    profile: Profile | None = None
    premises: Address | None = None
    sharing: Sharing | None = None
    status: Status | None = None
    supply_points: SupplyPoints | None = None
    closes_on: date | None = None
    served: Mapping[str, bool] = {}
    confirmed: bool = False
    review: bool = False
    needs: list[NeedInput] | None = None


def full_statement(told: RegistrationInput, *, confirmed: bool = False, lapsed: bool = False) -> Statement:
    """A statement about every aspect."""
    return Statement(
        profile=Profile(told.primary_contact, told.alternate_contact, told.needs, told.services, lapsed),
        premises=told.premises,
        sharing=told.sharing,
        status=Status(told.status),
        supply_points=told.supply_points,
        confirmed=confirmed,
    )


def submission_of(registration: Registration) -> RegistrationInput:
    """A live registration as a caller would have told it, without what the register added."""
    told: dict[str, Any] = {name: getattr(registration, name) for name in RegistrationInput.model_fields}
    return RegistrationInput.model_construct(**told | {"needs": [need.told for need in registration.needs]})


def facts_after(statement: Statement, facts: Facts, fact: Fact) -> Facts:
    """Facts only move forward."""
    moved = {name: fact for name in _stated(statement) if fact.newer_than(getattr(facts, name))}
    if statement.closes_on is None and facts.closing is None and "status" not in moved:
        moved.pop("closing", None)  # an end that comes too late settles nothing: no last day was announced
    points = dict(facts.points)
    if statement.supply_points is not None and "supply_points" in moved:
        points = {key: point for key, point in points.items() if point.newer_than(fact)}
        for point in statement.supply_points.all():
            points.setdefault(supply_point_key(point), point_fact(fact, served=True))
    base = moved.get("supply_points", facts.supply_points)
    for key, served in statement.served.items():
        if fact.newer_than(points.get(key, base)):
            points[key] = point_fact(fact, served=served)
    return facts.model_copy(update={**moved, "points": dict(sorted(points.items()))})


def no_longer_waiting(facts: Facts, fact: Fact) -> Facts:
    """The facts once the supply points that wait for the message of `fact` are taken; the same if none waits."""
    taken = {key: point_fact(point, served=True) for key, point in facts.points.items() if _waits(point, fact)}
    return facts.model_copy(update={"points": {**facts.points, **taken}}) if taken else facts


def waiting(facts: Facts, keys: Collection[str], fact: Fact) -> Facts:
    """The facts once supply points wait for their release, and for the message of `fact` to be applied again."""
    parked = {key: facts.points[key].model_copy(update={"parked_as": _parked_as(fact)}) for key in keys}
    return facts.model_copy(update={"points": {**facts.points, **parked}})


def waits(facts: Facts, fact: Fact) -> bool:
    """Whether a message was applied but for supply points that wait for their release."""
    return any(_waits(point, fact) for point in facts.points.values())


def after_last_day(facts: Facts, closes_on: date | None, day: date) -> Facts:
    """The facts on a day: once the account's last day is over, its closing counts from the midnight after it.

    The same facts before that, and if something newer than that midnight says what the status is.
    """
    if closes_on is None or closes_on >= day or facts.closing is None:
        return facts
    closed = facts.closing.model_copy(update={"time": day_begins(closes_on + timedelta(days=1))})
    return facts.model_copy(update={"status": closed}) if closed.newer_than(facts.status) else facts


def changed_aspects(new: Statement, old: Statement) -> Statement:
    """The aspects of `new` that `old` does not say the same of."""
    same_points = (
        new.supply_points is not None
        and old.supply_points is not None
        and (set(new.supply_points.all()) == set(old.supply_points.all()))
    )
    return Statement(
        profile=None if new.profile == old.profile else new.profile,
        premises=None if new.premises == old.premises else new.premises,
        sharing=None if new.sharing == old.sharing else new.sharing,
        status=None if new.status == old.status else new.status,
        supply_points=None if same_points else new.supply_points,
    )


def receipt_kind(statement: Statement, facts: Facts, fact: Fact) -> ChangeKind:
    """`stale` if only newer facts of the same source stood against the statement."""
    winners = [winner for name in _stated(statement) if (winner := getattr(facts, name)) is not None]
    winners += [facts.points.get(key, facts.supply_points) for key in statement.served]
    return ChangeKind.STALE if all(winner.source == fact.source for winner in winners) else ChangeKind.SUPERSEDED


def after_every_known_fact(fact: Fact, known: RegistrationState) -> Fact:
    """A caller speaks of what the register holds now, so nothing that it holds is newer."""
    facts = known.facts
    held = [facts.profile, facts.premises, facts.sharing, facts.status, facts.supply_points, *facts.points.values()]
    newest = max(other.time for other in held)
    return fact.model_copy(update={"time": max(fact.time, newest + TICK)})


def point_fact(fact: Fact, *, served: bool) -> PointFact:
    """The fact that we serve a supply point, or do not."""
    return PointFact(time=fact.time, source=fact.source, id=fact.id, served=served)


def _stated(statement: Statement) -> list[str]:
    """The aspects that a statement is about, by their names in `Facts`. What ends an account settles its closing."""
    told = {
        "profile": statement.profile,
        "premises": statement.premises,
        "sharing": statement.sharing,
        "status": statement.status,
        "supply_points": statement.supply_points,
        "closing": statement.closes_on or (statement.status is Status.ENDED or None),
    }
    return [name for name, value in told.items() if value is not None]


def _waits(point: PointFact, fact: Fact) -> bool:
    return point.parked_as == _parked_as(fact)


def _parked_as(fact: Fact) -> str:
    """What a message is known by here. Its id is a producer's text, which an erasure would have to look for."""
    return digest(fact.source, fact.id)
