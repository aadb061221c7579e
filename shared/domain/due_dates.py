"""Due dates: needs and accounts end after their last day, and reviews and follow-ups fall due."""

from datetime import date, timedelta
from typing import NamedTuple

from shared.clock import day_begins
from shared.domain.aspects import TICK, after_last_day, pending_last_day
from shared.domain.campaigns import attempts_since
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, Moment, replacement
from shared.domain.needs import holds_on
from shared.domain.notices import DATE_PASSED, notices_of_due_dates, notices_of_needs, warned
from shared.domain.registration import Fact, Facts, Registration, RegistrationState, Status
from shared.domain.reviews import follow_up_on
from shared.domain.supply_points import SupplyPoints
from shared.errors import RegistrationUnknown
from shared.policy import Policy

#: Source of the facts that a day makes.
SOURCE = "calendar"
#: A need that ends within this time is on the list of customers to contact.
ENDING_SOON = timedelta(days=30)


class DueDateCounts(NamedTuple):
    """How many dates came to registrations.

    `needs` ended, and left registrations `without_needs`. `reviews` and `follow_ups` fell due. `closed` registrations
    ended after their account's last day, or because nobody confirmed the referral.
    """

    needs: int = 0
    without_needs: int = 0
    reviews: int = 0
    follow_ups: int = 0
    closed: int = 0

    def plus(self, other: "DueDateCounts") -> "DueDateCounts":
        """The sum of both."""
        return DueDateCounts(
            needs=self.needs + other.needs,
            without_needs=self.without_needs + other.without_needs,
            reviews=self.reviews + other.reviews,
            follow_ups=self.follow_ups + other.follow_ups,
            closed=self.closed + other.closed,
        )


def due_date_counts(before: Registration, after: Registration) -> DueDateCounts:
    """The dates that came between two states of one registration."""
    new = [notice for notice in after.warnings if notice not in before.warnings]
    noted = {notice.pointer for notice in new if notice.code == DATE_PASSED}
    return DueDateCounts(
        needs=len(before.needs) - len(after.needs),
        without_needs=int(bool(before.needs) and not after.needs),
        reviews=int("/review_due_on" in noted),
        follow_ups=int("/follow_up_on" in noted),
        closed=int(before.status.live and not after.status.live),
    )


def apply_due_dates(known: RegistrationState | None, *, moment: Moment, policy: Policy) -> Decision:
    """Bring a registration up to a day, without a statement: its facts stay, except for an account that closed.

    A need whose last day is over ends; a registration without a need left is pending, and is followed up. Reviews and
    follow-ups that fall due are noted. A registration ends after its account's last day.
    Raises `RegistrationUnknown`.
    """
    if known is None:
        raise RegistrationUnknown
    before = known.registration
    if not before.status.live:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    facts = after_last_day(known.facts, before.closes_on, moment.day)
    if before.unconfirmed_until is not None and before.unconfirmed_until < moment.day:
        facts = facts.model_copy(update={"status": _end_of_referral(before.unconfirmed_until, facts)})
    closed = facts != known.facts
    after = _closed(before, facts, policy) if closed else _still_live(before, facts, moment.day, policy)
    if after == before:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    return replacement(known, after, facts, moment)


def _end_of_referral(last_day: date, facts: Facts) -> Fact:
    """The fact that nobody confirmed a referral by its last day: a statement from before cannot undo its end."""
    ended = day_begins(last_day + timedelta(days=1))
    return Fact(time=max(ended, facts.status.time + TICK), source=SOURCE, id=ended.isoformat())


def _closed(before: Registration, facts: Facts, policy: Policy) -> Registration:
    """A registration after its account's last day, or after the last day of a referral that nobody confirmed."""
    update = {
        "status": Status.ENDED,
        "supply_points": SupplyPoints(),
        "follow_up_on": None,
        "closes_on": None,
        "campaigns": attempts_since(before.campaigns, facts.status.time, policy),
        "warnings": [],
    }
    return before.model_copy(update=update)


def _still_live(before: Registration, facts: Facts, day: date, policy: Policy) -> Registration:
    """A live registration on a day: with the needs that still hold, and its due dates noted."""
    needs = [need for need in before.needs if holds_on(need.ends_on, day)]
    status = before.status.with_needs(known=bool(needs))
    update = {
        "needs": needs,
        "status": status,
        "follow_up_on": follow_up_on(status, before, day, policy),
        "closes_on": pending_last_day(before.closes_on, facts, day),
    }
    after = before.model_copy(update=update)
    return warned(after, facts, [*notices_of_needs(before), *notices_of_due_dates(after, day)])
