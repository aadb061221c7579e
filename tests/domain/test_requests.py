"""Requests of callers: register, amend, withdraw."""

import json
from datetime import date
from typing import Any

import pytest

from shared.domain.aspects import submission_of
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Contact
from shared.domain.decision import Decision
from shared.domain.erasure import erased_state
from shared.domain.registration import FormerPeriod, RegistrationState, Status
from shared.domain.requests import amend, register, withdraw
from shared.domain.sharing import Sharing
from shared.domain.supply_points import Mpan, SupplyPoints
from shared.errors import AlreadyRegistered, InvalidContent, NotLive
from tests.support.registrations import (
    ID,
    MPAN,
    NO_SUPPLY_POINTS,
    POLICY,
    amended,
    codes,
    fact,
    migrated,
    moment,
    mpans,
    registered,
    submission,
    withdrawn,
)
from tools.synthetic import consent

BLIND, POST_HOSPITAL = {"code": "08"}, {"code": "33", "ends_on": "2026-11-24"}


def registers(known: RegistrationState | None, day: str, **changes: Any) -> Decision:
    return register(submission(**changes), known, ID, moment=moment(day), fact=fact(day), policy=POLICY)


def with_fields(**changed: Any) -> RegistrationState:
    """A registration as it could be stored, even if nobody could submit it today."""
    known = registered()
    return known.model_copy(update={"registration": known.registration.model_copy(update=changed)})


def test_a_live_registration_cannot_be_registered_again() -> None:
    with pytest.raises(AlreadyRegistered):
        registers(registered(), "2026-11-24")


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        pytest.param({"needs": [POST_HOSPITAL]}, ["/needs/0/ends_on"], id="a need that has ended"),
        pytest.param({"sharing": {"recorded_on": "2026-11-26"}}, ["/sharing/recorded_on"], id="a basis from tomorrow"),
    ],
)
@pytest.mark.parametrize("known", [None, withdrawn(registered(), "2026-11-24")], ids=["new", "withdrawn"])
def test_a_registration_is_refused_for_dates_that_cannot_be(
    known: RegistrationState | None, changes: dict[str, Any], pointers: list[str]
) -> None:
    with pytest.raises(InvalidContent) as refused:
        registers(known, "2026-11-25", **changes)
    assert [error.pointer for error in refused.value.errors] == pointers


def test_registering_again_starts_again_under_the_next_version() -> None:
    known = registered()
    again = registers(withdrawn(known, "2026-11-24"), "2026-12-23", primary_contact={"name": "Mr B Example"})
    after = again.state.registration
    assert (again.kind, after.version, after.status) == (ChangeKind.REGISTERED, 3, Status.ACTIVE)
    assert [need.starts_on for need in after.needs] == [date(2026, 12, 23)]
    assert (after.created_at, after.updated_at) == (known.registration.created_at, moment("2026-12-23").now)
    assert (after.primary_contact.name, after.review_due_on) == ("Mr B Example", date(2028, 12, 23))
    assert after.supply_points == known.registration.supply_points
    assert (again.state.ended_on, again.state.former) == (None, [FormerPeriod(ended_on=date(2026, 11, 24), version=2)])


def test_registering_again_confirms_the_same_needs() -> None:
    again = registers(withdrawn(registered(), "2026-11-24"), "2026-12-23")
    assert again.state.registration.review_due_on == date(2028, 12, 23)


def test_an_account_that_is_registered_again_after_an_erasure_has_its_account_again() -> None:
    shell = erased_state(withdrawn(registered(), "2026-11-24"), moment("2026-12-02").now)
    again = registers(shell, "2026-12-23").state
    assert (again.registration.account_id, again.erased_on, again.ended_on) == ("A-1000001", None, None)
    assert again.former == [FormerPeriod(ended_on=date(2026, 12, 2), version=2, erased_at=moment("2026-12-02").now)]


def test_registering_again_wins_over_facts_from_a_later_time() -> None:
    ahead = migrated(None, fact("2026-12-01", "//old-platform"), needs=[{"code": "02"}]).state
    again = registers(withdrawn(ahead, "2026-11-24"), "2026-11-25").state
    assert codes(again) == ["08"]
    assert again.facts.profile.time > fact("2026-12-01").time


def test_an_amendment_that_changes_nothing_is_a_receipt() -> None:
    known = registered()
    for patch in ({}, {"primary_contact": {"name": "Mrs A Example"}}, {"needs": [BLIND]}):
        assert amended(known, "2026-11-25", **patch) == Decision(ChangeKind.NO_CHANGE, known, receipt=True)


def test_the_order_of_supply_points_is_no_change() -> None:
    known = registered(supply_points={"mpans": mpans(3)})
    assert amended(known, "2026-11-25", supply_points={"mpans": mpans(3)[::-1]}).receipt


@pytest.mark.parametrize(
    ("patch", "moved"),
    [
        pytest.param({"premises": {"postcode": "M1 1AE"}}, {"premises"}, id="premises"),
        pytest.param({"needs": [{"code": "02"}]}, {"profile"}, id="needs"),
        pytest.param({"primary_contact": {"name": "B"}}, {"profile"}, id="contact"),
        pytest.param({"sharing": {"evidence": "form 1"}}, {"sharing"}, id="lawful basis"),
        pytest.param({"supply_points": {"mprns": []}}, {"supply_points"}, id="supply points"),
        pytest.param({"needs": [], "status": "pending"}, {"profile", "status"}, id="needs not known any more"),
    ],
)
def test_only_the_aspects_that_an_amendment_changes_get_its_fact(patch: dict[str, Any], moved: set[str]) -> None:
    known = registered()
    facts = amended(known, "2026-11-24", **patch).state.facts
    aspects = ("profile", "premises", "sharing", "status", "supply_points")
    assert {name for name in aspects if getattr(facts, name) != getattr(known.facts, name)} == moved
    assert {getattr(facts, name) for name in moved} == {fact("2026-11-24")}


def test_an_amendment_wins_over_facts_from_a_later_time() -> None:
    ahead = migrated(None, fact("2026-11-24", "//old-platform")).state
    after = amended(ahead, "2026-11-23", needs=[{"code": "02"}]).state
    assert after.facts.profile.time > ahead.facts.profile.time
    assert codes(after) == ["02"]


@pytest.mark.parametrize(
    ("patch", "due_on"),
    [
        pytest.param({"needs": [{"code": "15"}]}, "2028-12-23", id="needs"),
        pytest.param({"needs": [{"code": "08", "note": "left eye"}]}, "2028-12-23", id="a note to a need"),
        pytest.param({"sharing": {"evidence": "call 2"}}, "2028-12-23", id="lawful basis"),
        pytest.param({"primary_contact": {"phones": []}}, "2028-11-23", id="a phone number"),
        pytest.param({"premises": {"postcode": "M1 1AE"}}, "2028-11-23", id="premises"),
    ],
)
def test_an_amendment_of_needs_or_lawful_basis_is_a_review(patch: dict[str, Any], due_on: str) -> None:
    after = amended(registered(), "2026-12-23", **patch).state.registration
    assert after.review_due_on == date.fromisoformat(due_on)


KNOWN = registered()


@pytest.mark.usefixtures("retired")
def test_an_amendment_keeps_a_retired_need_and_cannot_add_one() -> None:
    after = amended(KNOWN, "2026-11-24", needs=[BLIND, {"code": "02"}]).state
    assert codes(after) == ["02", "08"]
    gone = amended(after, "2026-11-25", needs=[{"code": "02"}]).state
    with pytest.raises(InvalidContent):
        amended(gone, "2026-11-26", needs=[BLIND])


def test_a_need_that_has_ended_does_not_prevent_other_changes() -> None:
    known = registered(needs=[POST_HOSPITAL])
    assert amended(known, "2026-12-02", primary_contact={"phones": ["07700900999"]}).kind is ChangeKind.AMENDED
    with pytest.raises(InvalidContent):
        amended(known, "2026-12-02", needs=[{"code": "33", "ends_on": "2026-11-25"}])


#: Registrations that nobody could submit.
UNUSUAL = {
    "without a supply point": with_fields(supply_points=SupplyPoints()),
    "with 21 supply points": with_fields(supply_points=SupplyPoints(mpans=[Mpan(mpan) for mpan in mpans(21)])),
    "with a lawful basis from the future": with_fields(
        sharing=Sharing.model_validate_json(json.dumps(consent("2062-01-01")))
    ),
    "with a need that has ended": registered(needs=[POST_HOSPITAL]),
    "with a name that cannot be seen": with_fields(primary_contact=Contact(name="\u200b", phones=["07700900123"])),
}


@pytest.mark.parametrize("unusual", UNUSUAL)
def test_a_patch_is_judged_by_what_it_changes(unusual: str) -> None:
    before = UNUSUAL[unusual].registration
    patched = {"primary_contact": {"phones": ["07700900999"]}}
    after = amended(_with_facts_of_its_points(UNUSUAL[unusual]), "2026-12-02", **patched).state.registration
    contact = before.primary_contact.model_copy(update={"phones": ["07700900999"]})
    changed = {"version": 2, "updated_at": after.updated_at, "primary_contact": contact}
    assert after == before.model_copy(update=changed)


@pytest.mark.parametrize(
    ("unusual", "patch", "pointer"),
    [
        ("with 21 supply points", {"supply_points": {"mpans": mpans(22)[1:]}}, "/supply_points/mpans"),
        ("with a lawful basis from the future", {"sharing": {"recorded_on": "2062-01-02"}}, "/sharing/recorded_on"),
        ("with a need that has ended", {"needs": [{"code": "33", "ends_on": "2026-11-25"}]}, "/needs/0/ends_on"),
        ("with a name that cannot be seen", {"primary_contact": {"name": "\u200d"}}, "/primary_contact/name"),
        ("with a name that cannot be seen", {"primary_contact": {"phones": ["x"]}}, "/primary_contact/phones/0"),
    ],
)
def test_the_changes_of_a_patch_keep_the_rules(unusual: str, patch: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidContent) as refused:
        amended(_with_facts_of_its_points(UNUSUAL[unusual]), "2026-12-02", **patch)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_too_many_supply_points_can_be_made_fewer() -> None:
    known = _with_facts_of_its_points(with_fields(supply_points=SupplyPoints(mpans=[Mpan(mpan) for mpan in mpans(25)])))
    after = amended(known, "2026-11-25", supply_points={"mpans": mpans(23)}).state.registration
    assert after.supply_points.mpans == mpans(23)


def _with_facts_of_its_points(known: RegistrationState) -> RegistrationState:
    """Its supply points come from the fact of the registration, like all the rest."""
    served = registered(supply_points={"mpans": mpans(1), "mprns": []}).facts.points[f"mpan:{mpans(1)[0]}"]
    points = dict.fromkeys(sorted(known.registration.assigned()), served)
    return known.model_copy(update={"facts": known.facts.model_copy(update={"points": points})})


@pytest.mark.parametrize("patch", [NO_SUPPLY_POINTS, {"mpans": None, "mprns": None}, None])
def test_a_patch_may_release_all_supply_points(patch: Any) -> None:
    released = amended(registered(), "2026-11-24", supply_points=patch).state
    assert (released.registration.status, released.registration.assigned()) == (Status.ACTIVE, {})
    after = amended(released, "2026-11-25", supply_points={"mpans": [MPAN]}).state.registration
    assert after.supply_points == SupplyPoints(mpans=[Mpan(MPAN)])


def test_withdrawing_releases_the_supply_points_and_keeps_the_rest() -> None:
    known = registered()
    decision = withdraw("asked", known, moment=moment("2026-11-24"), fact=fact("2026-11-24"), policy=POLICY)
    after = decision.state.registration
    assert (decision.kind, decision.reason) == (ChangeKind.WITHDRAWN, "asked")
    assert after == known.registration.model_copy(
        update={
            "status": Status.WITHDRAWN,
            "version": 2,
            "updated_at": moment("2026-11-24").now,
            "supply_points": SupplyPoints(),
        }
    )
    assert (decision.state.ended_on, decision.state.facts.status) == (date(2026, 11, 24), fact("2026-11-24"))


def test_withdrawing_wins_over_facts_from_a_later_time() -> None:
    ahead = migrated(None, fact("2026-12-01", "//old-platform")).state
    assert withdrawn(ahead, "2026-11-24").registration.status is Status.WITHDRAWN


def test_a_registration_that_is_not_live_cannot_be_changed() -> None:
    gone = withdrawn(registered(), "2026-11-24")
    with pytest.raises(NotLive):
        withdraw("asked", gone, moment=moment("2026-11-25"), fact=fact("2026-11-25"), policy=POLICY)
    with pytest.raises(NotLive):
        amend(submission(), gone, moment=moment("2026-11-25"), fact=fact("2026-11-25"), policy=POLICY)


def test_a_live_registration_is_pending_while_it_has_no_needs() -> None:
    known = registered(needs=[])
    assert (known.registration.status, known.registration.follow_up_on) == (Status.PENDING, date(2026, 12, 7))
    kept = amended(known, "2026-11-26", primary_contact={"name": "B"}).state.registration
    assert kept.follow_up_on == date(2026, 12, 7)
    active = amended(known, "2026-11-26", needs=[{"code": "02"}]).state.registration
    assert (active.status, active.follow_up_on) == (Status.ACTIVE, None)
    with pytest.raises(InvalidContent):
        amended(registered(), "2026-11-24", needs=[])
    unknown_again = amended(registered(), "2026-11-24", status="pending", needs=[]).state.registration
    assert (unknown_again.status, unknown_again.follow_up_on) == (Status.PENDING, date(2026, 12, 8))


def test_a_need_keeps_the_day_it_began_while_it_stays() -> None:
    state = amended(registered(), "2026-11-26", needs=[{"code": "02"}, {"code": "08", "note": "left eye"}]).state
    assert _first_days(state) == {"02": 26, "08": 23}
    gone = amended(state, "2026-11-27", needs=[{"code": "02"}]).state
    back = amended(gone, "2026-11-28", needs=[{"code": "02"}, BLIND]).state
    assert _first_days(back) == {"02": 26, "08": 28}


def _first_days(state: RegistrationState) -> dict[str, int]:
    return {str(need.code): need.starts_on.day for need in state.registration.needs}


def test_a_submission_of_a_registration_is_the_one_that_made_it() -> None:
    young = {"code": "29", "youngest_child_born_on": "2024-05-01"}
    submitted = submission(needs=[BLIND, young])
    state = registers(None, "2026-11-23", needs=[BLIND, young]).state
    assert submission_of(state.registration).model_dump() == submitted.model_dump()
