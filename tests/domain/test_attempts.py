"""Attempts on a registration: a confirmed review moves the next one, and silence takes nobody off the register."""

import itertools
import json
from datetime import date, datetime
from typing import Any

import pytest

from shared.domain.aspects import Statement
from shared.domain.attempts import record_attempt, refuse_impossible_attempt
from shared.domain.campaigns import ContactAttempt
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision
from shared.domain.erasure import erased_state
from shared.domain.notices import campaign_of
from shared.domain.registration import RegistrationState
from shared.domain.requests import register
from shared.errors import InvalidContent, RegistrationErased, RegistrationUnknown
from tests.support.registrations import (
    ID,
    POLICY,
    after_event,
    amended,
    fact,
    moment,
    on_day,
    registered,
    submission,
    warnings,
    withdrawn,
)

#: Registered on 2026-11-23 with need 08: the review is due on 2028-11-23.
KNOWN = registered()
DUE = on_day(KNOWN, "2028-11-23").state


def attempt(day: str, outcome: str = "no_answer", **changes: Any) -> ContactAttempt:
    whole = {
        "work": "review",
        "due_on": "2028-11-23",
        "channel": "phone",
        "outcome": outcome,
        "by": "agent-17",
        "at": f"{day}T10:00:00Z",
    }
    return ContactAttempt.model_validate_json(json.dumps(whole | changes))


def after(known: RegistrationState, *attempts: ContactAttempt) -> RegistrationState:
    for one in attempts:
        known = event(known, one).state
    return known


def event(known: RegistrationState | None, one: ContactAttempt) -> Decision:
    """The attempt's message."""
    stated = fact(one.at.date().isoformat(), "//dialler", one.at.isoformat())
    return after_event(known, Statement(attempt=one), "2028-12-31", stated=stated)


def test_an_attempt_makes_a_version_that_changes_nothing_else() -> None:
    one = attempt("2028-11-24")
    decision = event(DUE, one)
    assert (decision.kind, decision.attempt) == (ChangeKind.CONTACTED, one)
    same = DUE.registration.model_copy(
        update={
            "version": DUE.registration.version + 1,
            "updated_at": moment("2028-12-31").now,
            "campaigns": decision.state.registration.campaigns,
        }
    )
    assert decision.state.registration == same
    assert decision.state.facts == DUE.facts


def test_a_confirmed_review_moves_the_next_one_from_the_day_of_the_attempt() -> None:
    reviewed = after(DUE, attempt("2028-11-24"), attempt("2028-11-30", "confirmed"))
    assert reviewed.registration.review_due_on == date(2030, 11, 30)
    assert warnings(DUE) == [("/review_due_on", "date_passed")]
    assert warnings(reviewed) == []


@pytest.mark.parametrize("outcome", ["reached", "no_answer", "message_left", "wrong_details"])
def test_no_other_outcome_moves_the_review(outcome: str) -> None:
    assert after(DUE, attempt("2028-11-24", outcome)).registration.review_due_on == date(2028, 11, 23)


def test_a_confirmation_of_another_work_moves_no_review() -> None:
    ending = attempt("2028-11-24", "confirmed", work="need_ending")
    assert after(DUE, ending).registration.review_due_on == date(2028, 11, 23)


def test_silence_escalates_and_takes_nobody_off_the_register() -> None:
    in_vain = [attempt(f"2028-12-{day:02}") for day in range(1, 13)]
    silent = after(DUE, *in_vain)
    assert warnings(after(DUE, *in_vain[:2])) == [("/review_due_on", "date_passed")]
    for state in (after(DUE, *in_vain[:3]), silent, on_day(silent, "2040-01-01").state):
        assert ("/campaigns/0", "nobody_reached") in warnings(state)
        assert (state.registration.status, state.registration.needs) == ("active", KNOWN.registration.needs)
        assert state.registration.assigned() == KNOWN.registration.assigned()


def test_the_warning_ends_when_somebody_is_reached_or_the_review_is_done_in_another_way() -> None:
    silent = after(DUE, *(attempt(f"2028-12-0{day}") for day in (1, 2, 3)))
    reached = after(silent, attempt("2028-12-04", "reached"))
    assert warnings(reached) == [("/review_due_on", "date_passed")]
    done = amended(silent, "2028-12-20", needs=[{"code": "02"}]).state
    assert warnings(done) == []
    assert campaign_of(done.registration.campaigns[0].work, done.registration) is None


def test_attempts_in_any_order_end_in_the_same_registration() -> None:
    attempts = [
        attempt("2028-11-24"),
        attempt("2028-11-25", "confirmed"),
        attempt("2028-11-29", "confirmed"),
        attempt("2028-12-01", "reached", work="need_ending"),
        attempt("2028-12-02"),
    ]
    truth = after(DUE, *attempts)
    assert truth.registration.review_due_on == date(2030, 11, 29)
    for order in itertools.permutations(attempts):
        shuffled = after(DUE, *order, order[0], order[-1])
        assert shuffled.registration == truth.registration.model_copy(update={"version": shuffled.registration.version})
        assert shuffled.facts == truth.facts


def test_a_confirmation_that_is_older_than_the_request_for_a_review_does_not_undo_it() -> None:
    asked = after_event(KNOWN, Statement(review=True), "2027-03-01").state
    assert asked.registration.review_due_on == date(2027, 3, 1)
    late = after(asked, attempt("2027-02-28", "confirmed", due_on="2027-03-01"))
    assert late.registration.review_due_on == date(2027, 3, 1)
    newer = after(late, attempt("2027-03-02", "confirmed", due_on="2027-03-01"))
    assert newer.registration.review_due_on == date(2029, 3, 2)


def test_a_confirmation_that_is_older_than_a_callers_does_not_undo_it() -> None:
    reviewed = amended(DUE, "2028-12-20", needs=[{"code": "02"}]).state
    assert reviewed.registration.review_due_on == date(2029, 12, 20)
    late = after(reviewed, attempt("2028-12-19", "confirmed"))
    assert late.registration.review_due_on == date(2029, 12, 20)


def test_a_repeated_attempt_is_no_attempt_and_one_that_is_too_old_to_keep_is() -> None:
    newest = [attempt(f"2028-12-{day:02}") for day in range(2, 12)]
    full = after(DUE, *newest)
    repeated, old = event(full, newest[3]), event(full, attempt("2028-12-01"))
    assert (repeated.kind, repeated.receipt, repeated.attempt) == (ChangeKind.NO_CHANGE, True, None)
    assert (old.kind, old.receipt, old.attempt) == (ChangeKind.NO_CHANGE, True, attempt("2028-12-01"))
    assert repeated.state == old.state == full


def test_an_attempt_from_before_the_end_stays_in_the_log_only() -> None:
    ended = withdrawn(after(DUE, attempt("2028-11-24")), "2028-12-01")
    assert (ended.registration.status, ended.registration.campaigns) == ("withdrawn", [])
    late = event(ended, attempt("2028-11-25"))
    assert (late.kind, late.receipt, late.attempt) == (ChangeKind.SUPERSEDED, True, attempt("2028-11-25"))
    assert late.state == ended
    closes = after_event(after(DUE, attempt("2028-11-24")), Statement(closes_on=date(2028, 12, 1)), "2028-11-30").state
    assert on_day(closes, "2028-12-02").state.registration.campaigns == []


def test_an_ended_registration_keeps_an_attempt_from_after_its_end() -> None:
    ended = after(withdrawn(DUE, "2028-12-01"), *(attempt(f"2028-12-0{day}") for day in (2, 3, 4)))
    assert (warnings(ended), [one.state for one in ended.registration.campaigns]) == ([], ["escalated"])


def test_an_attempt_on_an_unknown_or_erased_account_is_an_events_problem() -> None:
    with pytest.raises(RegistrationUnknown):
        event(None, attempt("2028-11-24"))
    with pytest.raises(RegistrationErased):
        event(DUE.model_copy(update={"erased_on": date(2028, 11, 24)}), attempt("2028-11-24"))


def test_an_attempt_from_before_an_erasure_leaves_nothing_on_an_account_that_was_registered_again() -> None:
    shell = erased_state(withdrawn(KNOWN, "2026-12-01"), moment("2026-12-02").now)
    again = register(submission(), shell, ID, moment=moment("2026-12-03"), fact=fact("2026-12-03"), policy=POLICY).state
    late, later = event(again, attempt("2026-12-02", "confirmed")), event(again, attempt("2026-12-04"))
    assert (late.kind, late.receipt, late.attempt, late.state) == (ChangeKind.SUPERSEDED, True, None, again)
    assert [one.at for one in later.state.registration.campaigns[0].attempts] == [moment("2026-12-04").now]


PENDING = registered(needs=[]).registration
TWO_ENDS = registered(needs=[{"code": "33", "ends_on": "2027-01-01"}, {"code": "32", "ends_on": "2027-02-01"}])


@pytest.mark.parametrize(
    ("one", "known", "expected"),
    [
        pytest.param(attempt("2026-11-23"), KNOWN.registration, [], id="the review"),
        pytest.param(attempt("2026-11-24", due_on="2028-11-24"), KNOWN.registration, ["not_due"], id="another day"),
        pytest.param(attempt("2026-11-24", work="follow_up"), KNOWN.registration, ["not_due"], id="no follow-up"),
        pytest.param(attempt("2026-11-24", work="follow_up", due_on="2026-12-07"), PENDING, [], id="a follow-up"),
        pytest.param(
            attempt("2026-11-24", work="need_ending", due_on="2027-02-01"), TWO_ENDS.registration, [], id="second need"
        ),
        pytest.param(
            attempt("2026-11-24", at="2026-11-22T10:00:00Z"), KNOWN.registration, ["before_registration"], id="before"
        ),
        pytest.param(attempt("2026-11-24", at="2026-11-30T10:05:00Z"), KNOWN.registration, [], id="5 minutes ahead"),
        pytest.param(
            attempt("2026-11-24", at="2026-11-30T10:05:01Z"), KNOWN.registration, ["time_in_future"], id="more ahead"
        ),
        pytest.param(
            attempt("2026-11-24", at="0001-01-01T00:00:00+14:00", due_on="2000-01-01"),
            KNOWN.registration,
            ["before_registration", "not_due"],
            id="the year 1",
        ),
    ],
)
def test_a_caller_states_work_that_is_due_and_a_time_that_can_be(
    one: ContactAttempt, known: Any, expected: list[str]
) -> None:
    now: datetime = moment("2026-11-30").now
    try:
        refuse_impossible_attempt(one, known, now)
        found = []
    except InvalidContent as invalid:
        found = [error.code for error in invalid.errors]
    assert found == expected


def test_the_decision_of_a_caller_is_that_of_a_message() -> None:
    one = attempt("2028-12-31", "confirmed")
    stated = fact("2028-12-31", "//dialler", one.at.isoformat())
    asked = record_attempt(one, DUE, moment=moment("2028-12-31"), fact=stated, policy=POLICY)
    assert asked == event(DUE, one)
