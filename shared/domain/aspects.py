"""Aspects of a registration, and what a request or message states about them.

The aspects are profile (contacts, needs, services, referral, household), premises, sharing, status, and the supply
points, as a whole and each one. Each keeps the fact that it came from. A statement wins the aspects that have an older
fact and loses the others, so statements end in the same registration in any order (docs/decisions/aspects.md).
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from shared.clock import day_begins
from shared.domain.campaigns import ContactAttempt
from shared.domain.changes import ChangeKind, event_key
from shared.domain.contacts import Address, AlternateContact, Contact
from shared.domain.household import Household
from shared.domain.needs import NeedInput
from shared.domain.referral import Referral
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
    referral: Referral | None = None
    household: Household | None = None
    lapsed: bool = False


class Statement(NamedTuple):
    """The content of a request or message; None for an aspect that it is not about.

    `supply_points` are all of them, `served` single ones with whether we serve them. `closes_on` is the account's last
    day if the account stays until then. `confirmed` says that the customer has reviewed the registration with us,
    `review` that somebody should. `needs` hold whether or not the profile wins. `attempt` is the only content of its
    statement. `migrated`: it is a record of the old platform.
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
    attempt: ContactAttempt | None = None
    migrated: bool = False


def full_statement(submitted: RegistrationInput, *, lapsed: bool = False) -> Statement:
    """A statement about every aspect."""
    return Statement(
        profile=Profile(
            submitted.primary_contact,
            submitted.alternate_contact,
            submitted.needs,
            submitted.services,
            submitted.referral,
            submitted.household,
            lapsed,
        ),
        premises=submitted.premises,
        sharing=submitted.sharing,
        status=Status(submitted.status),
        supply_points=submitted.supply_points,
    )


def submission_of(registration: Registration) -> RegistrationInput:
    """A live registration as a caller would have submitted it, without what the register added."""
    fields: dict[str, Any] = {name: getattr(registration, name) for name in RegistrationInput.model_fields}
    fields["needs"] = [need.submitted for need in registration.needs]
    return RegistrationInput.model_construct(**fields)


def changed_aspects(new: Statement, old: Statement) -> Statement:
    """The aspects of `new` that differ from `old`."""
    same_points = (
        new.supply_points is not None
        and old.supply_points is not None
        and set(new.supply_points.all()) == set(old.supply_points.all())
    )
    return Statement(
        profile=None if new.profile == old.profile else new.profile,
        premises=None if new.premises == old.premises else new.premises,
        sharing=None if new.sharing == old.sharing else new.sharing,
        status=None if new.status == old.status else new.status,
        supply_points=None if same_points else new.supply_points,
    )


def facts_after(statement: Statement, facts: Facts, fact: Fact) -> Facts:
    """The facts once a statement is applied. They only move forward."""
    moved = {name: fact for name in _stated_aspects(statement) if fact.newer_than(getattr(facts, name))}
    no_last_day = statement.closes_on is None and facts.closing is None
    if no_last_day and "status" not in moved:
        moved.pop("closing", None)  # an end that comes too late does not settle the closing
    points = _point_facts_after(statement, facts, fact, all_stated="supply_points" in moved)
    return facts.model_copy(update={**moved, "points": dict(sorted(points.items()))})


def _point_facts_after(statement: Statement, facts: Facts, fact: Fact, *, all_stated: bool) -> dict[str, PointFact]:
    """The facts of single supply points; `all_stated` if the statement has the newest list of all of them."""
    points = dict(facts.points)
    if all_stated and statement.supply_points is not None:
        points = {key: point for key, point in points.items() if point.newer_than(fact)}
        for point in statement.supply_points.all():
            points.setdefault(supply_point_key(point), point_fact(fact, served=True))
    fact_of_others = fact if all_stated else facts.supply_points
    for key, served in statement.served.items():
        if fact.newer_than(points.get(key, fact_of_others)):
            points[key] = point_fact(fact, served=served)
    return points


def reviewed(known: RegistrationState, fact: Fact) -> RegistrationState:
    """A registration once a fact confirms it, or asks for its review."""
    if not fact.newer_than(known.facts.review):
        return known
    return known.model_copy(update={"facts": known.facts.model_copy(update={"review": fact})})


def point_fact(fact: Fact, *, served: bool) -> PointFact:
    """The fact that we serve a supply point, or do not."""
    return PointFact(time=fact.time, source=fact.source, id=fact.id, served=served)


def assigned_supply_points(points: Mapping[str, PointFact], status: Status) -> SupplyPoints:
    """The supply points that a registration has by these facts, in ascending order."""
    keys = sorted(key for key, fact in points.items() if fact.served and not fact.waiting)
    return SupplyPoints.of_keys(keys if status.live else [])


def waiting(facts: Facts, keys: Collection[str], fact: Fact) -> Facts:
    """The facts once supply points wait for their release, and for the message of `fact` to be applied again."""
    parked = {key: facts.points[key].model_copy(update={"parked_as": _message_key(fact)}) for key in keys}
    return facts.model_copy(update={"points": {**facts.points, **parked}})


def waits(facts: Facts, fact: Fact) -> bool:
    """Whether a message was applied except for supply points that wait for their release."""
    return any(point.parked_as == _message_key(fact) for point in facts.points.values())


def no_longer_waiting(facts: Facts, fact: Fact) -> Facts:
    """The facts once the supply points that wait for the message of `fact` are taken."""
    key_of_message = _message_key(fact)
    taken = {
        key: point_fact(point, served=True) for key, point in facts.points.items() if point.parked_as == key_of_message
    }
    return facts.model_copy(update={"points": {**facts.points, **taken}})


def after_last_day(facts: Facts, closes_on: date | None, day: date) -> Facts:
    """The facts on a day: once the account's last day is over, its closing counts from the midnight after it.

    The same facts before that, and if a fact newer than that midnight says the status.
    """
    if closes_on is None or closes_on >= day or facts.closing is None:
        return facts
    closed = facts.closing.model_copy(update={"time": day_begins(closes_on + timedelta(days=1))})
    return facts.model_copy(update={"status": closed}) if closed.newer_than(facts.status) else facts


def pending_last_day(closes_on: date | None, facts: Facts, day: date) -> date | None:
    """An account's last day until its end is applied, or a newer fact says the status."""
    is_pending = closes_on is not None and (closes_on >= day or after_last_day(facts, closes_on, day) != facts)
    return closes_on if is_pending else None


def receipt_kind(statement: Statement, facts: Facts, fact: Fact) -> ChangeKind:
    """`stale` if the statement lost only against facts of its own source."""
    winners = [winner for name in _stated_aspects(statement) if (winner := getattr(facts, name)) is not None]
    winners += [facts.points.get(key, facts.supply_points) for key in statement.served]
    return ChangeKind.STALE if all(winner.source == fact.source for winner in winners) else ChangeKind.SUPERSEDED


def after_every_known_fact(fact: Fact, known: RegistrationState) -> Fact:
    """The fact of a caller, whose request is about the present registration: no fact in it is newer."""
    facts = known.facts
    known_facts = [facts.profile, facts.premises, facts.sharing, facts.status, facts.supply_points]
    known_facts += [facts.review] if facts.review else []
    newest = max(other.time for other in [*known_facts, *facts.points.values()])
    return fact.model_copy(update={"time": max(fact.time, newest + TICK)})


def _stated_aspects(statement: Statement) -> list[str]:
    """The aspects that a statement is about, by their names in `Facts`. An account's end settles its closing, too."""
    stated = {
        "profile": statement.profile is not None,
        "premises": statement.premises is not None,
        "sharing": statement.sharing is not None,
        "status": statement.status is not None,
        "supply_points": statement.supply_points is not None,
        "closing": statement.closes_on is not None or statement.status is Status.ENDED,
    }
    return [name for name, is_stated in stated.items() if is_stated]


def _message_key(fact: Fact) -> str:
    """Identifies a message. Its id is a producer's text, which an erasure would have to look for."""
    return event_key(fact.source, fact.id)
