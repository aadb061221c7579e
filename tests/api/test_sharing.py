"""The sharing record through the API: its proof, its periods in one call, and what is refused."""

from typing import Any

import pytest

from tools.api_client import Caller
from tools.synthetic import consent, registration


def captured(at: str, **changes: Any) -> dict[str, Any]:
    """Another capture, on the day of the consent."""
    return {
        "captured_at": f"2026-01-05T{at}:00Z",
        "captured_by": "agent-118",
        "channel": "visit",
        "wording": None,
    } | changes


PUBLIC_INTEREST = {
    "basis": "substantial_public_interest",
    "article_6_basis": "legal_obligation",
    "schedule_1_paragraph": "safeguarding_of_individuals_at_risk",
    "capture": captured("10:00"),
}
VITAL = {
    "basis": "vital_interests",
    "article_6_basis": "vital_interests",
    "schedule_1_paragraph": None,
    "cannot_consent_reason": "lacks capacity, no attorney",
    "capture": captured("11:00"),
}
WITHDRAWAL = {
    "withdrawn": {"withdrawn_at": "2026-11-20T12:00:00Z", "captured_by": "psr-web", "channel": "web", "objection": True}
}


def test_a_record_with_three_changes_of_basis_is_one_call(agent: Caller) -> None:
    created = agent.create(registration(sharing=consent("2026-01-05"))).json()
    for version, sharing in enumerate([PUBLIC_INTEREST, VITAL, WITHDRAWAL], 1):
        answer = agent.amend(created["registration_id"], f'"{version}"', {"sharing": sharing})
        assert answer.status_code == 200, answer.text
    amended = agent.amend(created["registration_id"], '"4"', {"primary_contact": {"name": "Mrs A Changed"}}).json()

    periods = agent.sharing(created["registration_id"]).json()["periods"]
    assert [(one["sharing"]["basis"], one["sharing"]["withdrawn"] is None) for one in periods] == [
        ("explicit_consent", True),
        ("substantial_public_interest", True),
        ("vital_interests", True),
        ("vital_interests", False),
    ]
    assert [one["since"] for one in periods] == [
        change["recorded_at"] for change in agent.changes(created["registration_id"]).json()["changes"][:4]
    ]
    assert [one["until"] for one in periods] == [*[one["since"] for one in periods[1:]], None]
    assert [one["sharing"]["capture"]["captured_by"] for one in periods] == ["agent-117", *["agent-118"] * 3]
    assert "I agree that you share" in periods[0]["wording_text"]
    assert periods[1]["wording_text"] is None
    assert amended["sharing"] == periods[-1]["sharing"]
    recipients = [[(one["since"], one["until"]) for one in period["recipients"]] for period in periods]
    assert recipients == [[(one["since"], one["until"])] * 2 for one in periods[:3]] + [[]]
    assert {one["recipient"] for one in periods[0]["recipients"]} >= {"SHPR"}
    assert all(one["purpose"] for one in periods[0]["recipients"])


OLD = {"basis": "explicit_consent", "recorded_on": "2026-01-05", "evidence": "call"}
REFUSED = {
    "nothing recorded": (OLD, {"sharing_article_6_missing", "sharing_capture_missing"}),
    "no paragraph": (
        consent("2026-01-05") | {"basis": "substantial_public_interest"},
        {"sharing_paragraph_missing"},
    ),
    "vital interests with consent": (
        consent("2026-01-05") | {"basis": "vital_interests"},
        {"sharing_consent_and_vital_interests", "sharing_reason_missing"},
    ),
    "no wording": (consent("2026-01-05") | {"capture": captured("09:00")}, {"sharing_wording_missing"}),
}


@pytest.mark.parametrize(("sharing", "errors"), REFUSED.values(), ids=REFUSED)
def test_a_combination_that_the_law_does_not_allow_is_refused_by_name(
    agent: Caller, sharing: dict[str, Any], errors: set[str]
) -> None:
    answer = agent.create(registration(sharing=sharing))
    assert answer.status_code == 422
    assert {error["code"] for error in answer.json()["errors"]} == errors


def test_a_new_basis_needs_its_own_capture_and_a_stale_withdrawal_is_lawful(agent: Caller) -> None:
    created = agent.create(registration()).json()
    refused = agent.amend(created["registration_id"], '"1"', {"sharing": {"article_6_basis": "legal_obligation"}})
    assert [error["code"] for error in refused.json()["errors"]] == ["sharing_capture_unchanged"]
    assert agent.amend(created["registration_id"], '"1"', {"sharing": WITHDRAWAL}).status_code == 200


def test_a_referral_is_pending_until_it_is_confirmed(agent: Caller) -> None:
    referral = {"referrer": "charity", "name": "Ms R Referrer", "organisation": "Test Aid", "referred_on": "2026-01-05"}
    nothing = {"basis": "none", "recorded_on": "2026-01-05", "evidence": "referred by phone"}
    referred = registration(status="pending", needs=[], referral=referral, sharing=nothing)
    created = agent.create(referred).json()
    assert (created["status"], created["referral"]["referrer"]) == ("pending", "charity")
    assert created["unconfirmed_until"] > created["follow_up_on"]
    confirmed = agent.amend(
        created["registration_id"], '"1"', {"needs": [{"code": "02"}], "sharing": consent("2026-01-05")}
    ).json()
    assert (confirmed["status"], confirmed["unconfirmed_until"]) == ("active", None)
    refused = agent.create(registration(referral=referral))
    assert [error["code"] for error in refused.json()["errors"]] == ["referral_not_pending"]
