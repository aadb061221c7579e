"""When to contact a customer: reviews of a registration, and follow-ups while its needs are not known."""

from calendar import monthrange
from datetime import date, timedelta

from shared.digest import digest
from shared.domain.aspects import Profile, Statement
from shared.domain.needs import NeedInput, medically_dependent
from shared.domain.referral import Referral
from shared.domain.registration import Registration, RegistrationId, Status
from shared.policy import Policy


def review_due_on(
    statement: Statement, before: Registration, profile: Profile | None, day: date, policy: Policy
) -> date:
    """When to review a registration after a statement; `profile` is None if the statement's does not win.

    A review that is due stays due until the customer has been asked.
    """
    if statement.review:
        return min(day, before.review_due_on)
    needs_before = [need.submitted for need in before.needs]
    needs = profile.needs if profile else needs_before
    if statement.confirmed:
        return next_review(needs, day, policy)
    already_due = before.review_due_on <= day
    if profile is None or (before.status.live and (already_due or needs == needs_before)):
        return before.review_due_on
    return next_review(needs, day, policy, spread_by=before.registration_id if statement.migrated else None)


def next_review(needs: list[NeedInput], day: date, policy: Policy, *, spread_by: RegistrationId | None = None) -> date:
    """When to review a registration after `day`: sooner where somebody depends on electricity medically.

    A migration brings many registrations on one day. Each is `spread_by` its id over the second half of the interval.
    """
    dependent = medically_dependent(need.code for need in needs)
    latest = _months_later(day, policy.review_months_medically_dependent if dependent else policy.review_months)
    if spread_by is None:
        return latest
    days = (latest - day).days // 2 + 1
    return latest - timedelta(days=int(digest(spread_by), 16) % days)


def follow_up_on(
    status: Status, before: Registration | None, day: date, policy: Policy, *, referred: bool = False
) -> date | None:
    """When to ask for the needs of a pending registration, sooner if somebody referred the person. The date stays while
    the registration is pending.
    """
    if status is not Status.PENDING:
        return None
    already_planned = before.follow_up_on if before else None
    days = policy.referral_follow_up_days if referred else policy.follow_up_days
    return already_planned or day + timedelta(days=days)


def unconfirmed_until(
    status: Status, before: Registration | None, referral: Referral | None, day: date, policy: Policy
) -> date | None:
    """The last day on which a referral can be confirmed; None once it is, and without one.

    A registration that was active has been confirmed, even if its needs end. A referral that ended without it stays
    unconfirmed: a later statement about it changes nothing.
    """
    if before is not None and not before.status.live and not status.live:
        return before.unconfirmed_until
    if status is not Status.PENDING or referral is None:
        return None
    if before is not None and before.status.live:
        return before.unconfirmed_until
    return day + timedelta(days=policy.referral_days)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    _, last_day = monthrange(year, month)
    return date(year, month, min(day.day, last_day))
