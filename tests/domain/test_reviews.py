"""When to review a registration, and when to follow up a pending one."""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

import pytest

from shared.domain.aspects import Profile, Statement, full_statement
from shared.domain.registration import Registration, RegistrationId, RegistrationState, Status
from shared.domain.reviews import follow_up_on, next_review, review_due_on
from shared.policy import Policy
from tests.support.registrations import ID, POLICY, on_day, registered, submission, withdrawn

BLIND, HEART = {"code": "08"}, {"code": "02"}
#: Registered on 2026-11-23 with need 08: the review is due on 2028-11-23.
KNOWN = registered()
DUE = on_day(KNOWN, "2028-11-23")
GONE = withdrawn(KNOWN, "2026-11-24")


def profile(*needs: dict[str, str]) -> Profile:
    stated = full_statement(submission(needs=list(needs))).profile
    assert stated is not None
    return stated


def due_on(known: RegistrationState, statement: Statement, won: Profile | None, day: str) -> str:
    before: Registration = known.registration
    return review_due_on(statement, before, won, date.fromisoformat(day), POLICY).isoformat()


@pytest.mark.parametrize(
    ("known", "statement", "won", "day", "expected"),
    [
        pytest.param(KNOWN, Statement(review=True), None, "2026-12-01", "2026-12-01", id="asked for: today"),
        pytest.param(
            KNOWN, Statement(review=True), None, "2028-12-01", "2028-11-23", id="asked for while due: stays due"
        ),
        pytest.param(
            KNOWN, Statement(review=True, confirmed=True), profile(HEART), "2026-12-01", "2026-12-01", id="asked wins"
        ),
        pytest.param(
            KNOWN, Statement(confirmed=True), None, "2026-12-01", "2028-12-01", id="confirmed: the same needs"
        ),
        pytest.param(
            KNOWN, Statement(confirmed=True), profile(HEART), "2026-12-01", "2027-12-01", id="confirmed: new needs"
        ),
        pytest.param(KNOWN, Statement(confirmed=True), None, "2029-01-01", "2031-01-01", id="confirmed while due"),
        pytest.param(KNOWN, Statement(), None, "2026-12-01", "2028-11-23", id="another aspect: stays"),
        pytest.param(KNOWN, Statement(), profile(BLIND), "2026-12-01", "2028-11-23", id="the same needs: stays"),
        pytest.param(KNOWN, Statement(), profile(HEART), "2026-12-01", "2027-12-01", id="other needs: moves"),
        pytest.param(KNOWN, Statement(), profile(HEART), "2028-11-22", "2029-11-22", id="the day before it is due"),
        pytest.param(KNOWN, Statement(), profile(HEART), "2028-11-23", "2028-11-23", id="on the day: stays due"),
        pytest.param(KNOWN, Statement(), profile(HEART), "2029-03-01", "2028-11-23", id="overdue: stays due"),
        pytest.param(GONE, Statement(), profile(BLIND), "2027-01-01", "2029-01-01", id="registered again, same needs"),
        pytest.param(GONE, Statement(), profile(HEART), "2029-01-01", "2030-01-01", id="registered again while due"),
        pytest.param(GONE, Statement(), None, "2029-01-01", "2028-11-23", id="not live, another aspect: stays"),
    ],
)
def test_a_review_moves_only_when_the_customer_was_asked_or_the_needs_change(
    known: RegistrationState, statement: Statement, won: Profile | None, day: str, expected: str
) -> None:
    assert due_on(known, statement, won, day) == expected


@pytest.mark.parametrize(
    ("day", "needs", "expected"),
    [
        ("2026-11-23", [BLIND], "2028-11-23"),
        ("2026-11-23", [], "2028-11-23"),
        ("2026-11-23", [BLIND, HEART], "2027-11-23"),
        ("2026-11-23", [{"code": "26"}], "2028-11-23"),
        pytest.param("2028-02-29", [BLIND], "2030-02-28", id="a leap day"),
        pytest.param("2027-02-28", [HEART], "2028-02-28", id="into a leap year"),
        pytest.param("2026-12-31", [BLIND], "2028-12-31", id="the last of December"),
        pytest.param("2026-01-01", [BLIND], "2028-01-01", id="the first of January"),
    ],
)
def test_the_review_comes_sooner_where_somebody_depends_on_electricity(
    day: str, needs: list[dict[str, str]], expected: str
) -> None:
    stated = submission(needs=needs).needs
    assert next_review(stated, date.fromisoformat(day), POLICY).isoformat() == expected


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-11-30", 1, "2026-12-30"),
        ("2026-11-30", 2, "2027-01-30"),
        ("2026-12-31", 1, "2027-01-31"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-08-31", 13, "2027-09-30"),
        ("2026-06-15", 30, "2028-12-15"),
    ],
)
def test_a_review_is_due_on_the_same_day_of_the_month_or_its_last(day: str, months: int, expected: str) -> None:
    policy = Policy(review_months=months)
    assert next_review([], date.fromisoformat(day), policy).isoformat() == expected


def test_the_policy_says_after_how_many_months() -> None:
    policy = Policy(review_months=6, review_months_medically_dependent=3)
    day = date(2026, 11, 23)
    assert next_review(submission(needs=[BLIND]).needs, day, policy) == date(2027, 5, 23)
    assert next_review(submission(needs=[HEART]).needs, day, policy) == date(2027, 2, 23)


@pytest.mark.parametrize(
    ("needs", "earliest", "latest"),
    [
        pytest.param([BLIND], date(2027, 11, 24), date(2028, 11, 23), id="24 months"),
        pytest.param([HEART], date(2027, 5, 25), date(2027, 11, 23), id="12 months"),
    ],
)
def test_reviews_of_a_migration_spread_evenly_over_the_second_half_of_the_interval(
    needs: list[dict[str, str]], earliest: date, latest: date
) -> None:
    stated, day = submission(needs=needs).needs, date(2026, 11, 23)
    due = Counter(next_review(stated, day, POLICY, spread_by=RegistrationId(str(UUID(int=n)))) for n in range(40_000))
    assert (min(due), max(due)) == (earliest, latest)
    assert len(due) == (latest - earliest).days + 1, "every day has some"
    assert max(due.values()) < 1.5 * due.total() / len(due)


def test_a_spread_review_depends_on_the_id_the_needs_and_the_day_only() -> None:
    policy, day = Policy(review_months=1), date(2026, 11, 23)
    assert next_review([], day, policy, spread_by=ID) == next_review([], day, policy, spread_by=ID)
    shifted = next_review([], day + timedelta(days=2), policy, spread_by=ID)
    assert shifted == next_review([], day, policy, spread_by=ID) + timedelta(days=2)


PENDING = registered(needs=[]).registration


@pytest.mark.parametrize(
    ("status", "before", "expected"),
    [
        pytest.param(Status.PENDING, None, "2026-12-14", id="a new registration: in two weeks"),
        pytest.param(Status.PENDING, PENDING, "2026-12-07", id="still pending: the date stays"),
        pytest.param(Status.PENDING, KNOWN.registration, "2026-12-14", id="no needs any more: in two weeks"),
        pytest.param(Status.ACTIVE, PENDING, None, id="needs are known"),
        pytest.param(Status.WITHDRAWN, PENDING, None, id="not live"),
        pytest.param(Status.ACTIVE, None, None, id="a new registration with needs"),
    ],
)
def test_a_registration_is_followed_up_while_it_is_pending(
    status: Status, before: Registration | None, expected: str | None
) -> None:
    follow_up = follow_up_on(status, before, date(2026, 11, 30), POLICY)
    assert (follow_up and follow_up.isoformat()) == expected


def test_the_policy_says_after_how_many_days_a_registration_is_followed_up() -> None:
    policy = Policy(follow_up_days=3)
    assert follow_up_on(Status.PENDING, None, date(2026, 11, 30), policy) == date(2026, 12, 3)


def test_a_review_that_is_noted_as_due_is_not_moved_by_other_needs() -> None:
    assert due_on(DUE.state, Statement(), profile(HEART), "2028-12-01") == "2028-11-23"
