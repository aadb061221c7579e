"""What happens to a registration: pure functions from what is known to what comes of it.

A registration has aspects: profile (contacts, needs, services), premises, sharing, status, and its supply points, as a
whole and each one. Every request and message is a statement about some of them at a time, and each aspect keeps the
fact it came from. A statement changes the aspects that hold an older fact and loses on the others, so that statements
end in the same registration in whatever order they come (docs/decisions/aspects.md).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from shared.domain import needs as need_rules
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Address, AlternateContact, Contact
from shared.domain.needs import Need, NeedInput
from shared.domain.registration import (
    Fact,
    Facts,
    Notice,
    PointFact,
    Registration,
    RegistrationId,
    RegistrationInput,
    RegistrationState,
    Status,
)
from shared.domain.services import Services
from shared.domain.sharing import Sharing
from shared.domain.supply_points import SupplyPoints, supply_point_key, supply_points_of
from shared.errors import (
    AlreadyRegistered,
    FieldError,
    InvalidContent,
    NotLive,
    RegistrationUnknown,
)
from shared.settings import Settings

_TICK = timedelta(microseconds=1)
#: Warning about a date to act on: it has come.
DATE_PASSED = "date_passed"


class Moment(NamedTuple):
    """When a change happens: the instant (UTC) and the London day that it is stored under."""

    now: datetime
    day: date


class Decision(NamedTuple):
    """What comes of a request or message.

    `state` is the whole state after. A `receipt` has nothing to write but its entry in the log. `lost` are the keys of
    supply points that another supplier serves from now on: their networks are told nothing. `reason` is for the log.
    """

    kind: ChangeKind
    state: RegistrationState
    receipt: bool = False
    lost: frozenset[str] = frozenset()
    reason: str | None = None


class Profile(NamedTuple):
    """The aspect that is about people."""

    primary_contact: Contact
    alternate_contact: AlternateContact | None
    needs: list[NeedInput]
    services: Services


class Statement(NamedTuple):
    """What a request or message says; None where it says nothing.

    `supply_points` are all of them, `served` single ones with whether we serve them. `confirmed` says that the
    customer has gone over the registration with us, `review` that somebody should.
    """

    profile: Profile | None = None
    premises: Address | None = None
    sharing: Sharing | None = None
    status: Status | None = None
    supply_points: SupplyPoints | None = None
    served: Mapping[str, bool] = {}
    confirmed: bool = False
    review: bool = False


def whole(told: RegistrationInput, *, confirmed: bool = False) -> Statement:
    """A statement about every aspect."""
    return Statement(
        profile=Profile(told.primary_contact, told.alternate_contact, told.needs, told.services),
        premises=told.premises,
        sharing=told.sharing,
        status=Status(told.status),
        supply_points=told.supply_points,
        confirmed=confirmed,
    )


def register(
    told: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    *,
    moment: Moment,
    fact: Fact,
    settings: Settings,
) -> Decision:
    """A caller registers an account, anew or again after it was withdrawn or ended.

    Raises `AlreadyRegistered`, and `InvalidContent` for dates that cannot be.
    """
    if known is not None and known.registration.status.live:
        raise AlreadyRegistered
    _refuse_impossible_dates(told, None, moment.day, settings)
    if known is None:
        return _begin(told, registration_id, moment, fact, settings)
    return _tell(whole(told, confirmed=True), known, moment, _newest_of_all(fact, known), settings)


def amend(
    told: RegistrationInput, known: RegistrationState, *, moment: Moment, fact: Fact, settings: Settings
) -> Decision:
    """A caller who has seen the registration states what it should be. Aspects that stay the same keep their facts.

    Who speaks about needs or the lawful basis has gone over them with the customer; a new phone number is no review.
    Raises `NotLive`, and `InvalidContent` for dates that cannot be.
    """
    if not known.registration.status.live:
        raise NotLive
    before = told_of(known.registration)
    changed = _differing(whole(told), whole(before))
    if changed == Statement():
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    _refuse_impossible_dates(told, before, moment.day, settings)
    statement = changed._replace(confirmed=changed.sharing is not None or told.needs != before.needs)
    return _tell(statement, known, moment, _newest_of_all(fact, known), settings)


def withdraw(reason: str, known: RegistrationState, *, moment: Moment, fact: Fact, settings: Settings) -> Decision:
    """The customer does not want to be on the register any more. Raises `NotLive`."""
    if not known.registration.status.live:
        raise NotLive
    decision = _tell(Statement(status=Status.WITHDRAWN), known, moment, _newest_of_all(fact, known), settings)
    return decision._replace(reason=reason)


def migrate(
    told: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    *,
    moment: Moment,
    fact: Fact,
    settings: Settings,
) -> Decision:
    """The old platform tells what it knew of an account at `fact.time`.

    A record never overwrites what the register learnt later. One that loses while it names needs that the register
    lacks makes a review fall due. Raises `InvalidContent` for dates that cannot be.
    """
    _refuse_impossible_dates(told, None, moment.day, settings)
    if known is None:
        return _begin(told, registration_id, moment, fact, settings)
    lacking = {need.code for need in told.needs} - {need.code for need in known.registration.needs}
    loses = not fact.newer_than(known.facts.profile)
    due = loses and bool(lacking) and known.registration.status.live and known.registration.review_due_on > moment.day
    return _tell(whole(told)._replace(review=due), known, moment, fact, settings)


def hear(
    statement: Statement, known: RegistrationState | None, *, moment: Moment, fact: Fact, settings: Settings
) -> Decision:
    """An event tells something about an account. Raises `RegistrationUnknown` until the register knows the account."""
    if known is None:
        raise RegistrationUnknown
    says_nothing_else = not any(told is not None for told in statement[:5]) and not statement.served
    wins = says_nothing_else and fact.newer_than(known.facts.profile)
    wins = wins or _facts_after(statement, known.facts, fact) != known.facts
    return _tell(statement._replace(review=statement.review and wins), known, moment, fact, settings)


def pass_day(known: RegistrationState | None, *, moment: Moment, settings: Settings) -> Decision:
    """What time alone does: needs whose last day has passed end, and reviews and follow-ups that fall due are noted.

    The facts stay: nobody told anything. A registration that has no need left is pending, and is followed up.
    """
    if known is None:
        raise RegistrationUnknown
    before = known.registration
    if not before.status.live:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    needs = [need for need in before.needs if need.ends_on is None or need.ends_on >= moment.day]
    status = _status_of(before.status, needs)
    update = {"needs": needs, "status": status, "follow_up_on": _follow_up_on(status, before, moment.day, settings)}
    after = before.model_copy(update=update)
    after = after.model_copy(update={"warnings": [*_warnings(after.supply_points), *_due(after, moment.day)]})
    if after == before:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    stamped = after.model_copy(update={"version": before.version + 1, "updated_at": moment.now})
    return Decision(ChangeKind.AMENDED, known.model_copy(update={"registration": stamped, "day": moment.day}))


def give_way(decision: Decision, known: RegistrationState | None, keys: Iterable[str]) -> Decision:
    """The same decision without supply points that another registration holds by a newer fact."""
    state = decision.state
    points = {**state.facts.points, **{key: _served(state.facts.points[key], served=False) for key in keys}}
    held = _held(points, state.registration.status)
    noted = [notice for notice in state.registration.warnings if notice.code == DATE_PASSED]
    registration = state.registration.model_copy(update={"supply_points": held, "warnings": [*_warnings(held), *noted]})
    facts = state.facts.model_copy(update={"points": points})
    settled = state.model_copy(update={"registration": registration, "facts": facts})
    if known is not None and registration.model_copy(update=_stamp(known.registration)) == known.registration:
        unchanged = settled.model_copy(update={"registration": known.registration})
        return decision._replace(kind=ChangeKind.NO_CHANGE, state=unchanged)
    return decision._replace(state=settled)


def told_of(registration: Registration) -> RegistrationInput:
    """A live registration as a caller would have told it, without what the register added."""
    told: dict[str, Any] = {name: getattr(registration, name) for name in RegistrationInput.model_fields}
    return RegistrationInput.model_construct(**told | {"needs": [need.told for need in registration.needs]})


def _begin(
    told: RegistrationInput, registration_id: RegistrationId, moment: Moment, fact: Fact, settings: Settings
) -> Decision:
    """The first that the register hears of an account."""
    points = {supply_point_key(point): _served(fact, served=True) for point in told.supply_points.all()}
    status = Status(told.status)
    held = _held(points, status)
    registration = Registration(
        registration_id=registration_id,
        account_id=told.account_id,
        status=status,
        version=1,
        supply_points=held,
        premises=told.premises,
        primary_contact=told.primary_contact,
        alternate_contact=told.alternate_contact,
        needs=_needs(told.needs, None, moment.day, settings),
        sharing=told.sharing,
        services=told.services,
        created_at=moment.now,
        updated_at=moment.now,
        review_due_on=_next_review(told.needs, moment.day, settings),
        follow_up_on=_follow_up_on(status, None, moment.day, settings),
        warnings=_warnings(held),
    )
    facts = Facts(profile=fact, premises=fact, sharing=fact, status=fact, supply_points=fact, points=points)
    state = RegistrationState(registration=registration, facts=facts, networks={}, day=moment.day)
    return Decision(ChangeKind.REGISTERED, state)


def _tell(statement: Statement, known: RegistrationState, moment: Moment, fact: Fact, settings: Settings) -> Decision:
    facts = _facts_after(statement, known.facts, fact)
    if facts == known.facts and not statement.review:
        return Decision(_receipt_kind(statement, known.facts, fact), known, receipt=True)
    registration = _registration_after(statement, known, facts, moment, settings)
    kind = _kind(known.registration, registration)
    if kind is not ChangeKind.NO_CHANGE:
        stamp = {"version": known.registration.version + 1, "updated_at": moment.now}
        registration = registration.model_copy(update=stamp)
    state = known.model_copy(update={"registration": registration, "facts": facts, "day": moment.day})
    lost = frozenset() if settings.delete_on_supply_lost else _lost(statement, known.registration, registration)
    return Decision(kind, state, lost=lost)


def _facts_after(statement: Statement, facts: Facts, fact: Fact) -> Facts:
    """Facts only move forward."""
    told = {
        "profile": statement.profile,
        "premises": statement.premises,
        "sharing": statement.sharing,
        "status": statement.status,
        "supply_points": statement.supply_points,
    }
    moved = {name: fact for name, value in told.items() if value is not None and fact.newer_than(getattr(facts, name))}
    points = dict(facts.points)
    if statement.supply_points is not None and "supply_points" in moved:
        points = {key: point for key, point in points.items() if point.newer_than(fact)}
        for point in statement.supply_points.all():
            points.setdefault(supply_point_key(point), _served(fact, served=True))
    base = moved.get("supply_points", facts.supply_points)
    for key, served in statement.served.items():
        if fact.newer_than(points.get(key, base)):
            points[key] = _served(fact, served=served)
    return facts.model_copy(update={**moved, "points": dict(sorted(points.items()))})


def _registration_after(
    statement: Statement, known: RegistrationState, facts: Facts, moment: Moment, settings: Settings
) -> Registration:
    """What the facts that moved make of the registration, still under its old version."""
    before = known.registration
    profile = statement.profile if facts.profile != known.facts.profile else None
    premises = statement.premises if facts.premises != known.facts.premises else None
    sharing = statement.sharing if facts.sharing != known.facts.sharing else None
    status = statement.status if facts.status != known.facts.status else None
    needs = _needs(profile.needs, before, moment.day, settings) if profile else before.needs
    status = _status_of(status or before.status, needs)
    held = _held(facts.points, status)
    update = {
        "status": status,
        "supply_points": held,
        "needs": needs,
        "premises": premises or before.premises,
        "sharing": sharing or before.sharing,
        "review_due_on": _review_due_on(statement, before, profile, moment.day, settings),
        "follow_up_on": _follow_up_on(status, before, moment.day, settings),
    }
    if profile:
        update |= {
            "primary_contact": profile.primary_contact,
            "alternate_contact": profile.alternate_contact,
            "services": profile.services,
        }
    after = before.model_copy(update=update)
    return after.model_copy(update={"warnings": [*_warnings(held), *_still_noted(before, after)]})


def _lost(statement: Statement, before: Registration, after: Registration) -> frozenset[str]:
    """The supply points that this statement, and nothing else, takes from the registration."""
    gone = before.held().keys() - after.held().keys()
    return frozenset(key for key, served in statement.served.items() if not served and key in gone)


def _differing(new: Statement, old: Statement) -> Statement:
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


def _due(registration: Registration, day: date) -> list[Notice]:
    """The dates of a registration that somebody should act on by now."""
    dates = {"review_due_on": registration.review_due_on, "follow_up_on": registration.follow_up_on}
    return [Notice(pointer=f"/{name}", code=DATE_PASSED) for name, due in dates.items() if due and due <= day]


def _still_noted(before: Registration, after: Registration) -> list[Notice]:
    """A date that was noted as due stays noted until it is moved."""
    return [
        notice
        for notice in before.warnings
        if notice.code == DATE_PASSED
        and after.status.live
        and getattr(after, notice.pointer[1:]) == getattr(before, notice.pointer[1:])
    ]


def _kind(before: Registration, after: Registration) -> ChangeKind:
    if after == before:
        return ChangeKind.NO_CHANGE
    if after.status.live:
        return ChangeKind.AMENDED if before.status.live else ChangeKind.REGISTERED
    if before.status.live:
        return ChangeKind.WITHDRAWN if after.status is Status.WITHDRAWN else ChangeKind.ENDED
    return ChangeKind.AMENDED


def _receipt_kind(statement: Statement, facts: Facts, fact: Fact) -> ChangeKind:
    """`stale` if only newer facts of the same source stood against the statement."""
    aspects = ("profile", "premises", "sharing", "status", "supply_points")
    winners = [getattr(facts, name) for name, told in zip(aspects, statement[:5], strict=True) if told is not None]
    winners += [facts.points.get(key, facts.supply_points) for key in statement.served]
    return ChangeKind.STALE if all(winner.source == fact.source for winner in winners) else ChangeKind.SUPERSEDED


def _newest_of_all(fact: Fact, known: RegistrationState) -> Fact:
    """A caller speaks of what the register holds now, so nothing that it holds is newer."""
    facts = known.facts
    held = [facts.profile, facts.premises, facts.sharing, facts.status, facts.supply_points, *facts.points.values()]
    newest = max(other.time for other in held)
    return fact.model_copy(update={"time": max(fact.time, newest + _TICK)})


def _status_of(status: Status, needs: list[Need]) -> Status:
    """A live registration is active if its needs are known: nobody is active without one, nor pending with one."""
    if not status.live:
        return status
    return Status.ACTIVE if needs else Status.PENDING


def _served(fact: Fact, *, served: bool) -> PointFact:
    return PointFact(time=fact.time, source=fact.source, id=fact.id, served=served)


def _held(points: Mapping[str, PointFact], status: Status) -> SupplyPoints:
    """The supply points that a registration holds, in ascending order."""
    return supply_points_of(sorted(key for key, fact in points.items() if fact.served and status.live))


def _stamp(registration: Registration) -> dict[str, object]:
    return {"version": registration.version, "updated_at": registration.updated_at}


def _needs(told: list[NeedInput], before: Registration | None, day: date, settings: Settings) -> list[Need]:
    began = {need.code: need.starts_on for need in before.needs} if before and before.status.live else {}
    return [
        Need(
            code=need.code,
            starts_on=began.get(need.code, day),
            ends_on=need_rules.end_of(need, young_child_until_birthday=settings.young_child_until_birthday),
            youngest_child_born_on=need.youngest_child_born_on,
            note=need.note,
        )
        for need in sorted(told, key=lambda need: need.code)
    ]


def _review_due_on(
    statement: Statement, before: Registration, profile: Profile | None, day: date, settings: Settings
) -> date:
    """A review that is due stays due until the customer has been asked."""
    if statement.review:
        return min(day, before.review_due_on)
    needs = profile.needs if profile else [need.told for need in before.needs]
    if statement.confirmed:
        return _next_review(needs, day, settings)
    same = before.status.live and needs == [need.told for need in before.needs]
    due = before.status.live and before.review_due_on <= day
    return before.review_due_on if profile is None or same or due else _next_review(needs, day, settings)


def _next_review(needs: list[NeedInput], day: date, settings: Settings) -> date:
    dependent = need_rules.medically_dependent(need.code for need in needs)
    return _months_on(day, settings.review_months_medically_dependent if dependent else settings.review_months)


def _follow_up_on(status: Status, before: Registration | None, day: date, settings: Settings) -> date | None:
    if status is not Status.PENDING:
        return None
    waiting = before.follow_up_on if before else None
    return waiting or day + timedelta(days=settings.follow_up_days)


def _refuse_impossible_dates(
    told: RegistrationInput, before: RegistrationInput | None, day: date, settings: Settings
) -> None:
    """A need that has run out stays until it is taken off the register: to repeat it is no error."""
    repeated = before.needs if before else []
    errors = []
    if told.sharing.recorded_on > day:
        errors.append(FieldError("/sharing/recorded_on", "date_in_future", "lies in the future"))
    for index, need in enumerate(told.needs):
        if need in repeated:
            continue
        born = need.youngest_child_born_on
        ends = need_rules.end_of(need, young_child_until_birthday=settings.young_child_until_birthday)
        if born is not None and born > day:
            errors.append(FieldError(f"/needs/{index}/youngest_child_born_on", "date_in_future", "lies in the future"))
        if ends is not None and ends < day:
            field = "ends_on" if born is None else "youngest_child_born_on"
            errors.append(FieldError(f"/needs/{index}/{field}", "need_already_ended", "this need has already ended"))
    if errors:
        raise InvalidContent(tuple(errors))


def _months_on(day: date, months: int) -> date:
    """The same day of the month, or the month's last."""
    year, month = divmod(day.month - 1 + months, 12)
    first_after = date(day.year + year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = date.fromordinal(first_after.toordinal() - 1)
    return last.replace(day=min(day.day, last.day))


def _warnings(points: SupplyPoints) -> list[Notice]:
    places = [
        *((f"/supply_points/mpans/{index}", mpan.warning) for index, mpan in enumerate(points.mpans)),
        *((f"/supply_points/mprns/{index}", mprn.warning) for index, mprn in enumerate(points.mprns)),
    ]
    return [Notice(pointer=pointer, code=code) for pointer, code in places if code]
