"""Migration: records of the old platform, and what the register has learnt since."""

from shared.domain.aspects import Statement, full_statement, submission_of, waits
from shared.domain.decision import Decision, Moment
from shared.domain.needs import of_both
from shared.domain.new_registration import new_registration, reactivated
from shared.domain.refusals import has_lapsed, refuse_impossible_content, refuse_newly_retired
from shared.domain.registration import Fact, RegistrationId, RegistrationInput, RegistrationState
from shared.domain.statements import apply_statement
from shared.policy import Policy


def migrate(
    submitted: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    *,
    moment: Moment,
    fact: Fact,
    policy: Policy,
) -> Decision:
    """Apply a record of an account as the old platform had it at `fact.time`.

    A record never overwrites what the register learnt later. One that loses while it names needs that the register
    lacks makes a review fall due. Different records of one time keep the needs of both. Needs that have ended since are
    left out, with a warning.
    Raises `InvalidContent` for content that cannot be, and for retired needs codes that the registration does not have.
    """
    ongoing = [need for need in submitted.needs if not has_lapsed(need, moment.day, policy)]
    lapsed = len(ongoing) < len(submitted.needs)
    submitted = submitted.model_copy(update={"needs": ongoing})
    refuse_impossible_content(submitted, None, moment.day, policy, from_caller=False)
    refuse_newly_retired(submitted, known)
    if known is None:
        return new_registration(submitted, registration_id, moment, fact, policy, lapsed=lapsed, migrated=True)
    if _is_another_of_its_time(fact, known):
        statement = _with_the_needs_of_both(submitted, known, moment, fact)
    else:
        review = _loses_needs(submitted, known, fact) and _has_no_review_due(known, moment)
        statement = full_statement(submitted, lapsed=lapsed)._replace(review=review)
    statement = statement._replace(migrated=True)
    return reactivated(apply_statement(statement, known, moment, fact, policy), submitted)


def _loses_needs(submitted: RegistrationInput, known: RegistrationState, fact: Fact) -> bool:
    """Whether a record loses against a newer profile, while it names needs that the register lacks."""
    loses = not fact.newer_than(known.facts.profile) and not waits(known.facts, fact)
    lacking = {need.code for need in submitted.needs} - {need.code for need in known.registration.needs}
    return loses and bool(lacking)


def _has_no_review_due(known: RegistrationState, moment: Moment) -> bool:
    return known.registration.status.live and known.registration.review_due_on > moment.day


def _is_another_of_its_time(fact: Fact, known: RegistrationState) -> bool:
    """Whether a record is as old as the profile on the register, and another record."""
    profile = known.facts.profile
    same_record = (fact.source, fact.id) == (profile.source, profile.id)
    return known.erased_on is None and fact.time == profile.time and not same_record


def _with_the_needs_of_both(
    submitted: RegistrationInput, known: RegistrationState, moment: Moment, fact: Fact
) -> Statement:
    """Nobody knows which of two records of one time is right: the needs of both stay, and a person asks."""
    before = submission_of(known.registration)
    needs = of_both(submitted.needs, before.needs)
    differs = full_statement(submitted).profile != full_statement(before).profile
    differs |= submitted.sharing != before.sharing and known.facts.sharing.time == fact.time
    both = full_statement(submitted.model_copy(update={"needs": needs}))
    return both._replace(
        needs=None if needs == before.needs else needs, review=differs and _has_no_review_due(known, moment)
    )
