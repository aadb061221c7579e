"""The sharing record: what the law and good evidence ask of it, and when data may be shared on it."""

import json
from datetime import date
from typing import Any

import pytest

from shared.domain.patch import merge_patch
from shared.domain.recipients import recipients, why_withheld
from shared.domain.sharing import Article6Basis, Article9Condition, Sharing
from shared.domain.sharing_rules import LAWFUL, PROVEN, sharing_errors
from shared.domain.wordings import WordingReference, wording, wordings
from tests.support.registrations import registration
from tools.synthetic import consent

TODAY = date(2026, 11, 23)
CONSENT = consent("2026-11-20")
#: As records of old platforms say it.
OLD: dict[str, Any] = {"basis": "explicit_consent", "recorded_on": "2020-01-05", "evidence": "call 4711"}
NO_WORDING = {"capture": {"wording": None}}
PUBLIC_INTEREST: dict[str, Any] = {
    "basis": "substantial_public_interest",
    "article_6_basis": "legal_obligation",
    "schedule_1_paragraph": "safeguarding_of_individuals_at_risk",
    **NO_WORDING,
}
VITAL: dict[str, Any] = {
    "basis": "vital_interests",
    "article_6_basis": "vital_interests",
    "cannot_consent_reason": "lacks capacity, no attorney",
    **NO_WORDING,
}
WITHDRAWN = {"withdrawn_at": "2026-11-21T10:00:00Z", "captured_by": "agent-118", "channel": "phone"}


def sharing(record: dict[str, Any] = CONSENT, **changes: Any) -> Sharing:
    return Sharing.model_validate_json(json.dumps(merge_patch(record, changes)))


def codes(record: Sharing, before: Sharing | None = None, *, from_caller: bool = True) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in sharing_errors(record, before, TODAY, from_caller=from_caller)]


@pytest.mark.parametrize(
    "record",
    [
        sharing(),
        sharing(**PUBLIC_INTEREST),
        sharing(**PUBLIC_INTEREST | {"schedule_1_paragraph": "economic_well_being", "article_6_basis": "public_task"}),
        sharing(**VITAL),
        sharing(article_6_basis="legitimate_interests"),
        sharing(article_6_basis="recognised_legitimate_interests"),
        sharing(capture={"speaker": {"role": "attorney", "name": "Mr B Attorney"}}),
        sharing(**PUBLIC_INTEREST, evidence="form 3").model_copy(update={"recorded_on": TODAY}),
        sharing(basis="none", article_6_basis=None, capture=None),
        sharing(basis="none"),
        sharing(withdrawn=WITHDRAWN),
        sharing(OLD, withdrawn=WITHDRAWN),
    ],
)
def test_these_records_are_lawful(record: Sharing) -> None:
    assert codes(record) == []


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "sharing_paragraph_unexpected": ({"schedule_1_paragraph": "economic_well_being"}, "/schedule_1_paragraph"),
    "sharing_basis_not_in_force": (
        {
            "article_6_basis": "recognised_legitimate_interests",
            "recorded_on": "2026-02-04",
            "capture": {"captured_at": "2026-02-04T09:00:00Z"},
        },
        "/article_6_basis",
    ),
    "sharing_consent_and_vital_interests": (
        {**VITAL, "article_6_basis": "consent", "capture": {}},
        "/basis",
    ),
    "sharing_reason_unexpected": ({"cannot_consent_reason": "asleep"}, "/cannot_consent_reason"),
    "sharing_speaker_may_not_consent": (
        {"capture": {"speaker": {"role": "carer", "name": "Ms C Carer"}}},
        "/capture/speaker/role",
    ),
    "sharing_speaker_unnamed": ({"capture": {"speaker": {"role": "attorney"}}}, "/capture/speaker/name"),
    "sharing_organisation_missing": (
        {**PUBLIC_INTEREST, "capture": {"wording": None, "speaker": {"role": "referrer", "name": "Dr D Doctor"}}},
        "/capture/speaker/organisation",
    ),
    "sharing_wording_unknown": ({"capture": {"wording": {"version": "1999-1"}}}, "/capture/wording"),
    "sharing_wording_not_valid_yet": (
        {"recorded_on": "2025-12-31", "capture": {"captured_at": "2025-12-31T23:59:59Z"}},
        "/capture/wording",
    ),
    "sharing_captured_later": ({"capture": {"captured_at": "2026-11-21T00:00:00Z"}}, "/capture/captured_at"),
    "sharing_withdrawn_earlier": (
        {"withdrawn": WITHDRAWN | {"withdrawn_at": "2026-11-20T08:59:59Z"}},
        "/withdrawn/withdrawn_at",
    ),
    "sharing_article_6_missing": ({"article_6_basis": None}, "/article_6_basis"),
    "sharing_paragraph_missing": ({**PUBLIC_INTEREST, "schedule_1_paragraph": None}, "/schedule_1_paragraph"),
    "sharing_reason_missing": ({**VITAL, "cannot_consent_reason": None}, "/cannot_consent_reason"),
    "sharing_capture_missing": ({"capture": None}, "/capture"),
    "sharing_wording_missing": ({"capture": {"wording": None}}, "/capture/wording"),
}


@pytest.mark.parametrize("code", sorted(BROKEN))
def test_a_record_that_breaks_a_rule_is_refused_by_its_name(code: str) -> None:
    changes, pointer = BROKEN[code]
    record = merge_patch(CONSENT, changes)
    if changes.get("capture") == {}:
        record["capture"] = CONSENT["capture"]
    assert codes(sharing(record)) == [(f"/sharing{pointer}", code)]


def test_every_rule_is_broken_once_and_names_its_source() -> None:
    assert {rule.code for rule in (*LAWFUL, *PROVEN)} == set(BROKEN)
    assert all(rule.source for rule in (*LAWFUL, *PROVEN))


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"recorded_on": "2026-11-23"}, []),
        ({"recorded_on": "2026-11-24"}, ["/sharing/recorded_on"]),
        ({"withdrawn": WITHDRAWN | {"withdrawn_at": "2026-11-23T23:59:59Z"}}, []),
        ({"withdrawn": WITHDRAWN | {"withdrawn_at": "2026-11-24T00:00:00Z"}}, ["/sharing/withdrawn/withdrawn_at"]),
    ],
    ids=["recorded today", "recorded tomorrow", "withdrawn today", "withdrawn tomorrow"],
)
def test_no_date_is_in_the_future(changes: dict[str, Any], pointers: list[str]) -> None:
    assert codes(sharing(**changes)) == [(pointer, "date_in_future") for pointer in pointers]


def test_an_old_platforms_record_is_taken_as_not_recorded_and_refused_of_a_caller() -> None:
    record = sharing(OLD)
    assert (record.article_6_basis, record.capture, record.complete) == (Article6Basis.NOT_RECORDED, None, False)
    assert codes(record, from_caller=False) == []
    assert codes(record) == [
        ("/sharing/article_6_basis", "sharing_article_6_missing"),
        ("/sharing/capture", "sharing_capture_missing"),
    ]


def test_a_message_that_says_more_than_an_old_platform_proves_it() -> None:
    assert codes(sharing(OLD, article_6_basis="consent"), from_caller=False) == [
        ("/sharing/capture", "sharing_capture_missing")
    ]


def test_a_record_that_was_stored_under_other_rules_may_stay() -> None:
    assert codes(sharing(OLD), sharing(OLD)) == []


def test_a_capture_proves_one_basis_only() -> None:
    other = sharing(article_6_basis="legal_obligation")
    assert codes(other, sharing()) == [("/sharing/capture", "sharing_capture_unchanged")]
    captured_again = sharing(article_6_basis="legal_obligation", capture={"captured_at": "2026-11-20T09:30:00Z"})
    assert codes(captured_again, sharing()) == []
    assert codes(sharing(evidence="form 12"), sharing()) == []
    assert codes(sharing(basis="none"), sharing()) == []


def test_sharing_that_was_withdrawn_starts_again_by_another_capture_only() -> None:
    ended = sharing(withdrawn=WITHDRAWN)
    assert codes(sharing(), ended) == [("/sharing/capture", "sharing_capture_unchanged")]
    again = sharing(recorded_on="2026-11-22", capture={"captured_at": "2026-11-22T09:30:00Z"})
    assert codes(again, ended) == []
    assert codes(sharing(evidence="form 12", withdrawn=WITHDRAWN), ended) == []


@pytest.mark.parametrize(
    ("record", "effective"),
    [
        (sharing(), Article9Condition.EXPLICIT_CONSENT),
        (sharing(OLD), Article9Condition.EXPLICIT_CONSENT),
        (sharing(withdrawn=WITHDRAWN), Article9Condition.NONE),
        (sharing(**VITAL), Article9Condition.VITAL_INTERESTS),
        (sharing(OLD, basis="vital_interests"), Article9Condition.NONE),
        (sharing(OLD, article_6_basis="vital_interests"), Article9Condition.NONE),
        (sharing(basis="none"), Article9Condition.NONE),
    ],
    ids=["consent", "old", "withdrawn", "vital with a reason", "vital without one", "article 6 vital", "none"],
)
def test_data_is_shared_on_the_effective_basis_only(record: Sharing, effective: Article9Condition) -> None:
    assert record.effective_basis is effective
    withheld = why_withheld(registration(sharing=json.loads(record.model_dump_json())), recipients()["EELC"])
    assert (withheld is None) == (effective is not Article9Condition.NONE)


@pytest.mark.parametrize(
    ("record", "complete"),
    [
        (sharing(), True),
        (sharing(**VITAL), True),
        (sharing(OLD), False),
        (sharing(OLD, withdrawn=WITHDRAWN), True),
        (sharing(OLD, basis="none"), True),
        (sharing(OLD, basis="vital_interests"), False),
        (sharing(OLD, article_6_basis="consent"), False),
        (sharing(article_6_basis=None), False),
    ],
)
def test_a_record_without_its_basis_or_its_proof_is_reviewed(record: Sharing, *, complete: bool) -> None:
    assert record.complete == complete


def test_every_version_of_the_wording_exists_in_english_and_welsh() -> None:
    languages: dict[str, set[str]] = {}
    for one in wordings():
        languages.setdefault(one.version, set()).add(one.language)
        assert wording(WordingReference(version=one.version, language=one.language)) is one
    assert all(of_version == {"en", "cy"} for of_version in languages.values())
