"""What happens to a registration: pure functions from what is known to what comes of it."""

from datetime import date, datetime
from typing import NamedTuple

from shared.domain import needs as need_rules
from shared.domain.changes import ChangeKind
from shared.domain.needs import Need, NeedInput
from shared.domain.registration import (
    Fact,
    Facts,
    Notice,
    Registration,
    RegistrationId,
    RegistrationInput,
    RegistrationState,
    Status,
)
from shared.domain.supply_points import Mpan, Mprn, SupplyPoints, supply_point_key
from shared.errors import AlreadyRegistered, FieldError, InvalidContent
from shared.settings import Settings


class Moment(NamedTuple):
    """When a change happens: the instant (UTC) and the London day that it is stored under."""

    now: datetime
    day: date


class Decision(NamedTuple):
    """What comes of a request or message. `state` is the whole state after; receipts repeat the state before."""

    kind: ChangeKind
    state: RegistrationState

    @property
    def changes_the_registration(self) -> bool:
        """Whether there is more to write than the entry in the log."""
        return self.kind in (ChangeKind.REGISTERED, ChangeKind.AMENDED)


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
    return Decision(ChangeKind.REGISTERED, _state(told, known, registration_id, moment, fact, settings))


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

    Each aspect (profile, status, each supply point) takes the newer fact, so a record never overwrites what the
    register learnt later. One that loses while it names needs that the register lacks makes a review fall due.
    Raises `InvalidContent` for dates that cannot be.
    """
    if known is None:
        return Decision(ChangeKind.REGISTERED, _state(told, None, registration_id, moment, fact, settings))
    if fact.newer_than(known.facts.profile):
        after = _state(_with_newer_aspects(told, known, fact), known, registration_id, moment, fact, settings)
        return Decision(ChangeKind.AMENDED, _keep_newer_facts(after, known, fact))
    lacking = {need.code for need in told.needs} - {need.code for need in known.registration.needs}
    if lacking and known.registration.status.live and known.registration.review_due_on > moment.day:
        return Decision(ChangeKind.AMENDED, _review_due(known, moment))
    same_source = known.facts.profile.source == fact.source
    return Decision(ChangeKind.STALE if same_source else ChangeKind.SUPERSEDED, known)


def _with_newer_aspects(told: RegistrationInput, known: RegistrationState, fact: Fact) -> RegistrationInput:
    """What was told, less the supply points whose fate a newer fact has decided, plus those that it gave us."""
    held = known.registration.held()
    decided = {key for key, other in known.facts.supply_points.items() if not fact.newer_than(other)}
    points = {supply_point_key(p): p for p in told.supply_points.all() if supply_point_key(p) not in decided}
    points |= {key: point for key, point in held.items() if key in decided}
    chosen = SupplyPoints.model_construct(
        mpans=[point for point in points.values() if isinstance(point, Mpan)],
        mprns=[point for point in points.values() if isinstance(point, Mprn)],
    )
    return told.model_copy(update={"supply_points": chosen})


def _keep_newer_facts(after: RegistrationState, known: RegistrationState, fact: Fact) -> RegistrationState:
    """Facts only move forward, whatever order messages come in."""
    points = {
        key: fact if fact.newer_than(known.facts.supply_points.get(key)) else known.facts.supply_points[key]
        for key in {*after.facts.supply_points, *known.facts.supply_points}
    }
    status_is_newer = fact.newer_than(known.facts.status)
    facts = Facts(
        profile=fact,
        status=fact if status_is_newer else known.facts.status,
        supply_points=dict(sorted(points.items())),
    )
    if status_is_newer:
        return after.model_copy(update={"facts": facts})
    registration = after.registration.model_copy(
        update={"status": known.registration.status, "follow_up_on": known.registration.follow_up_on}
    )
    return after.model_copy(update={"facts": facts, "registration": registration})


def _review_due(known: RegistrationState, moment: Moment) -> RegistrationState:
    registration = known.registration.model_copy(
        update={
            "review_due_on": moment.day,
            "version": known.registration.version + 1,
            "updated_at": moment.now,
        }
    )
    return known.model_copy(update={"registration": registration, "day": moment.day})


def _state(
    told: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    moment: Moment,
    fact: Fact,
    settings: Settings,
) -> RegistrationState:
    before = known.registration if known else None
    _refuse_impossible_dates(told, moment.day, settings)
    registration = Registration(
        registration_id=registration_id,
        account_id=told.account_id,
        status=Status(told.status),
        version=before.version + 1 if before else 1,
        supply_points=told.supply_points,
        premises=told.premises,
        primary_contact=told.primary_contact,
        alternate_contact=told.alternate_contact,
        needs=_needs(told.needs, before, moment.day, settings),
        sharing=told.sharing,
        services=told.services,
        created_at=before.created_at if before else moment.now,
        updated_at=moment.now,
        review_due_on=_review_due_on(told, moment.day, settings),
        follow_up_on=_days_on(moment.day, settings.follow_up_days) if told.status is Status.PENDING else None,
        warnings=_warnings(told.supply_points),
    )
    return RegistrationState(
        registration=registration,
        facts=Facts(
            profile=fact,
            status=fact,
            supply_points={supply_point_key(point): fact for point in told.supply_points.all()},
        ),
        networks=known.networks if known else {},
        day=moment.day,
    )


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


def _refuse_impossible_dates(told: RegistrationInput, day: date, settings: Settings) -> None:
    errors = []
    if told.sharing.recorded_on > day:
        errors.append(FieldError("/sharing/recorded_on", "date_in_future", "lies in the future"))
    for index, need in enumerate(told.needs):
        born = need.youngest_child_born_on
        ends = need_rules.end_of(need, young_child_until_birthday=settings.young_child_until_birthday)
        if born is not None and born > day:
            errors.append(FieldError(f"/needs/{index}/youngest_child_born_on", "date_in_future", "lies in the future"))
        if ends is not None and ends < day:
            field = "ends_on" if born is None else "youngest_child_born_on"
            errors.append(FieldError(f"/needs/{index}/{field}", "need_already_ended", "this need has already ended"))
    if errors:
        raise InvalidContent(tuple(errors))


def _review_due_on(told: RegistrationInput, day: date, settings: Settings) -> date:
    dependent = need_rules.medically_dependent(need.code for need in told.needs)
    months = settings.review_months_medically_dependent if dependent else settings.review_months
    return _months_on(day, months)


def _days_on(day: date, days: int) -> date:
    return date.fromordinal(day.toordinal() + days)


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
