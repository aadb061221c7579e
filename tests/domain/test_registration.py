"""Registrations: what a submission must keep, statuses, facts and supply points."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.registration import Fact, PointFact, RegistrationInput, Status, newly_assigned
from tests.support.registrations import MPAN, MPAN_KEY, MPRN, MPRN_KEY, OTHER_KEY, amended, fact, registered, submission


@pytest.mark.parametrize(
    ("status", "live"),
    [(Status.PENDING, True), (Status.ACTIVE, True), (Status.WITHDRAWN, False), (Status.ENDED, False)],
)
def test_a_pending_or_active_registration_is_live(status: Status, *, live: bool) -> None:
    assert status.live is live


@pytest.mark.parametrize(
    ("status", "known", "expected"),
    [
        (Status.PENDING, True, Status.ACTIVE),
        (Status.ACTIVE, False, Status.PENDING),
        (Status.ACTIVE, True, Status.ACTIVE),
        (Status.PENDING, False, Status.PENDING),
        (Status.WITHDRAWN, True, Status.WITHDRAWN),
        (Status.ENDED, False, Status.ENDED),
    ],
)
def test_a_live_registration_is_active_once_its_needs_are_known(
    status: Status, expected: Status, *, known: bool
) -> None:
    assert status.with_needs(known=known) is expected


def changed(**changes: Any) -> str:
    return json.dumps({**submission().model_dump(mode="json"), **changes})


NEEDS = [{"code": "02"}, {"code": "02", "ends_on": "2027-01-31"}]


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        pytest.param({"needs": []}, (), "needs_missing", id="active without needs"),
        pytest.param({"status": "pending"}, (), "needs_known", id="pending with needs"),
        pytest.param({"status": "ended"}, ("status",), "literal_error", id="not live"),
        pytest.param(
            {"services": {"nominee_receives_communications": True}}, (), "nominee_missing", id="no nominee to write to"
        ),
        pytest.param({"needs": NEEDS}, ("needs",), "need_repeated", id="one need twice"),
        pytest.param({"account_id": "A 1"}, ("account_id",), "string_pattern_mismatch", id="an account with a space"),
        pytest.param({"account_id": "A" * 36}, ("account_id",), "string_pattern_mismatch", id="36 characters"),
        pytest.param({"supply_points": {}}, ("supply_points",), "supply_point_missing", id="no supply point"),
        pytest.param({"phone": "x"}, ("phone",), "extra_forbidden", id="an unknown field"),
    ],
)
def test_a_submission_that_breaks_a_rule_is_refused(changes: dict[str, Any], place: tuple[str, ...], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RegistrationInput.model_validate_json(changed(**changes))
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [(place, code)]


def test_a_submission_may_name_a_nominee_who_gets_the_letters() -> None:
    whole = changed(
        services={"nominee_receives_communications": True},
        alternate_contact={"name": "Mr B Example", "relationship": "carer"},
    )
    assert RegistrationInput.model_validate_json(whole).services.nominee_receives_communications


def test_a_submission_is_active_by_default() -> None:
    whole = json.loads(changed())
    del whole["status"]
    assert RegistrationInput.model_validate_json(json.dumps(whole)).status is Status.ACTIVE


def test_a_submission_without_a_household_has_the_fingerprint_that_it_had_before_there_were_households() -> None:
    content = submission().model_dump_json(exclude_defaults=True)
    assert "household" not in content
    stated = RegistrationInput.model_validate_json(changed(household=None))
    assert stated.model_dump_json(exclude_defaults=True) == content


FIRST = fact("2026-11-23", "//m", "5")


@pytest.mark.parametrize(
    ("other", "newer"),
    [
        pytest.param(None, True, id="none"),
        pytest.param(fact("2026-11-22", "//z", "9"), True, id="an earlier time"),
        pytest.param(fact("2026-11-24", "//a", "1"), False, id="a later time"),
        pytest.param(fact("2026-11-23", "//l", "9"), True, id="the same time, an earlier source"),
        pytest.param(fact("2026-11-23", "//n", "1"), False, id="the same time, a later source"),
        pytest.param(fact("2026-11-23", "//m", "4"), True, id="the same source, an earlier id"),
        pytest.param(fact("2026-11-23", "//m", "6"), False, id="the same source, a later id"),
        pytest.param(FIRST, False, id="itself"),
    ],
)
def test_facts_are_ordered_by_time_and_ties_by_source_and_id(other: Fact | None, *, newer: bool) -> None:
    assert FIRST.newer_than(other) is newer


@pytest.mark.parametrize(("parked_as", "waiting"), [(None, False), ("m", True)])
def test_a_supply_point_waits_while_its_message_is_parked(parked_as: str | None, *, waiting: bool) -> None:
    point = PointFact(time=FIRST.time, source="//m", id="5", served=True, parked_as=parked_as)
    assert point.waiting is waiting


def test_supply_points_are_found_by_their_keys() -> None:
    assert registered().registration.assigned() == {MPAN_KEY: MPAN, MPRN_KEY: MPRN}


def test_the_supply_points_that_a_change_adds_are_newly_assigned() -> None:
    known = registered()
    after = amended(known, "2026-11-24", supply_points={"mpans": [MPAN, "2200999000017"], "mprns": []}).state
    assert newly_assigned(known, after) == {OTHER_KEY: "2200999000017"}
    assert newly_assigned(after, known) == {MPRN_KEY: MPRN}
    assert newly_assigned(None, known) == {MPAN_KEY: MPAN, MPRN_KEY: MPRN}
    assert newly_assigned(known, known) == {}
