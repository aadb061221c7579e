"""Due dates: needs that end, reviews and follow-ups that fall due, accounts that close."""

from datetime import date
from typing import Any

import pytest

from shared.domain.aspects import Statement
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision
from shared.domain.due_dates import ENDING_SOON, DueDateCounts, due_date_counts
from shared.domain.registration import Notice, RegistrationState, Status
from shared.domain.supply_points import SupplyPoints
from shared.errors import RegistrationUnknown
from shared.policy import Policy
from tests.support.registrations import (
    MPAN,
    POLICY,
    after_event,
    amended,
    codes,
    fact,
    migrated,
    moment,
    on_day,
    registered,
    warnings,
    withdrawn,
)

POST_HOSPITAL = {"code": "33", "ends_on": "2027-01-31"}
BLIND = {"code": "08"}
REVIEW, FOLLOW_UP = "/review_due_on", "/follow_up_on"
CLOSES_ON_30TH = Statement(closes_on=date(2026, 11, 30))


def with_needs(day: str, needs: list[dict[str, str]], policy: Policy = POLICY) -> RegistrationState:
    return registered(day, policy, needs=needs, sharing={"basis": "none", "recorded_on": "2024-01-01", "capture": None})


def summary(decision: Decision) -> tuple[str, list[str], list[str]]:
    """Status, needs, and the pointers of the warnings."""
    state = decision.state
    return state.registration.status, codes(state), [pointer for pointer, _ in warnings(state)]


def test_an_account_that_is_not_known_has_no_due_dates() -> None:
    with pytest.raises(RegistrationUnknown):
        on_day(None, "2026-11-24")


@pytest.mark.parametrize(
    ("needs", "day", "expected"),
    [
        pytest.param([BLIND, POST_HOSPITAL], "2027-01-30", ["08", "33"], id="the day before the last"),
        pytest.param([BLIND, POST_HOSPITAL], "2027-01-31", ["08", "33"], id="the last day"),
        pytest.param([BLIND, POST_HOSPITAL], "2027-02-01", ["08"], id="the day after"),
        pytest.param([BLIND, POST_HOSPITAL], "2027-06-01", ["08"], id="months later"),
        pytest.param([{"code": "33", "ends_on": "2028-02-29"}, BLIND], "2028-02-29", ["08", "33"], id="on a leap day"),
        pytest.param([{"code": "33", "ends_on": "2028-02-29"}, BLIND], "2028-03-01", ["08"], id="after a leap day"),
        pytest.param([{"code": "02", "ends_on": "2027-01-31"}, BLIND], "2027-02-01", ["08"], id="ends as it need not"),
    ],
)
def test_a_need_holds_on_its_last_day_and_no_longer(needs: list[dict[str, str]], day: str, expected: list[str]) -> None:
    assert summary(on_day(with_needs("2026-11-23", needs), day))[:2] == ("active", expected)


@pytest.mark.parametrize(
    ("born", "until", "last_day"),
    [
        pytest.param("2024-05-01", 6, "2030-05-01", id="sixth birthday"),
        pytest.param("2024-05-01", 5, "2029-05-01", id="fifth birthday, by setting"),
        pytest.param("2024-02-29", 6, "2030-03-01", id="born on a leap day"),
        pytest.param("2022-02-28", 6, "2028-02-28", id="born the day before a date that becomes a leap day"),
    ],
)
def test_a_family_with_young_children_is_one_until_the_birthday(born: str, until: int, last_day: str) -> None:
    policy = Policy(young_child_until_birthday=until)
    state = with_needs("2026-11-23", [BLIND, {"code": "29", "youngest_child_born_on": born}], policy)
    after = date.fromordinal(date.fromisoformat(last_day).toordinal() + 1)
    assert [summary(on_day(state, day))[1] for day in (last_day, after.isoformat())] == [["08", "29"], ["08"]]


@pytest.mark.parametrize(
    ("day", "needs", "due_on"),
    [
        pytest.param("2026-11-23", [BLIND], "2028-11-23", id="24 months"),
        pytest.param("2026-11-23", [BLIND, {"code": "02"}], "2027-11-23", id="12 months, medically dependent"),
        pytest.param("2028-02-29", [BLIND], "2030-02-28", id="registered on a leap day"),
        pytest.param("2027-02-28", [{"code": "02"}], "2028-02-28", id="due in a leap year"),
    ],
)
def test_a_review_falls_due_on_its_day(day: str, needs: list[dict[str, str]], due_on: str) -> None:
    state = with_needs(day, needs)
    before = date.fromordinal(date.fromisoformat(due_on).toordinal() - 1).isoformat()
    assert on_day(state, before) == Decision(ChangeKind.NO_CHANGE, state, receipt=True)
    noted = on_day(state, due_on)
    assert summary(noted)[2] == [REVIEW]
    assert on_day(noted.state, "2031-01-01") == Decision(ChangeKind.NO_CHANGE, noted.state, receipt=True), "noted once"


def test_a_date_that_is_noted_is_a_new_version_and_moves_no_fact() -> None:
    known = registered()
    noted = on_day(known, "2028-11-23")
    assert noted.kind is ChangeKind.AMENDED
    assert noted.state == known.model_copy(
        update={
            "day": date(2028, 11, 23),
            "registration": known.registration.model_copy(
                update={
                    "version": 2,
                    "updated_at": moment("2028-11-23").now,
                    "warnings": [Notice(pointer=REVIEW, code="date_passed")],
                }
            ),
        }
    )


def test_a_pending_registration_is_followed_up_after_two_weeks() -> None:
    state = with_needs("2026-11-23", [])
    assert on_day(state, "2026-12-06").receipt
    assert summary(on_day(state, "2026-12-07")) == ("pending", [], [FOLLOW_UP])


def test_the_last_need_that_ends_leaves_a_registration_that_is_followed_up() -> None:
    ended = on_day(with_needs("2026-11-23", [POST_HOSPITAL]), "2027-02-01")
    assert summary(ended) == ("pending", [], [])
    assert ended.state.registration.follow_up_on == date(2027, 2, 15)
    assert ended.state.registration.supply_points.mpans == [MPAN]
    assert summary(on_day(ended.state, "2027-02-15")) == ("pending", [], [FOLLOW_UP])


def test_needs_that_end_move_no_fact() -> None:
    known = with_needs("2026-11-23", [BLIND, POST_HOSPITAL])
    assert on_day(known, "2027-02-01").state.facts == known.facts


def test_the_notice_of_needs_that_were_left_out_stays() -> None:
    needs = [{"code": "32", "ends_on": "2026-11-01"}, POST_HOSPITAL]
    known = migrated(None, fact("2026-10-01", "//old-platform"), needs=needs).state
    assert summary(on_day(known, "2027-02-01"))[2] == ["/needs"]


@pytest.mark.parametrize(
    ("patch", "noted"),
    [
        pytest.param({"needs": [{"code": "15"}]}, [], id="needs reviewed"),
        pytest.param({"primary_contact": {"phones": ["07700900999"]}}, [REVIEW], id="a new phone number"),
    ],
)
def test_a_review_stays_due_until_the_customer_was_asked(patch: dict[str, Any], noted: list[str]) -> None:
    due = on_day(with_needs("2026-11-23", [BLIND]), "2028-11-23").state
    assert summary(amended(due, "2028-12-01", **patch))[2] == noted


def test_a_registration_that_is_not_live_is_left_alone() -> None:
    gone = withdrawn(with_needs("2026-11-23", [POST_HOSPITAL]), "2026-12-01")
    assert on_day(gone, "2031-01-01") == Decision(ChangeKind.NO_CHANGE, gone, receipt=True)


@pytest.mark.parametrize("day", ["2026-11-29", "2026-11-30"])
def test_an_account_stays_on_its_last_day(day: str) -> None:
    closing = after_event(registered(), CLOSES_ON_30TH, "2026-11-24").state
    assert on_day(closing, day) == Decision(ChangeKind.NO_CHANGE, closing, receipt=True)


@pytest.mark.parametrize("day", ["2026-12-01", "2027-01-15"])
def test_a_registration_ends_after_its_accounts_last_day(day: str) -> None:
    closing = after_event(registered(needs=[]), CLOSES_ON_30TH, "2026-11-24").state
    ended = on_day(closing, day)
    assert ended.kind is ChangeKind.ENDED
    assert ended.state.registration == closing.registration.model_copy(
        update={
            "status": Status.ENDED,
            "version": closing.registration.version + 1,
            "updated_at": moment(day).now,
            "supply_points": SupplyPoints(),
            "follow_up_on": None,
            "closes_on": None,
        }
    )
    assert ended.state.ended_on == date.fromisoformat(day)
    assert ended.state.facts.status.time.isoformat() == "2026-12-01T00:00:00+00:00"


def test_a_registration_that_closes_has_no_warnings_any_more() -> None:
    due = on_day(registered(), "2028-11-23").state
    closing = after_event(due, Statement(closes_on=date(2028, 11, 30)), "2028-11-24").state
    assert (warnings(closing), warnings(on_day(closing, "2028-12-01").state)) == ([(REVIEW, "date_passed")], [])


def test_a_newer_status_cancels_an_accounts_last_day() -> None:
    closing = after_event(registered(), CLOSES_ON_30TH, "2026-11-24").state
    later = Statement(status=Status.ACTIVE)
    back = after_event(closing, later, "2026-11-26", stated=fact("2026-12-02", "//accounts")).state
    after = on_day(back, "2026-12-01").state.registration
    assert (after.status, after.closes_on) == (Status.ACTIVE, None)


@pytest.mark.parametrize(
    ("needs", "day", "counted"),
    [
        pytest.param([BLIND], "2026-12-01", DueDateCounts(), id="nothing"),
        pytest.param([BLIND, POST_HOSPITAL], "2027-02-01", DueDateCounts(needs=1), id="a need"),
        pytest.param(
            [POST_HOSPITAL, {"code": "32", "ends_on": "2027-01-30"}],
            "2027-02-01",
            DueDateCounts(needs=2, without_needs=1),
            id="the last needs",
        ),
        pytest.param(
            [BLIND, POST_HOSPITAL], "2028-11-23", DueDateCounts(needs=1, reviews=1), id="a need and a review at once"
        ),
        pytest.param([], "2026-12-07", DueDateCounts(follow_ups=1), id="a follow-up"),
    ],
)
def test_dates_that_came_are_counted(needs: list[dict[str, str]], day: str, counted: DueDateCounts) -> None:
    before = with_needs("2026-11-23", needs)
    assert due_date_counts(before.registration, on_day(before, day).state.registration) == counted


def test_a_date_that_was_noted_before_is_not_counted_again() -> None:
    noted = on_day(with_needs("2026-11-23", [BLIND, {"code": "33", "ends_on": "2028-12-31"}]), "2028-11-23").state
    later = on_day(noted, "2029-01-01").state
    assert due_date_counts(noted.registration, later.registration) == DueDateCounts(needs=1)


def test_an_account_that_closed_is_counted() -> None:
    closing = after_event(registered(), CLOSES_ON_30TH, "2026-11-24").state
    ended = on_day(closing, "2026-12-01").state
    assert due_date_counts(closing.registration, ended.registration) == DueDateCounts(closed=1)
    assert due_date_counts(ended.registration, ended.registration) == DueDateCounts()


def test_a_notice_of_another_kind_is_not_counted() -> None:
    before = registered().registration
    after = before.model_copy(update={"warnings": [Notice(pointer=REVIEW, code="another")]})
    assert due_date_counts(before, after) == DueDateCounts()


def test_counts_are_added_each_by_each() -> None:
    one = DueDateCounts(needs=1, without_needs=2, reviews=3, follow_ups=4, closed=5)
    other = DueDateCounts(needs=10, without_needs=20, reviews=30, follow_ups=40, closed=50)
    assert one.plus(other) == DueDateCounts(needs=11, without_needs=22, reviews=33, follow_ups=44, closed=55)


def test_a_need_is_announced_thirty_days_before_its_end() -> None:
    assert ENDING_SOON.days == 30
