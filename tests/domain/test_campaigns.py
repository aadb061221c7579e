"""Campaigns: their state follows from the attempts alone, in any order, and the rules at their boundaries."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.domain.campaigns import AttemptOutcome, Campaign, ContactAttempt, Work, with_attempt
from shared.policy import MOST_ATTEMPTS, Policy

POLICY = Policy()
DUE = date(2028, 11, 23)
FIRST = datetime(2028, 11, 23, 9, tzinfo=UTC)


def attempt(outcome: str = "no_answer", days: int = 0, **changes: Any) -> ContactAttempt:
    whole = {
        "work": "review",
        "due_on": DUE.isoformat(),
        "channel": "phone",
        "outcome": outcome,
        "by": "agent-17",
        "at": (FIRST + timedelta(days=days)).isoformat(),
    }
    return ContactAttempt.model_validate_json(json.dumps(whole | changes))


def campaigns(*attempts: ContactAttempt, policy: Policy = POLICY) -> list[Campaign]:
    found: list[Campaign] = []
    for one in attempts:
        found = with_attempt(found, one, policy)
    return found


@pytest.mark.parametrize(
    ("outcomes", "state", "next_attempt_on"),
    [
        pytest.param(["no_answer"], "open", "2028-11-30", id="nobody answers"),
        pytest.param(["message_left", "wrong_details"], "open", "2028-12-01", id="two in a row reach nobody"),
        pytest.param(["no_answer", "message_left", "wrong_details"], "escalated", None, id="three in a row"),
        pytest.param(["no_answer"] * 4, "escalated", None, id="four in a row"),
        pytest.param(["no_answer"] * 3 + ["reached"], "open", "2028-12-03", id="reached after the escalation"),
        pytest.param(["no_answer"] * 2 + ["reached"] + ["no_answer"] * 2, "open", "2028-12-04", id="reached between"),
        pytest.param(["no_answer"] * 3 + ["confirmed"], "settled", None, id="confirmed after the escalation"),
        pytest.param(["confirmed", "no_answer"], "open", "2028-12-01", id="tried again after a confirmation"),
    ],
)
def test_the_next_attempt_and_the_escalation_follow_by_rule(
    outcomes: list[str], state: str, next_attempt_on: str | None
) -> None:
    (campaign,) = campaigns(*(attempt(outcome, days) for days, outcome in enumerate(outcomes)))
    expected = date.fromisoformat(next_attempt_on) if next_attempt_on else None
    assert (campaign.state, campaign.next_attempt_on) == (state, expected)
    assert [one.outcome for one in campaign.attempts] == outcomes


def test_the_policy_says_when_the_next_attempt_is_and_when_a_person_decides() -> None:
    policy = Policy(attempt_days=2, attempts_until_escalation=1)
    (reached,) = campaigns(attempt("reached"), policy=policy)
    (escalated,) = campaigns(attempt("no_answer"), policy=policy)
    assert (reached.next_attempt_on, escalated.state) == (date(2028, 11, 25), "escalated")


def test_the_next_attempt_counts_from_the_london_day() -> None:
    (campaign,) = campaigns(attempt(due_on="2028-06-01", at="2028-06-01T23:30:00Z"))
    assert campaign.next_attempt_on == date(2028, 6, 9)


def test_attempts_about_another_work_or_date_count_apart() -> None:
    found = campaigns(
        attempt(days=2, work="follow_up"), attempt(days=1, due_on="2030-11-23"), attempt(), attempt(work="need_ending")
    )
    assert [(one.work, one.due_on.year, len(one.attempts)) for one in found] == [
        ("review", 2028, 1),
        ("review", 2030, 1),
        ("need_ending", 2028, 1),
        ("follow_up", 2028, 1),
    ]


def test_the_newest_attempts_of_each_work_stay() -> None:
    found = campaigns(attempt(work="follow_up"), *(attempt(days=days) for days in range(MOST_ATTEMPTS + 2)))
    assert [(one.work, len(one.attempts)) for one in found] == [("review", MOST_ATTEMPTS), ("follow_up", 1)]
    assert found[0].attempts[0].at == FIRST + timedelta(days=2)
    assert with_attempt(found, attempt(days=1), POLICY) == found


ATTEMPTS = st.builds(
    lambda work, outcome, hours, due: attempt(
        outcome.value if work != "follow_up" or outcome != "confirmed" else "reached",
        work=work.value,
        at=(FIRST + timedelta(hours=hours)).isoformat(),
        due_on=due,
    ),
    st.sampled_from(Work),
    st.sampled_from(AttemptOutcome),
    st.integers(0, 60),
    st.sampled_from(["2028-11-23", "2028-12-24"]),
)


@given(st.lists(ATTEMPTS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_attempts_matters(attempts: list[ContactAttempt], chance: Any) -> None:
    shuffled = [*attempts, *chance.choices(attempts, k=5)]
    chance.shuffle(shuffled)
    assert campaigns(*shuffled) == campaigns(*attempts)


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        pytest.param({"work": "sales"}, "work", "enum", id="another work"),
        pytest.param({"channel": "pigeon"}, "channel", "enum", id="another channel"),
        pytest.param({"outcome": "gone"}, "outcome", "enum", id="another outcome"),
        pytest.param({"work": "follow_up", "outcome": "confirmed"}, "outcome", "outcome_impossible", id="no needs"),
        pytest.param({"by": ""}, "by", "string_pattern_mismatch", id="by nobody"),
        pytest.param({"by": "Mrs Example"}, "by", "string_pattern_mismatch", id="by a name with a space"),
        pytest.param({"by": "a" * 36}, "by", "string_pattern_mismatch", id="by 36 characters"),
        pytest.param({"due_on": "soon"}, "due_on", "date_parsing", id="no date"),
        pytest.param({"note": "angry"}, "note", "extra_forbidden", id="free text"),
    ],
)
def test_an_attempt_that_cannot_be_is_refused(changes: dict[str, Any], place: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        attempt(**changes)
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [((place,), code)]
