"""Register, amend and withdraw as rules: dates, reviews, facts. The order of messages: tests/messages."""

import json
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.domain import account_events, migration, requests
from shared.domain.aspects import Statement, facts_after, full_statement, submission_of
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Contact
from shared.domain.decision import Decision, Moment
from shared.domain.erasure import erased_state
from shared.domain.patch import merge_patch, patched
from shared.domain.registration import (
    Fact,
    FormerPeriod,
    RegistrationId,
    RegistrationInput,
    RegistrationState,
    Status,
)
from shared.domain.retention import erase_due_on
from shared.domain.sharing import LawfulBasis, Sharing
from shared.domain.supply_points import Mpan, SupplyPoints, mpan_check_digit
from shared.errors import AlreadyRegistered, InvalidContent, NotLive
from shared.policy import Policy

POLICY = Policy()
ID = RegistrationId("00000000-0000-8000-8000-000000000000")
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)


def at(days: int = 0) -> Moment:
    now = MONDAY + timedelta(days=days)
    return Moment(now, now.date())


def fact(days: int = 0, source: str = "http") -> Fact:
    return Fact(time=MONDAY + timedelta(days=days), source=source, id="1")


def told(**changed: Any) -> RegistrationInput:
    whole = {
        "account_id": "A-1000001",
        "supply_points": {"mpans": ["1000999001019"], "mprns": ["9900000104"]},
        "premises": {"address_lines": ["1 Test Street"], "postcode": "BS1 4DJ"},
        "primary_contact": {"name": "Mrs A Example", "phones": ["07700900123"]},
        "needs": [{"code": "08"}],
        "sharing": {"basis": "explicit_consent", "recorded_on": "2026-11-01", "evidence": "call 4711"},
    }
    return patched(RegistrationInput.model_validate_json(_json(whole)), changed)


def _json(value: Any) -> str:
    return json.dumps(value)


def registered(days: int = 0, **changed: Any) -> RegistrationState:
    return requests.register(told(**changed), None, ID, moment=at(days), fact=fact(days), policy=POLICY).state


def amended(known: RegistrationState, days: int, **patch: Any) -> Decision:
    after = patched(submission_of(known.registration), patch)
    return requests.amend(after, known, moment=at(days), fact=fact(days), policy=POLICY)


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_keeps_every_example_of_rfc_7396(target: Any, patch: Any, merged: Any) -> None:
    assert merge_patch(target, patch) == merged


@pytest.mark.parametrize(
    ("needs", "months"),
    [([{"code": "08"}], 24), ([{"code": "08"}, {"code": "02"}], 12), ([{"code": "26"}], 24)],
)
def test_the_review_comes_sooner_for_who_depends_on_electricity(needs: list[dict[str, str]], months: int) -> None:
    due = registered(needs=needs).registration.review_due_on
    assert due == date(2026 + months // 12, 11, 23)


def test_a_review_due_on_a_day_that_is_not_falls_on_the_months_last() -> None:
    leap = (datetime(2028, 2, 29, 10, tzinfo=UTC) - MONDAY).days
    assert registered(leap).registration.review_due_on == date(2030, 2, 28)


def test_a_need_keeps_the_day_it_began_while_it_stays() -> None:
    known = registered()
    state = amended(known, 3, needs=[{"code": "02"}, {"code": "08", "note": "left eye"}]).state
    assert [(need.code, need.starts_on.day) for need in state.registration.needs] == [("02", 26), ("08", 23)]
    gone = amended(state, 4, needs=[{"code": "02"}]).state
    back = amended(gone, 5, needs=[{"code": "02"}, {"code": "08"}]).state
    assert [(need.code, need.starts_on.day) for need in back.registration.needs] == [("02", 26), ("08", 28)]


def test_a_need_that_has_run_out_does_not_stand_in_the_way_of_other_changes() -> None:
    known = registered(needs=[{"code": "33", "ends_on": "2026-11-24"}])
    assert amended(known, 9, primary_contact={"phones": ["07700900999"]}).kind is ChangeKind.AMENDED
    with pytest.raises(InvalidContent):
        amended(known, 9, needs=[{"code": "33", "ends_on": "2026-11-25"}])


MPANS = [f"10007700{n:04d}{mpan_check_digit(f'10007700{n:04d}')}" for n in range(30)]


def stored(**changed: Any) -> RegistrationState:
    """A registration as it could be stored, whatever the rules for submissions are today."""
    known = registered()
    registration = known.registration.model_copy(update=changed)
    facts = facts_after(full_statement(submission_of(registration)), known.facts, fact(1))
    return known.model_copy(update={"registration": registration, "facts": facts})


#: Registrations that nobody could submit.
UNUSUAL = {
    "without a supply point": stored(supply_points=SupplyPoints()),
    "with 21 supply points": stored(supply_points=SupplyPoints(mpans=[Mpan(mpan) for mpan in MPANS[:21]])),
    "with a lawful basis from the future": stored(
        sharing=Sharing(basis=LawfulBasis.EXPLICIT_CONSENT, recorded_on=date(2062, 1, 1), evidence="call 1")
    ),
    "with a need that has run out": registered(needs=[{"code": "33", "ends_on": "2026-11-24"}]),
    "with a name that cannot be seen": stored(primary_contact=Contact(name="\u200b", phones=["07700900123"])),
}


@pytest.mark.parametrize("known", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_a_patch_is_judged_by_what_it_changes(known: RegistrationState) -> None:
    before = known.registration
    after = amended(known, 9, primary_contact={"phones": ["07700900999"]}).state.registration
    changed = {"version": 2, "updated_at": after.updated_at}
    contact = before.primary_contact.model_copy(update={"phones": ["07700900999"]})
    assert after == before.model_copy(update={**changed, "primary_contact": contact})


@pytest.mark.parametrize(
    ("unusual", "patch", "pointer"),
    [
        ("with 21 supply points", {"supply_points": {"mpans": MPANS[1:22]}}, "/supply_points/mpans"),
        (
            "with a lawful basis from the future",
            {"sharing": {"recorded_on": "2062-01-02"}},
            "/sharing/recorded_on",
        ),
        (
            "with a need that has run out",
            {"needs": [{"code": "33", "ends_on": "2026-11-25"}]},
            "/needs/0/ends_on",
        ),
        ("with a name that cannot be seen", {"primary_contact": {"name": "\u200d"}}, "/primary_contact/name"),
        ("with a name that cannot be seen", {"primary_contact": {"phones": ["x"]}}, "/primary_contact/phones/0"),
    ],
)
def test_what_a_patch_changes_is_held_to_the_rules(unusual: str, patch: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidContent) as refused:
        amended(UNUSUAL[unusual], 9, **patch)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_a_need_is_the_same_at_another_place_of_the_list() -> None:
    known = registered(needs=[{"code": "33", "ends_on": "2026-11-24"}])
    after = amended(known, 9, needs=[{"code": "02"}, {"code": "33", "ends_on": "2026-11-24"}]).state.registration
    assert [need.code for need in after.needs] == ["02", "33"]


def test_what_is_too_much_can_be_made_less() -> None:
    known = stored(supply_points=SupplyPoints(mpans=[Mpan(mpan) for mpan in MPANS[:25]]))
    after = amended(known, 2, supply_points={"mpans": MPANS[:23]}).state.registration
    assert after.supply_points.mpans == MPANS[:23]


@pytest.mark.parametrize("patch", [{"mpans": [], "mprns": []}, {"mpans": None, "mprns": None}, None])
def test_a_patch_may_release_all_supply_points(patch: Any) -> None:
    released = amended(registered(), 1, supply_points=patch).state
    assert (released.registration.status, released.registration.assigned()) == (Status.ACTIVE, {})
    after = amended(released, 2, supply_points={"mpans": [MPANS[0]]}).state.registration
    assert list(after.assigned()) == [f"mpan:{MPANS[0]}"]


def heard(known: RegistrationState, statement: Statement, days: int = 1) -> Decision:
    return account_events.apply_account_event(
        statement, known, moment=at(days), fact=fact(days, "//accounts"), policy=POLICY
    )


def test_an_event_may_not_lead_to_more_supply_points_than_a_caller_may_give() -> None:
    known = registered(supply_points={"mpans": MPANS[:20]})
    with pytest.raises(InvalidContent) as refused:
        heard(known, Statement(served={f"mpan:{MPANS[20]}": True}))
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/supply_points/mpans", "supply_points_too_many")]
    swapped = heard(known, Statement(served={f"mpan:{MPANS[20]}": True, f"mpan:{MPANS[0]}": False}))
    assert len(swapped.state.registration.supply_points.mpans) == 20


@pytest.mark.parametrize(
    ("recorded_on", "accepted"),
    [
        pytest.param("2026-11-24", True, id="today"),
        pytest.param("2026-11-25", True, id="the day of the event, by a clock some minutes ahead"),
        pytest.param("2026-11-26", False, id="tomorrow"),
    ],
)
def test_an_event_may_not_carry_a_lawful_basis_from_the_future(recorded_on: str, *, accepted: bool) -> None:
    before_midnight = Moment(datetime(2026, 11, 24, 23, 58, tzinfo=UTC), date(2026, 11, 24))
    after_midnight = Fact(time=datetime(2026, 11, 25, 0, 1, tzinfo=UTC), source="//accounts", id="1")
    basis = Sharing(basis=LawfulBasis.NONE, recorded_on=date.fromisoformat(recorded_on), evidence="call 1")
    with nullcontext() if accepted else pytest.raises(InvalidContent):
        account_events.apply_account_event(
            Statement(sharing=basis), registered(), moment=before_midnight, fact=after_midnight, policy=POLICY
        )


@pytest.mark.parametrize(
    ("patch", "moved"),
    [
        pytest.param({"premises": {"postcode": "M1 1AE"}}, {"premises"}, id="premises"),
        pytest.param({"needs": [{"code": "02"}]}, {"profile"}, id="needs"),
        pytest.param({"primary_contact": {"name": "B"}}, {"profile"}, id="contact"),
        pytest.param({"sharing": {"evidence": "form 1"}}, {"sharing"}, id="lawful basis"),
        pytest.param({"supply_points": {"mprns": []}}, {"supply_points"}, id="supply points"),
    ],
)
def test_only_the_aspects_that_an_amendment_changes_get_its_fact(patch: dict[str, Any], moved: set[str]) -> None:
    known = registered()
    facts = amended(known, 1, **patch).state.facts
    aspects = ("profile", "premises", "sharing", "status", "supply_points")
    assert {name for name in aspects if getattr(facts, name) != getattr(known.facts, name)} == moved


def test_a_caller_speaks_of_what_is_held_now_even_if_that_came_from_a_later_time() -> None:
    ahead = migration.migrate(told(), None, ID, moment=at(), fact=fact(1, "old"), policy=POLICY).state
    after = amended(ahead, 0, needs=[{"code": "02"}]).state
    assert after.facts.profile.time > ahead.facts.profile.time
    assert [need.code for need in after.registration.needs] == ["02"]


def test_withdrawing_lets_go_of_the_supply_points_and_keeps_the_rest() -> None:
    known = registered()
    decision = requests.withdraw("asked", known, moment=at(1), fact=fact(1), policy=POLICY)
    after = decision.state.registration
    assert (decision.kind, decision.reason) == (ChangeKind.WITHDRAWN, "asked")
    assert (after.status, after.version, after.assigned()) == (Status.WITHDRAWN, 2, {})
    assert after.needs == known.registration.needs
    with pytest.raises(NotLive):
        requests.withdraw("asked", decision.state, moment=at(2), fact=fact(2), policy=POLICY)
    with pytest.raises(NotLive):
        requests.amend(told(), decision.state, moment=at(2), fact=fact(2), policy=POLICY)


def test_registering_again_begins_anew_under_the_next_version() -> None:
    known = registered()
    with pytest.raises(AlreadyRegistered):
        requests.register(told(), known, ID, moment=at(1), fact=fact(1), policy=POLICY)
    gone = requests.withdraw("asked", known, moment=at(1), fact=fact(1), policy=POLICY).state
    again = requests.register(told(), gone, ID, moment=at(30), fact=fact(30), policy=POLICY)
    after = again.state.registration
    assert (again.kind, after.version, after.status) == (ChangeKind.REGISTERED, 3, Status.ACTIVE)
    assert [need.starts_on for need in after.needs] == [at(30).day]
    assert after.created_at == known.registration.created_at
    assert len(after.assigned()) == 2


def test_a_live_registration_is_pending_while_it_has_no_needs() -> None:
    known = registered(status="pending", needs=[])
    assert (known.registration.status, known.registration.follow_up_on) == (Status.PENDING, date(2026, 12, 7))
    kept = amended(known, 3, primary_contact={"name": "B"}).state.registration
    assert kept.follow_up_on == date(2026, 12, 7)
    active = amended(known, 3, needs=[{"code": "02"}]).state.registration
    assert (active.status, active.follow_up_on) == (Status.ACTIVE, None)
    with pytest.raises(InvalidContent):
        amended(registered(), 1, needs=[])
    unknown_again = amended(registered(), 1, status="pending", needs=[]).state.registration
    assert (unknown_again.status, unknown_again.follow_up_on) == (Status.PENDING, date(2026, 12, 8))


def test_an_account_that_is_registered_again_after_an_erasure_is_looked_at_once_more() -> None:
    gone = requests.withdraw("asked", registered(), moment=at(1), fact=fact(1), policy=POLICY).state
    assert gone.ended_on == at(1).day
    shell = erased_state(gone, at(9).now)
    again = requests.register(told(), shell, ID, moment=at(30), fact=fact(30), policy=POLICY).state
    assert (again.ended_on, again.former) == (None, [FormerPeriod(ended_on=at(9).day, version=2, erased_at=at(9).now)])
    assert erase_due_on(again, timedelta(days=730)) == at(9).day
