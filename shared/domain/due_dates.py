"""Dates on which somebody should act: reviews with the customer, and follow-ups of those whose needs are not known."""

from datetime import date, timedelta
from typing import NamedTuple

from shared.domain import needs as need_rules
from shared.domain.aspects import Profile, Statement
from shared.domain.needs import NeedInput
from shared.domain.registration import FormerPeriod, Notice, Registration, RegistrationState, Status
from shared.policy import Policy

#: Warning about a date to act on: it has come.
DATE_PASSED = "date_passed"
#: A need that ends so soon is on the list of whom to ask.
ENDING_SOON = timedelta(days=30)


class Passed(NamedTuple):
    """What time alone did to registrations: how many needs ended, how many registrations have none left, how many
    reviews and follow-ups fell due, and how many registrations ended after their account's last day.
    """

    needs: int = 0
    without_needs: int = 0
    reviews: int = 0
    follow_ups: int = 0
    closed: int = 0

    def plus(self, other: "Passed") -> "Passed":
        """Both together."""
        return Passed(*(one + two for one, two in zip(self, other, strict=True)))


def review_due_on(
    statement: Statement, before: Registration, profile: Profile | None, day: date, policy: Policy
) -> date:
    """A review that is due stays due until the customer has been asked."""
    if statement.review:
        return min(day, before.review_due_on)
    needs = profile.needs if profile else [need.told for need in before.needs]
    if statement.confirmed:
        return next_review(needs, day, policy)
    same = before.status.live and needs == [need.told for need in before.needs]
    due = before.status.live and before.review_due_on <= day
    return before.review_due_on if profile is None or same or due else next_review(needs, day, policy)


def next_review(needs: list[NeedInput], day: date, policy: Policy) -> date:
    """When to go over a registration with the customer again: sooner where electricity keeps someone alive."""
    dependent = need_rules.medically_dependent(need.code for need in needs)
    return _months_on(day, policy.review_months_medically_dependent if dependent else policy.review_months)


def follow_up_on(status: Status, before: Registration | None, day: date, policy: Policy) -> date | None:
    """When to ask for the needs of a pending registration; the date stays while it is pending."""
    if status is not Status.PENDING:
        return None
    waiting = before.follow_up_on if before else None
    return waiting or day + timedelta(days=policy.follow_up_days)


def notices_of_due_dates(registration: Registration, day: date) -> list[Notice]:
    """The dates of a registration that somebody should act on by now."""
    dates = {"review_due_on": registration.review_due_on, "follow_up_on": registration.follow_up_on}
    return [Notice(pointer=f"/{name}", code=DATE_PASSED) for name, due in dates.items() if due and due <= day]


def passed(before: Registration, after: Registration) -> Passed:
    """What the days between two states of one registration did to it."""
    new = {notice.pointer for notice in after.warnings if notice.code == DATE_PASSED and notice not in before.warnings}
    return Passed(
        needs=len(before.needs) - len(after.needs),
        without_needs=int(bool(before.needs) and not after.needs),
        reviews=int("/review_due_on" in new),
        follow_ups=int("/follow_up_on" in new),
        closed=int(before.status.live and not after.status.live),
    )


def notices_that_stay(before: Registration, after: Registration) -> list[Notice]:
    """A date that was noted as due stays noted until it is moved."""
    return [
        notice
        for notice in before.warnings
        if notice.code == DATE_PASSED
        and after.status.live
        and getattr(after, notice.pointer[1:]) == getattr(before, notice.pointer[1:])
    ]


def erase_due_on(state: RegistrationState, kept: timedelta) -> date | None:
    """The first day on which something of a registration is to be erased; None if there is none."""
    ended = [state.ended_on + kept] if state.ended_on else []
    return min([*ended, *(erase_period_on(period, kept) for period in state.former)], default=None)


def erase_period_on(period: FormerPeriod, kept: timedelta) -> date:
    """The day on which the history of a former period is to be erased."""
    return period.ended_on if period.erased_at else period.ended_on + kept


def _months_on(day: date, months: int) -> date:
    """The same day of the month, or the month's last."""
    year, month = divmod(day.month - 1 + months, 12)
    first_after = date(day.year + year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = date.fromordinal(first_after.toordinal() - 1)
    return last.replace(day=min(day.day, last.day))
