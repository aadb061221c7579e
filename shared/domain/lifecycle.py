"""What happens to a registration: pure functions from what is known to what comes of it.

Every request and message becomes a statement about some aspects of a registration (`shared.domain.aspects`).
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import NamedTuple

from shared.clock import london_day
from shared.domain import needs as need_rules
from shared.domain.aspects import (
    TICK,
    Profile,
    Statement,
    after_every_known_fact,
    after_last_day,
    changed_aspects,
    facts_after,
    full_statement,
    no_longer_waiting,
    point_fact,
    receipt_kind,
    submission_of,
    waiting,
    waits,
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
from shared.domain.erasure import erased_at
from shared.domain.needs import Need, NeedInput
from shared.domain.registration import (
    Fact,
    Facts,
    FormerPeriod,
    Notice,
    PointFact,
    Registration,
    RegistrationId,
    RegistrationInput,
    RegistrationState,
    Status,
)
from shared.domain.sharing import recorded_in_future
from shared.domain.supply_points import SupplyPoints, refuse_too_many, supply_point_key, supply_points_of
from shared.errors import (
    AlreadyRegistered,
    FieldError,
    InvalidContent,
    NotLive,
    RegistrationErased,
    RegistrationUnknown,
)
from shared.policy import Policy

#: Warning: needs whose last day was over when the old platform's record came were left out. Also an error's code.
LAPSED = "need_already_ended"
#: Warning: a supply point that the account states as its own is held until another registration has released it.
WAITING = "supply_point_waiting"
_LEFT_OUT = Notice(pointer="/needs", code=LAPSED)
_WAITING = Notice(pointer="/supply_points", code=WAITING)


class Moment(NamedTuple):
    """When a change happens: the instant (UTC) and the London day that it is stored under."""

    now: datetime
    day: date


class Decision(NamedTuple):
    """What comes of a request or message.

    `state` is the whole state after. A `receipt` has nothing to write but its entry in the log. `lost` are the keys of
    supply points that another supplier serves from now on: their networks are told nothing. `elsewhere` are those that
    were named, as served or lost, and that the registration holds neither before nor after. `waiting` are those that it
    takes once another registration has released them. `reason` is for the log.
    """

    kind: ChangeKind
    state: RegistrationState
    receipt: bool = False
    lost: frozenset[str] = frozenset()
    elsewhere: Mapping[str, bool] = {}
    waiting: frozenset[str] = frozenset()
    reason: str | None = None


def register(
    told: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    *,
    moment: Moment,
    fact: Fact,
    policy: Policy,
) -> Decision:
    """A caller registers an account, anew or again after it was withdrawn or ended.

    Raises `AlreadyRegistered`, and `InvalidContent` for dates that cannot be.
    """
    if known is not None and known.registration.status.live:
        raise AlreadyRegistered
    _refuse_impossible_dates(told, None, moment.day, policy)
    _refuse_newly_retired(told, None)
    if known is None:
        return _new_registration(told, registration_id, moment, fact, policy)
    statement = full_statement(told, confirmed=True)
    return _reactivated(_apply_statement(statement, known, moment, after_every_known_fact(fact, known), policy), told)


def amend(told: RegistrationInput, known: RegistrationState, *, moment: Moment, fact: Fact, policy: Policy) -> Decision:
    """A caller who has seen the registration states what it should be. Aspects that stay the same keep their facts.

    Who speaks about needs or the lawful basis has gone over them with the customer; a new phone number is no review.
    Raises `NotLive`, and `InvalidContent` for dates that cannot be.
    """
    if not known.registration.status.live:
        raise NotLive
    before = submission_of(known.registration)
    changed = changed_aspects(full_statement(told), full_statement(before))
    if changed == Statement():
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    _refuse_impossible_dates(told, before, moment.day, policy)
    _refuse_newly_retired(told, known)
    statement = changed._replace(confirmed=changed.sharing is not None or told.needs != before.needs)
    return _apply_statement(statement, known, moment, after_every_known_fact(fact, known), policy)


def withdraw(reason: str, known: RegistrationState, *, moment: Moment, fact: Fact, policy: Policy) -> Decision:
    """The customer does not want to be on the register any more. Raises `NotLive`."""
    if not known.registration.status.live:
        raise NotLive
    decision = _apply_statement(
        Statement(status=Status.WITHDRAWN), known, moment, after_every_known_fact(fact, known), policy
    )
    return decision._replace(reason=reason)


def migrate(
    told: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    *,
    moment: Moment,
    fact: Fact,
    policy: Policy,
) -> Decision:
    """The old platform tells what it knew of an account at `fact.time`.

    A record never overwrites what the register learnt later. One that loses while it names needs that the register
    lacks makes a review fall due. Different records of one time keep the needs of both. Needs that have ended since are
    left out, with a warning.
    Raises `InvalidContent` for dates that cannot be, and for retired needs codes that the registration does not have.
    """
    ongoing = [need for need in told.needs if not _lapsed(need, moment.day, policy)]
    lapsed = len(ongoing) < len(told.needs)
    told = told.model_copy(update={"needs": ongoing})
    _refuse_impossible_dates(told, None, moment.day, policy)
    _refuse_newly_retired(told, known)
    if known is None:
        return _new_registration(told, registration_id, moment, fact, policy, lapsed=lapsed)
    lacking = {need.code for need in told.needs} - {need.code for need in known.registration.needs}
    loses = not fact.newer_than(known.facts.profile) and not waits(known.facts, fact)
    due = loses and bool(lacking) and known.registration.status.live and known.registration.review_due_on > moment.day
    statement = full_statement(told, lapsed=lapsed)._replace(review=due)
    if _is_another_of_its_time(fact, known):
        statement = _with_the_needs_of_both(told, known, moment)
    return _reactivated(_apply_statement(statement, known, moment, fact, policy), told)


def _is_another_of_its_time(fact: Fact, known: RegistrationState) -> bool:
    """Whether a record is as old as what the register holds, and not the same."""
    held = known.facts.profile
    return known.erased_on is None and fact.time == held.time and (fact.source, fact.id) != (held.source, held.id)


def _with_the_needs_of_both(told: RegistrationInput, known: RegistrationState, moment: Moment) -> Statement:
    """Nobody knows which of two records of one time is right: the needs of both stay, and a person asks."""
    before = submission_of(known.registration)
    needs = need_rules.of_both(told.needs, before.needs)
    differs = full_statement(told).profile != full_statement(before).profile
    review = differs and known.registration.status.live and known.registration.review_due_on > moment.day
    both = full_statement(told.model_copy(update={"needs": needs}))
    return both._replace(needs=None if needs == before.needs else needs, review=review)


def apply_account_event(
    statement: Statement, known: RegistrationState | None, *, moment: Moment, fact: Fact, policy: Policy
) -> Decision:
    """An event tells something about an account.

    Raises `RegistrationUnknown` until the register knows the account, `RegistrationErased` once it has been erased, and
    `InvalidContent` for what a caller could not say either: dates that cannot be, too many supply points.
    """
    if known is None:
        raise RegistrationUnknown
    if known.erased_on is not None:
        raise RegistrationErased
    if statement.sharing and (errors := recorded_in_future(statement.sharing, max(moment.day, london_day(fact.time)))):
        raise InvalidContent(tuple(errors))
    says_nothing_else = statement == Statement(review=True)
    wins = says_nothing_else and fact.newer_than(known.facts.profile)
    wins = wins or facts_after(statement, known.facts, fact) != known.facts
    return _apply_statement(statement._replace(review=statement.review and wins), known, moment, fact, policy)


def apply_due_dates(known: RegistrationState | None, *, moment: Moment, policy: Policy) -> Decision:
    """What time alone does: needs whose last day has passed end, and reviews and follow-ups that fall due are noted.

    The facts stay: nobody told anything. A registration that has no need left is pending, and is followed up. One whose
    account was to close ends after the account's last day.
    """
    if known is None:
        raise RegistrationUnknown
    before = known.registration
    if not before.status.live:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    facts = after_last_day(known.facts, before.closes_on, moment.day)
    if facts != known.facts:
        after = _ended(before, facts)
    else:
        needs = [need for need in before.needs if need.ends_on is None or need.ends_on >= moment.day]
        status = _status_of(before.status, needs)
        update = {
            "needs": needs,
            "status": status,
            "follow_up_on": follow_up_on(status, before, moment.day, policy),
            "closes_on": _still_to_act_on(before.closes_on, facts, moment.day),
        }
        after = before.model_copy(update=update)
        noted = [notice for notice in before.warnings if notice.code == LAPSED]
        after = _warned(after, facts, [*noted, *notices_of_due_dates(after, moment.day)])
    if after == before:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    stamped = after.model_copy(update={"version": before.version + 1, "updated_at": moment.now})
    stored = {"registration": stamped, "facts": facts, "day": moment.day, **_ending(known, after, moment.day)}
    return Decision(_kind(before, after), known.model_copy(update=stored))


def with_warnings_of_today(registration: Registration) -> Registration:
    """A registration with the warnings that its supply points have by today's tables."""
    others = [notice for notice in registration.warnings if not notice.pointer.startswith("/supply_points/")]
    return registration.model_copy(update={"warnings": [*_warnings(registration.supply_points), *others]})


def yield_supply_points(
    decision: Decision, known: RegistrationState | None, newer: Collection[str], older: Collection[str], fact: Fact
) -> Decision:
    """The same decision without supply points that another registration holds, or held, by a newer fact.

    What another holds by an `older` fact waits for its release, and for the message of `fact` to be applied again. Who
    gives way is reviewed: somebody asks where the customer lives.
    """
    state, registration = decision.state, decision.state.registration
    points = state.facts.points | {key: point_fact(state.facts.points[key], served=False) for key in newer}
    facts = waiting(state.facts.model_copy(update={"points": points}), older, fact)
    update: dict[str, object] = {"supply_points": _held(facts.points, registration.status)}
    if newer:
        update["review_due_on"] = min(state.day, registration.review_due_on)
    notices = [notice for notice in registration.warnings if notice.code in (DATE_PASSED, LAPSED)]
    registration = _warned(registration.model_copy(update=update), facts, notices)
    settled = state.model_copy(update={"registration": registration, "facts": facts})
    decision = decision._replace(waiting=frozenset(older))
    if known is not None and registration.model_copy(update=_stamp(known.registration)) == known.registration:
        unchanged = settled.model_copy(update={"registration": known.registration})
        return decision._replace(kind=ChangeKind.NO_CHANGE, state=unchanged)
    return decision._replace(state=settled)


def after_former_holders(decision: Decision, held_by: Mapping[str, Fact]) -> Decision:
    """The same decision of a caller, who speaks of now: no fact by which supply points were held is newer."""
    points = decision.state.facts.points
    raised = {
        key: points[key].model_copy(update={"time": fact.time + TICK})
        for key, fact in held_by.items()
        if fact.newer_than(points[key])
    }
    facts = decision.state.facts.model_copy(update={"points": {**points, **raised}})
    return decision._replace(state=decision.state.model_copy(update={"facts": facts}))


def _reactivated(decision: Decision, told: RegistrationInput) -> Decision:
    """The same decision; what it makes live again after an erasure has its account again."""
    state = decision.state
    if state.erased_on is None or not state.registration.status.live:
        return decision
    registration = state.registration.model_copy(update={"account_id": told.account_id})
    return decision._replace(state=state.model_copy(update={"registration": registration, "erased_on": None}))


def _new_registration(
    told: RegistrationInput,
    registration_id: RegistrationId,
    moment: Moment,
    fact: Fact,
    policy: Policy,
    *,
    lapsed: bool = False,
) -> Decision:
    """The first that the register hears of an account."""
    points = {supply_point_key(point): point_fact(fact, served=True) for point in told.supply_points.all()}
    facts = Facts(profile=fact, premises=fact, sharing=fact, status=fact, supply_points=fact, points=points)
    needs = _needs(told.needs, None, moment.day, policy)
    status = _status_of(Status(told.status), needs)
    registration = Registration(
        registration_id=registration_id,
        account_id=told.account_id,
        status=status,
        version=1,
        supply_points=_held(points, status),
        premises=told.premises,
        primary_contact=told.primary_contact,
        alternate_contact=told.alternate_contact,
        needs=needs,
        sharing=told.sharing,
        services=told.services,
        created_at=moment.now,
        updated_at=moment.now,
        review_due_on=next_review(told.needs, moment.day, policy),
        follow_up_on=follow_up_on(status, None, moment.day, policy),
        warnings=[],
    )
    registration = _warned(registration, facts, [_LEFT_OUT] if lapsed else [])
    state = RegistrationState(registration=registration, facts=facts, networks={}, day=moment.day)
    return Decision(ChangeKind.REGISTERED, state)


def _apply_statement(
    statement: Statement, known: RegistrationState, moment: Moment, fact: Fact, policy: Policy
) -> Decision:
    facts = no_longer_waiting(facts_after(statement, known.facts, fact), fact)
    if facts == known.facts and not statement.review and statement.needs is None:
        elsewhere = _elsewhere(statement, known.registration, known.registration, policy)
        return Decision(receipt_kind(statement, known.facts, fact), known, receipt=True, elsewhere=elsewhere)
    if facts.closing != known.facts.closing:
        closed = after_last_day(facts, statement.closes_on, moment.day)
        statement = statement._replace(status=statement.status if closed == facts else Status.ENDED)
        facts = closed
    registration = _registration_after(statement, known, facts, moment, policy)
    refuse_too_many(known.registration.supply_points, registration.supply_points)
    kind = _kind(known.registration, registration)
    if kind is not ChangeKind.NO_CHANGE:
        stamp = {"version": known.registration.version + 1, "updated_at": moment.now}
        registration = registration.model_copy(update=stamp)
    update = {
        "registration": registration,
        "facts": facts,
        "day": moment.day,
        **_ending(known, registration, moment.day),
    }
    lost = frozenset() if policy.delete_on_supply_lost else _lost(statement, known.registration, registration)
    elsewhere = _elsewhere(statement, known.registration, registration, policy)
    return Decision(kind, known.model_copy(update=update), lost=lost, elsewhere=elsewhere)


def _ending(known: RegistrationState, after: Registration, day: date) -> dict[str, object]:
    """Since when a registration is not live, and what ended before it was live again."""
    if known.registration.status.live and not after.status.live:
        return {"ended_on": day}
    if not after.status.live or known.registration.status.live:
        return {}
    ended_on, version = known.erased_on or known.ended_on, known.registration.version
    former = [FormerPeriod(ended_on=ended_on, version=version, erased_at=erased_at(known))] if ended_on else []
    return {"ended_on": None, "former": [*known.former, *former]}


def _registration_after(
    statement: Statement, known: RegistrationState, facts: Facts, moment: Moment, policy: Policy
) -> Registration:
    """What the facts that moved make of the registration, still under its old version."""
    before = known.registration
    profile = statement.profile if facts.profile != known.facts.profile else None
    premises = statement.premises if facts.premises != known.facts.premises else None
    sharing = statement.sharing if facts.sharing != known.facts.sharing else None
    status = statement.status if facts.status != known.facts.status else None
    closes_on = statement.closes_on if facts.closing != known.facts.closing else before.closes_on
    stated = profile.needs if profile else statement.needs
    needs = before.needs if stated is None else _needs(stated, before, moment.day, policy)
    status = _status_of(status or before.status, needs)
    update = {
        "status": status,
        "supply_points": _held(facts.points, status),
        "needs": needs,
        "premises": premises or before.premises,
        "sharing": sharing or before.sharing,
        "review_due_on": review_due_on(statement, before, profile, moment.day, policy),
        "follow_up_on": follow_up_on(status, before, moment.day, policy),
        "closes_on": _still_to_act_on(closes_on, facts, moment.day),
    }
    if profile:
        update |= {
            "primary_contact": profile.primary_contact,
            "alternate_contact": profile.alternate_contact,
            "services": profile.services,
        }
    after = before.model_copy(update=update)
    return _warned(after, facts, [*_left_out(statement, profile, before, after), *notices_that_stay(before, after)])


def _left_out(statement: Statement, profile: Profile | None, before: Registration, after: Registration) -> list[Notice]:
    """That needs were left out stays noted until somebody states other needs, or confirms these."""
    if profile and profile.lapsed:
        return [_LEFT_OUT]
    stays = after.status.live and after.needs == before.needs and not statement.confirmed
    return [notice for notice in before.warnings if notice.code == LAPSED and stays]


def _ended(before: Registration, facts: Facts) -> Registration:
    """A registration after its account's last day."""
    update = {"status": Status.ENDED, "supply_points": SupplyPoints(), "follow_up_on": None, "closes_on": None}
    return _warned(before.model_copy(update=update), facts, [])


def _lost(statement: Statement, before: Registration, after: Registration) -> frozenset[str]:
    """The supply points that this statement, and nothing else, takes from the registration."""
    gone = before.held().keys() - after.held().keys()
    return frozenset(key for key, served in statement.served.items() if not served and key in gone)


def _elsewhere(statement: Statement, before: Registration, after: Registration, policy: Policy) -> dict[str, bool]:
    """The supply points that a statement names, with whether we serve them, of those that are not the registration's.

    Where a loss is told to networks like any release, nothing depends on them.
    """
    if policy.delete_on_supply_lost:
        return {}
    every = statement.supply_points.all() if statement.supply_points else []
    stated = {**{supply_point_key(point): True for point in every}, **statement.served}
    ours = before.held().keys() | after.held().keys()
    return {key: served for key, served in stated.items() if key not in ours}


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
    held = sorted(key for key, fact in points.items() if fact.served and not fact.waiting)
    return supply_points_of(held if status.live else [])


def _still_to_act_on(last_day: date | None, facts: Facts, day: date) -> date | None:
    """An account's last day until the calendar has ended the registration, or a newer fact says its status."""
    waits = last_day is not None and (last_day >= day or after_last_day(facts, last_day, day) != facts)
    return last_day if waits else None


def _stamp(registration: Registration) -> dict[str, object]:
    return {"version": registration.version, "updated_at": registration.updated_at}


def _needs(told: list[NeedInput], before: Registration | None, day: date, policy: Policy) -> list[Need]:
    began = {need.code: need.starts_on for need in before.needs} if before and before.status.live else {}
    return [
        Need(
            code=need.code,
            starts_on=began.get(need.code, day),
            ends_on=need_rules.end_of(need, young_child_until_birthday=policy.young_child_until_birthday),
            youngest_child_born_on=need.youngest_child_born_on,
            note=need.note,
        )
        for need in sorted(told, key=lambda need: need.code)
    ]


def _refuse_impossible_dates(
    told: RegistrationInput, before: RegistrationInput | None, day: date, policy: Policy
) -> None:
    """To repeat what the registration has is no error: a need that has ended, a lawful basis from the future."""
    repeated = before.needs if before else []
    stated = before is None or told.sharing.recorded_on != before.sharing.recorded_on
    errors = recorded_in_future(told.sharing, day) if stated else []
    for index, need in enumerate(told.needs):
        if need in repeated:
            continue
        born = need.youngest_child_born_on
        if born is not None and born > day:
            errors.append(FieldError(f"/needs/{index}/youngest_child_born_on", "date_in_future", "lies in the future"))
        if _lapsed(need, day, policy):
            field = "ends_on" if born is None else "youngest_child_born_on"
            errors.append(FieldError(f"/needs/{index}/{field}", LAPSED, "this need has already ended"))
    if errors:
        raise InvalidContent(tuple(errors))


def _refuse_newly_retired(told: RegistrationInput, known: RegistrationState | None) -> None:
    """A retired code stays where it is, and nobody gets it anew."""
    errors = need_rules.newly_retired(told.needs, known.registration.needs if known else [])
    if errors:
        raise InvalidContent(errors)


def _lapsed(need: NeedInput, day: date, policy: Policy) -> bool:
    """Whether a need's last day is over."""
    ends = need_rules.end_of(need, young_child_until_birthday=policy.young_child_until_birthday)
    return ends is not None and ends < day


def _warned(registration: Registration, facts: Facts, notices: list[Notice]) -> Registration:
    """A registration with the warnings of its supply points, and these."""
    waits_for_some = registration.status.live and any(point.waiting for point in facts.points.values())
    warnings = [*_warnings(registration.supply_points), *([_WAITING] if waits_for_some else []), *notices]
    return registration.model_copy(update={"warnings": warnings})


def _warnings(points: SupplyPoints) -> list[Notice]:
    places = [
        *((f"/supply_points/mpans/{index}", mpan.warning) for index, mpan in enumerate(points.mpans)),
        *((f"/supply_points/mprns/{index}", mprn.warning) for index, mprn in enumerate(points.mprns)),
    ]
    return [Notice(pointer=pointer, code=code) for pointer, code in places if code]
