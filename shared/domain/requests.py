"""Requests of callers: register an account, amend its registration, withdraw it.

Every request and message becomes a statement about some aspects of a registration (`shared.domain.aspects`). A
caller's request is about the present registration, so its statement wins every aspect that it is about.
"""

from shared.domain.aspects import (
    Statement,
    after_every_known_fact,
    changed_aspects,
    full_statement,
    reviewed,
    submission_of,
)
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, Moment
from shared.domain.new_registration import new_registration, reactivated
from shared.domain.refusals import refuse_impossible_content, refuse_newly_retired
from shared.domain.registration import Fact, RegistrationId, RegistrationInput, RegistrationState, Status
from shared.domain.statements import apply_statement
from shared.errors import AlreadyRegistered, NotLive
from shared.policy import Policy


def register(
    submitted: RegistrationInput,
    known: RegistrationState | None,
    registration_id: RegistrationId,
    *,
    moment: Moment,
    fact: Fact,
    policy: Policy,
) -> Decision:
    """Register an account for the first time, or again after it was withdrawn or ended.

    Raises `AlreadyRegistered`, and `InvalidContent` for content that cannot be.
    """
    if known is not None and known.registration.status.live:
        raise AlreadyRegistered
    refuse_impossible_content(submitted, None, moment.day, policy)
    refuse_newly_retired(submitted, None)
    if known is None:
        return new_registration(submitted, registration_id, moment, fact, policy)
    latest = after_every_known_fact(fact, known)
    return reactivated(apply_statement(full_statement(submitted), known, moment, latest, policy), submitted)


def amend(
    submitted: RegistrationInput, known: RegistrationState, *, moment: Moment, fact: Fact, policy: Policy
) -> Decision:
    """Make a registration what a caller who has read it submits. Aspects that stay the same keep their facts.

    A caller that changes needs or the lawful basis has reviewed them with the customer; a new phone number is no
    review. Raises `NotLive`, and `InvalidContent` for content that cannot be.
    """
    if not known.registration.status.live:
        raise NotLive
    before = submission_of(known.registration)
    changed = changed_aspects(full_statement(submitted), full_statement(before))
    if changed == Statement():
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    refuse_impossible_content(submitted, before, moment.day, policy)
    refuse_newly_retired(submitted, known)
    statement = changed._replace(confirmed=changed.sharing is not None or submitted.needs != before.needs)
    latest = after_every_known_fact(fact, known)
    before_it = reviewed(known, latest) if statement.confirmed else known
    return apply_statement(statement, before_it, moment, latest, policy)


def withdraw(reason: str, known: RegistrationState, *, moment: Moment, fact: Fact, policy: Policy) -> Decision:
    """Withdraw a registration: the customer does not want to be on the register any more. Raises `NotLive`."""
    if not known.registration.status.live:
        raise NotLive
    statement = Statement(status=Status.WITHDRAWN)
    decision = apply_statement(statement, known, moment, after_every_known_fact(fact, known), policy)
    return decision._replace(reason=reason)
