"""What time alone does to one registration: the day on which needs end, reviews and follow-ups fall due."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.domain.aspects import submission_of
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, Moment
from shared.domain.due_dates import DueDateCounts, apply_due_dates, due_date_counts
from shared.domain.patch import patched
from shared.domain.registration import Fact, RegistrationId, RegistrationInput, RegistrationState
from shared.domain.requests import amend, register, withdraw
from shared.policy import Policy

POLICY = Policy()
POST_HOSPITAL = {"code": "33", "ends_on": "2027-01-31"}
BLIND = {"code": "08"}
REVIEW, FOLLOW_UP = "/review_due_on", "/follow_up_on"


def on(day: str) -> Moment:
    return Moment(datetime.fromisoformat(f"{day}T00:15:00").replace(tzinfo=UTC), date.fromisoformat(day))


def fact(moment: Moment) -> Fact:
    return Fact(time=moment.now, source="http", id="1")


def registered(day: str, needs: list[dict[str, str]], policy: Policy = POLICY) -> RegistrationState:
    told = {
        "account_id": "A-1",
        "status": "active" if needs else "pending",
        "supply_points": {"mpans": ["1000999001019"], "mprns": []},
        "premises": {"address_lines": ["1 Test Street"], "postcode": "BS1 4DJ"},
        "primary_contact": {"name": "Mrs A Example"},
        "needs": needs,
        "sharing": {"basis": "explicit_consent", "recorded_on": "2024-01-01", "evidence": "call 1"},
    }
    moment = on(day)
    return register(
        RegistrationInput.model_validate_json(json.dumps(told)),
        None,
        RegistrationId("r"),
        moment=moment,
        fact=fact(moment),
        policy=policy,
    ).state


def passes(state: RegistrationState, day: str) -> Decision:
    return apply_due_dates(state, moment=on(day), policy=POLICY)


def summary(decision: Decision) -> tuple[str, list[str], list[str]]:
    """Status, needs, and the dates noted as passed."""
    after = decision.state.registration
    return after.status, [str(need.code) for need in after.needs], [notice.pointer for notice in after.warnings]


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
    assert summary(passes(registered("2026-11-23", needs), day))[:2] == ("active", expected)


@pytest.mark.parametrize(
    ("born", "until", "last_day"),
    [
        pytest.param("2024-05-01", 6, "2030-05-01", id="sixth birthday"),
        pytest.param("2024-05-01", 5, "2029-05-01", id="fifth birthday, by setting"),
        pytest.param("2024-02-29", 6, "2030-03-01", id="born on a leap day"),
        pytest.param("2022-02-28", 6, "2028-02-28", id="born the day before what becomes a leap day"),
    ],
)
def test_a_young_family_is_one_until_the_birthday(born: str, until: int, last_day: str) -> None:
    policy = POLICY.model_copy(update={"young_child_until_birthday": until})
    state = registered("2026-11-23", [BLIND, {"code": "29", "youngest_child_born_on": born}], policy)
    after = date.fromordinal(date.fromisoformat(last_day).toordinal() + 1)
    assert [summary(passes(state, day))[1] for day in (last_day, after.isoformat())] == [["08", "29"], ["08"]]


@pytest.mark.parametrize(
    ("day", "needs", "due_on"),
    [
        pytest.param("2026-11-23", [BLIND], "2028-11-23", id="24 months"),
        pytest.param("2026-11-23", [BLIND, {"code": "02"}], "2027-11-23", id="12 months, medically dependent"),
        pytest.param("2028-02-29", [BLIND], "2030-02-28", id="told on a leap day"),
        pytest.param("2027-02-28", [{"code": "02"}], "2028-02-28", id="due in a leap year"),
    ],
)
def test_a_review_falls_due_on_its_day(day: str, needs: list[dict[str, str]], due_on: str) -> None:
    state = registered(day, needs)
    before = date.fromordinal(date.fromisoformat(due_on).toordinal() - 1).isoformat()
    assert passes(state, before) == Decision(ChangeKind.NO_CHANGE, state, receipt=True)
    noted = passes(state, due_on)
    assert summary(noted)[2] == [REVIEW]
    assert passes(noted.state, "2031-01-01") == Decision(ChangeKind.NO_CHANGE, noted.state, receipt=True), "noted once"


def test_a_pending_registration_is_followed_up_after_two_weeks() -> None:
    state = registered("2026-11-23", [])
    assert passes(state, "2026-12-06").receipt
    assert summary(passes(state, "2026-12-07")) == ("pending", [], [FOLLOW_UP])


def test_the_last_need_that_ends_leaves_a_registration_that_is_followed_up() -> None:
    ended = passes(registered("2026-11-23", [POST_HOSPITAL]), "2027-02-01")
    assert summary(ended) == ("pending", [], [])
    assert ended.state.registration.follow_up_on == date(2027, 2, 15)
    assert ended.state.registration.supply_points.mpans == ["1000999001019"]
    assert summary(passes(ended.state, "2027-02-15")) == ("pending", [], [FOLLOW_UP])


def test_nobody_told_anything_so_what_is_told_later_about_an_earlier_time_still_counts() -> None:
    known = registered("2026-11-23", [BLIND, POST_HOSPITAL])
    assert passes(known, "2027-02-01").state.facts == known.facts


@pytest.mark.parametrize(
    ("patch", "noted"),
    [
        pytest.param({"needs": [{"code": "15"}]}, [], id="needs gone over"),
        pytest.param({"primary_contact": {"phones": ["07700900999"]}}, [REVIEW], id="a new phone number"),
    ],
)
def test_a_review_waits_until_the_customer_was_asked(patch: dict[str, Any], noted: list[str]) -> None:
    due = passes(registered("2026-11-23", [BLIND]), "2028-11-23").state
    moment = on("2028-12-01")
    after = patched(submission_of(due.registration), patch)
    assert summary(amend(after, due, moment=moment, fact=fact(moment), policy=POLICY))[2] == noted


def test_who_is_not_on_the_register_is_left_alone() -> None:
    moment = on("2026-12-01")
    known = registered("2026-11-23", [POST_HOSPITAL])
    gone = withdraw("asked", known, moment=moment, fact=fact(moment), policy=POLICY).state
    assert passes(gone, "2031-01-01") == Decision(ChangeKind.NO_CHANGE, gone, receipt=True)


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
            [BLIND, POST_HOSPITAL], "2028-11-23", DueDateCounts(needs=1, reviews=1), id="a need and a review in one go"
        ),
        pytest.param([], "2026-12-07", DueDateCounts(follow_ups=1), id="a follow-up"),
    ],
)
def test_what_passed_is_counted(needs: list[dict[str, str]], day: str, counted: DueDateCounts) -> None:
    before = registered("2026-11-23", needs)
    assert due_date_counts(before.registration, passes(before, day).state.registration) == counted
