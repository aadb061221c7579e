"""Record an attempt to contact a customer: a confirmed review moves the next one, and nobody leaves the register."""

from datetime import date, datetime, timedelta

from shared.clock import london_day
from shared.domain.aspects import Statement
from shared.domain.campaigns import AttemptOutcome, ContactAttempt, Work, with_attempt
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, Moment, replacement
from shared.domain.notices import notices_after, warned
from shared.domain.registration import Fact, Registration, RegistrationState
from shared.domain.reviews import review_due_on
from shared.errors import InvalidContent
from shared.field_errors import field_error
from shared.policy import Policy

#: The tolerance for callers whose clocks are ahead of this service's clock.
_AHEAD = timedelta(minutes=5)


def record_attempt(
    attempt: ContactAttempt, known: RegistrationState, *, moment: Moment, fact: Fact, policy: Policy
) -> Decision:
    """Add an attempt to a registration. It confirms a review unless a newer fact confirmed it or asked for it.

    An attempt from before the newest fact about the status belongs to an earlier time on the register: only the log has
    it, and not even the log if that time has been erased.
    """
    if attempt.at <= known.facts.status.time:
        erased = any(period.erased_at and attempt.at <= period.erased_at for period in known.former)
        return Decision(ChangeKind.SUPERSEDED, known, receipt=True, attempt=None if erased else attempt)
    before = known.registration
    is_review = attempt.work is Work.REVIEW and attempt.outcome is AttemptOutcome.CONFIRMED
    statement = Statement(confirmed=is_review and fact.newer_than(known.facts.review))
    facts = known.facts.model_copy(update={"review": fact}) if statement.confirmed else known.facts
    update = {
        "campaigns": with_attempt(before.campaigns, attempt, policy),
        "review_due_on": review_due_on(statement, before, None, london_day(attempt.at), policy),
    }
    after = before.model_copy(update=update)
    after = warned(after, facts, notices_after(statement, None, before, after))
    if after == before and facts == known.facts:
        repeated = any(attempt in campaign.attempts for campaign in before.campaigns)
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True, attempt=None if repeated else attempt)
    kind = ChangeKind.CONTACTED if after != before else ChangeKind.NO_CHANGE
    return replacement(known, after, facts, moment)._replace(kind=kind, attempt=attempt)


def refuse_impossible_attempt(attempt: ContactAttempt, registration: Registration, now: datetime) -> None:
    """Refuse a caller's attempt in the future or before the registration, and one about work that it does not have.

    Raises `InvalidContent`.
    """
    errors = []
    if attempt.at < registration.created_at:
        errors.append(field_error("/at", "before_registration"))
    if attempt.at > now + _AHEAD:
        errors.append(field_error("/at", "time_in_future"))
    if attempt.due_on not in _due_dates(registration)[attempt.work]:
        errors.append(field_error("/due_on", "not_due"))
    if errors:
        raise InvalidContent(tuple(errors))


def _due_dates(registration: Registration) -> dict[Work, set[date | None]]:
    return {
        Work.REVIEW: {registration.review_due_on},
        Work.NEED_ENDING: {need.ends_on for need in registration.needs},
        Work.FOLLOW_UP: {registration.follow_up_on},
    }
