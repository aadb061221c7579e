"""New registrations: of accounts that the register does not know, or of which it has only the shell of an erasure."""

from shared.domain.aspects import assigned_supply_points, point_fact
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, Moment
from shared.domain.needs import on_register
from shared.domain.notices import NEEDS_LEFT_OUT, warned
from shared.domain.registration import (
    Fact,
    Facts,
    Registration,
    RegistrationId,
    RegistrationInput,
    RegistrationState,
    Status,
)
from shared.domain.reviews import follow_up_on, next_review, unconfirmed_until
from shared.domain.supply_points import supply_point_key
from shared.policy import Policy


def new_registration(
    submitted: RegistrationInput,
    registration_id: RegistrationId,
    moment: Moment,
    fact: Fact,
    policy: Policy,
    *,
    lapsed: bool = False,
    migrated: bool = False,
) -> Decision:
    """Create the registration of an account; `lapsed` if needs that had ended were left out, `migrated` if the old
    platform's record is all that there is.
    """
    facts = _facts(submitted, fact)
    needs = on_register(submitted.needs, [], moment.day, young_child_until_birthday=policy.young_child_until_birthday)
    status = Status(submitted.status).with_needs(known=bool(needs))
    registration = Registration(
        registration_id=registration_id,
        account_id=submitted.account_id,
        status=status,
        version=1,
        supply_points=assigned_supply_points(facts.points, status),
        premises=submitted.premises,
        primary_contact=submitted.primary_contact,
        alternate_contact=submitted.alternate_contact,
        needs=needs,
        sharing=submitted.sharing,
        services=submitted.services,
        household=submitted.household,
        created_at=moment.now,
        updated_at=moment.now,
        review_due_on=next_review(submitted.needs, moment.day, policy, spread_by=registration_id if migrated else None),
        follow_up_on=follow_up_on(status, None, moment.day, policy, referred=submitted.referral is not None),
        referral=submitted.referral,
        unconfirmed_until=unconfirmed_until(status, None, submitted.referral, moment.day, policy),
        warnings=[],
    )
    registration = warned(registration, facts, [NEEDS_LEFT_OUT] if lapsed else [])
    state = RegistrationState(registration=registration, facts=facts, networks={}, day=moment.day)
    return Decision(ChangeKind.REGISTERED, state)


def reactivated(decision: Decision, submitted: RegistrationInput) -> Decision:
    """The same decision; a registration that is live again after an erasure gets its account again."""
    state = decision.state
    if state.erased_on is None or not state.registration.status.live:
        return decision
    registration = state.registration.model_copy(update={"account_id": submitted.account_id})
    return decision._replace(state=state.model_copy(update={"registration": registration, "erased_on": None}))


def _facts(submitted: RegistrationInput, fact: Fact) -> Facts:
    """Every aspect comes from one fact."""
    points = {supply_point_key(point): point_fact(fact, served=True) for point in submitted.supply_points.all()}
    return Facts(profile=fact, premises=fact, sharing=fact, status=fact, supply_points=fact, points=points)
