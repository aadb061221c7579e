"""What happens to a registration: pure functions from what is known to what comes of it.

Every request and message becomes a statement about some aspects of a registration (`shared.domain.aspects`).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from shared.domain import needs as need_rules
from shared.domain.aspects import (
    Statement,
    differing,
    facts_after,
    newest_of_all,
    receipt_kind,
    served_by,
    told_of,
    whole,
)
from shared.domain.changes import ChangeKind
from shared.domain.due_dates import (
    DATE_PASSED,
    follow_up_on,
    next_review,
    notices_of_due_dates,
    notices_that_stay,
    review_due_on,
)
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
from shared.domain.supply_points import SupplyPoints, supply_point_key, supply_points_of
from shared.errors import (
    AlreadyRegistered,
    Erased,
    FieldError,
    InvalidContent,
    NotLive,
    RegistrationUnknown,
)
from shared.settings import Settings


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
    statement = whole(told, confirmed=True)
    return _taken_up(_tell(statement, known, moment, newest_of_all(fact, known), settings), told)


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
    changed = differing(whole(told), whole(before))
    if changed == Statement():
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    _refuse_impossible_dates(told, before, moment.day, settings)
    statement = changed._replace(confirmed=changed.sharing is not None or told.needs != before.needs)
    return _tell(statement, known, moment, newest_of_all(fact, known), settings)


def withdraw(reason: str, known: RegistrationState, *, moment: Moment, fact: Fact, settings: Settings) -> Decision:
    """The customer does not want to be on the register any more. Raises `NotLive`."""
    if not known.registration.status.live:
        raise NotLive
    decision = _tell(Statement(status=Status.WITHDRAWN), known, moment, newest_of_all(fact, known), settings)
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
    return _taken_up(_tell(whole(told)._replace(review=due), known, moment, fact, settings), told)


def hear(
    statement: Statement, known: RegistrationState | None, *, moment: Moment, fact: Fact, settings: Settings
) -> Decision:
    """An event tells something about an account.

    Raises `RegistrationUnknown` until the register knows the account, `Erased` once it knows it no more.
    """
    if known is None:
        raise RegistrationUnknown
    if known.erased_on is not None:
        raise Erased
    says_nothing_else = not any(told is not None for told in statement[:5]) and not statement.served
    wins = says_nothing_else and fact.newer_than(known.facts.profile)
    wins = wins or facts_after(statement, known.facts, fact) != known.facts
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
    update = {"needs": needs, "status": status, "follow_up_on": follow_up_on(status, before, moment.day, settings)}
    after = before.model_copy(update=update)
    after = after.model_copy(
        update={"warnings": [*_warnings(after.supply_points), *notices_of_due_dates(after, moment.day)]}
    )
    if after == before:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    stamped = after.model_copy(update={"version": before.version + 1, "updated_at": moment.now})
    return Decision(ChangeKind.AMENDED, known.model_copy(update={"registration": stamped, "day": moment.day}))


def with_warnings_of_today(registration: Registration) -> Registration:
    """A registration with the warnings that its supply points have by today's tables."""
    others = [notice for notice in registration.warnings if not notice.pointer.startswith("/supply_points/")]
    return registration.model_copy(update={"warnings": [*_warnings(registration.supply_points), *others]})


def give_way(decision: Decision, known: RegistrationState | None, keys: Iterable[str]) -> Decision:
    """The same decision without supply points that another registration holds by a newer fact."""
    state = decision.state
    points = {**state.facts.points, **{key: served_by(state.facts.points[key], served=False) for key in keys}}
    held = _held(points, state.registration.status)
    noted = [notice for notice in state.registration.warnings if notice.code == DATE_PASSED]
    registration = state.registration.model_copy(update={"supply_points": held, "warnings": [*_warnings(held), *noted]})
    facts = state.facts.model_copy(update={"points": points})
    settled = state.model_copy(update={"registration": registration, "facts": facts})
    if known is not None and registration.model_copy(update=_stamp(known.registration)) == known.registration:
        unchanged = settled.model_copy(update={"registration": known.registration})
        return decision._replace(kind=ChangeKind.NO_CHANGE, state=unchanged)
    return decision._replace(state=settled)


def _taken_up(decision: Decision, told: RegistrationInput) -> Decision:
    """The same decision; what it makes live again after an erasure has its account again."""
    state = decision.state
    if state.erased_on is None or not state.registration.status.live:
        return decision
    registration = state.registration.model_copy(update={"account_id": told.account_id})
    return decision._replace(state=state.model_copy(update={"registration": registration, "erased_on": None}))


def _begin(
    told: RegistrationInput, registration_id: RegistrationId, moment: Moment, fact: Fact, settings: Settings
) -> Decision:
    """The first that the register hears of an account."""
    points = {supply_point_key(point): served_by(fact, served=True) for point in told.supply_points.all()}
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
        review_due_on=next_review(told.needs, moment.day, settings),
        follow_up_on=follow_up_on(status, None, moment.day, settings),
        warnings=_warnings(held),
    )
    facts = Facts(profile=fact, premises=fact, sharing=fact, status=fact, supply_points=fact, points=points)
    state = RegistrationState(registration=registration, facts=facts, networks={}, day=moment.day)
    return Decision(ChangeKind.REGISTERED, state)


def _tell(statement: Statement, known: RegistrationState, moment: Moment, fact: Fact, settings: Settings) -> Decision:
    facts = facts_after(statement, known.facts, fact)
    if facts == known.facts and not statement.review:
        return Decision(receipt_kind(statement, known.facts, fact), known, receipt=True)
    registration = _registration_after(statement, known, facts, moment, settings)
    kind = _kind(known.registration, registration)
    if kind is not ChangeKind.NO_CHANGE:
        stamp = {"version": known.registration.version + 1, "updated_at": moment.now}
        registration = registration.model_copy(update=stamp)
    state = known.model_copy(update={"registration": registration, "facts": facts, "day": moment.day})
    lost = frozenset() if settings.delete_on_supply_lost else _lost(statement, known.registration, registration)
    return Decision(kind, state, lost=lost)


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
        "review_due_on": review_due_on(statement, before, profile, moment.day, settings),
        "follow_up_on": follow_up_on(status, before, moment.day, settings),
    }
    if profile:
        update |= {
            "primary_contact": profile.primary_contact,
            "alternate_contact": profile.alternate_contact,
            "services": profile.services,
        }
    after = before.model_copy(update=update)
    return after.model_copy(update={"warnings": [*_warnings(held), *notices_that_stay(before, after)]})


def _lost(statement: Statement, before: Registration, after: Registration) -> frozenset[str]:
    """The supply points that this statement, and nothing else, takes from the registration."""
    gone = before.held().keys() - after.held().keys()
    return frozenset(key for key, served in statement.served.items() if not served and key in gone)


def _kind(before: Registration, after: Registration) -> ChangeKind:
    if after == before:
        return ChangeKind.NO_CHANGE
    if after.status.live:
        return ChangeKind.AMENDED if before.status.live else ChangeKind.REGISTERED
    if before.status.live:
        return ChangeKind.WITHDRAWN if after.status is Status.WITHDRAWN else ChangeKind.ENDED
    return ChangeKind.AMENDED


def _status_of(status: Status, needs: list[Need]) -> Status:
    """A live registration is active if its needs are known: nobody is active without one, nor pending with one."""
    if not status.live:
        return status
    return Status.ACTIVE if needs else Status.PENDING


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


def _warnings(points: SupplyPoints) -> list[Notice]:
    places = [
        *((f"/supply_points/mpans/{index}", mpan.warning) for index, mpan in enumerate(points.mpans)),
        *((f"/supply_points/mprns/{index}", mprn.warning) for index, mprn in enumerate(points.mprns)),
    ]
    return [Notice(pointer=pointer, code=code) for pointer, code in places if code]
