"""A statement applied to a registration: the aspects that it wins, and the decision."""

from datetime import date
from typing import Any

import pytest

from shared.domain.aspects import Statement, full_statement
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Address
from shared.domain.decision import Decision
from shared.domain.household import Household
from shared.domain.registration import Fact, Notice, RegistrationState, Status
from shared.domain.services import Services
from shared.domain.sharing import Article9Condition, Sharing
from shared.domain.statements import apply_statement
from shared.domain.supply_point_conflicts import yield_supply_points
from shared.domain.supply_points import Mpan, Mprn, SupplyPoints
from shared.errors import InvalidContent
from shared.policy import Policy
from tests.support.registrations import (
    MPAN,
    MPAN_KEY,
    MPRN,
    MPRN_KEY,
    OTHER_KEY,
    OTHER_MPAN,
    POLICY,
    codes,
    fact,
    moment,
    mpans,
    registered,
    submission,
    warnings,
    withdrawn,
)

KNOWN = registered()
EVENT, OLD_EVENT = fact("2026-11-24", "//accounts"), fact("2026-11-22", "//accounts")
DELETES = Policy(delete_on_supply_lost=True)
ELSEWHERE = Address(address_lines=["2 New Street"], postcode="M1 1AE")


def apply(
    statement: Statement,
    known: RegistrationState = KNOWN,
    *,
    stated: Fact = EVENT,
    day: str = "2026-11-25",
    policy: Policy = POLICY,
) -> Decision:
    return apply_statement(statement, known, moment(day), stated, policy)


def fields(decision: Decision, known: RegistrationState = KNOWN) -> dict[str, Any]:
    """The fields of a registration that a decision changed."""
    before, after = dict(known.registration), dict(decision.state.registration)
    return {name: after[name] for name in after if after[name] != before[name]}


STAMP = {"version": 2, "updated_at": moment("2026-11-25").now}


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        pytest.param(Statement(premises=ELSEWHERE), {"premises": ELSEWHERE}, id="premises"),
        pytest.param(
            Statement(sharing=Sharing(basis=Article9Condition.NONE, recorded_on=date(2026, 11, 24), evidence="call 2")),
            {"sharing": Sharing(basis=Article9Condition.NONE, recorded_on=date(2026, 11, 24), evidence="call 2")},
            id="lawful basis",
        ),
        pytest.param(
            Statement(status=Status.WITHDRAWN),
            {"status": Status.WITHDRAWN, "supply_points": SupplyPoints()},
            id="status",
        ),
        pytest.param(
            Statement(supply_points=SupplyPoints(mpans=[Mpan(OTHER_MPAN)])),
            {"supply_points": SupplyPoints(mpans=[Mpan(OTHER_MPAN)])},
            id="all supply points",
        ),
        pytest.param(
            Statement(served={OTHER_KEY: True, MPRN_KEY: False}),
            {"supply_points": SupplyPoints(mpans=[Mpan(MPAN), Mpan(OTHER_MPAN)])},
            id="single supply points",
        ),
        pytest.param(
            Statement(closes_on=date(2026, 11, 30)), {"closes_on": date(2026, 11, 30)}, id="an account's last day"
        ),
        pytest.param(Statement(review=True), {"review_due_on": date(2026, 11, 25)}, id="a review"),
        pytest.param(
            Statement(premises=ELSEWHERE, confirmed=True),
            {"premises": ELSEWHERE, "review_due_on": date(2028, 11, 25)},
            id="a review that was done",
        ),
    ],
)
def test_a_statement_changes_the_aspects_that_it_wins(statement: Statement, changed: dict[str, Any]) -> None:
    decision = apply(statement)
    assert fields(decision) == {**STAMP, **changed}
    assert decision.state.day == date(2026, 11, 25)


def test_a_profile_that_wins_replaces_people_needs_services_and_household() -> None:
    submitted = submission(
        primary_contact={"name": "Mr B Example"},
        alternate_contact={"name": "Ms C Example", "relationship": "carer"},
        needs=[{"code": "02", "note": "at home"}],
        services={"language": "cy"},
        household={"can_top_up": False},
    )
    decision = apply(Statement(profile=full_statement(submitted).profile))
    assert decision.kind is ChangeKind.AMENDED
    assert fields(decision) == {
        **STAMP,
        "primary_contact": submitted.primary_contact,
        "alternate_contact": submitted.alternate_contact,
        "needs": decision.state.registration.needs,
        "services": Services(language="cy"),
        "household": Household(can_top_up=False),
        "review_due_on": date(2027, 11, 25),
    }
    (need,) = decision.state.registration.needs
    assert (need.submitted, need.starts_on) == (submitted.needs[0], date(2026, 11, 25))


@pytest.mark.parametrize(
    "statement",
    [
        full_statement(submission(primary_contact={"name": "B"}, premises={"postcode": "M1 1AE"})),
        Statement(status=Status.ENDED),
        Statement(served={MPAN_KEY: False}),
        Statement(),
    ],
    ids=["all aspects", "an end", "a loss", "nothing"],
)
def test_a_statement_that_wins_nothing_is_a_receipt(statement: Statement) -> None:
    decision = apply(statement, stated=OLD_EVENT)
    assert decision.receipt
    assert decision.state == KNOWN
    assert (decision.lost, decision.elsewhere) == (frozenset(), {})


OTHER = submission(
    primary_contact={"name": "B"},
    premises={"postcode": "M1 1AE"},
    sharing={"evidence": "call 2"},
    supply_points={"mprns": []},
)


@pytest.mark.parametrize(
    ("aspect", "changed"),
    [
        ("profile", {"primary_contact": OTHER.primary_contact}),
        ("premises", {"premises": OTHER.premises}),
        ("sharing", {"sharing": OTHER.sharing}),
        ("status", {"status": Status.WITHDRAWN, "supply_points": SupplyPoints()}),
        ("closing", {"closes_on": date(2026, 12, 31)}),
    ],
)
def test_an_older_statement_wins_only_the_aspect_with_a_fact_older_still(
    aspect: str, changed: dict[str, object]
) -> None:
    ahead = {name: fact("2026-11-24") for name in ("profile", "premises", "sharing", "status", "closing")}
    facts = KNOWN.facts.model_copy(update={**ahead, aspect: fact("2026-11-01")})
    statement = full_statement(OTHER)._replace(status=Status.WITHDRAWN, closes_on=date(2026, 12, 31))
    decision = apply(statement, KNOWN.model_copy(update={"facts": facts}), stated=OLD_EVENT)
    assert fields(decision) == {**STAMP, **changed}
    assert decision.state.facts == facts.model_copy(update={aspect: OLD_EVENT})


@pytest.mark.parametrize(("until", "ends_on"), [(5, "2029-05-01"), (6, "2030-05-01")])
def test_the_policy_says_when_a_family_has_no_young_children_any_more(until: int, ends_on: str) -> None:
    young = submission(needs=[{"code": "29", "youngest_child_born_on": "2024-05-01"}])
    (need,) = apply(full_statement(young), policy=Policy(young_child_until_birthday=until)).state.registration.needs
    assert need.ends_on == date.fromisoformat(ends_on)


def test_a_statement_of_the_same_content_only_moves_the_facts() -> None:
    decision = apply(full_statement(submission()))
    assert (decision.kind, decision.receipt, fields(decision)) == (ChangeKind.NO_CHANGE, False, {})
    assert (decision.state.facts.profile, decision.state.day) == (EVENT, date(2026, 11, 25))


def test_needs_hold_even_if_the_profile_loses() -> None:
    both = submission(needs=[{"code": "02"}, {"code": "08"}])
    statement = Statement(profile=full_statement(submission()).profile, needs=both.needs)
    decision = apply(statement, stated=OLD_EVENT)
    assert codes(decision.state) == ["02", "08"]
    assert [need.starts_on.day for need in decision.state.registration.needs] == [25, 23]


def test_a_need_starts_again_where_the_registration_was_not_live() -> None:
    gone = withdrawn(KNOWN, "2026-11-24")
    decision = apply(full_statement(submission()), gone, stated=fact("2026-11-25"), day="2026-11-26")
    assert decision.kind is ChangeKind.REGISTERED
    assert [need.starts_on.day for need in decision.state.registration.needs] == [26]
    assert (decision.state.ended_on, len(decision.state.former)) == (None, 1)


def test_a_status_follows_the_needs() -> None:
    pending = apply(Statement(profile=full_statement(submission(needs=[])).profile)).state
    assert (pending.registration.status, pending.registration.follow_up_on) == (Status.PENDING, date(2026, 12, 9))
    active = apply(full_statement(submission()), pending, stated=fact("2026-11-25"), day="2026-11-26").state
    assert (active.registration.status, active.registration.follow_up_on) == (Status.ACTIVE, None)


@pytest.mark.parametrize(
    ("closes_on", "status", "pending"),
    [
        pytest.param("2026-11-26", Status.ACTIVE, "2026-11-26", id="tomorrow"),
        pytest.param("2026-11-25", Status.ACTIVE, "2026-11-25", id="today"),
        pytest.param("2026-11-24", Status.ENDED, None, id="yesterday"),
        pytest.param("2026-11-22", Status.ACTIVE, None, id="before the registration"),
    ],
)
def test_a_last_day_that_is_over_ends_the_registration_at_once(
    closes_on: str, status: Status, pending: str | None
) -> None:
    decision = apply(Statement(closes_on=date.fromisoformat(closes_on)))
    after = decision.state.registration
    assert (after.status, after.closes_on and after.closes_on.isoformat()) == (status, pending)
    assert (decision.state.ended_on == date(2026, 11, 25)) is (status is Status.ENDED)


def test_a_last_day_leaves_the_status_that_comes_with_it() -> None:
    statement = Statement(closes_on=date(2026, 11, 30), status=Status.ACTIVE)
    assert apply(statement).state.registration.status is Status.ACTIVE


def test_a_newer_last_day_replaces_the_one_announced() -> None:
    closing = apply(Statement(closes_on=date(2026, 11, 30))).state
    later = apply(Statement(closes_on=date(2026, 12, 15)), closing, stated=fact("2026-11-25", "//accounts")).state
    older = apply(Statement(closes_on=date(2026, 12, 15)), closing, stated=OLD_EVENT)
    assert later.registration.closes_on == date(2026, 12, 15)
    assert (older.receipt, older.state) == (True, closing)
    other = apply(Statement(premises=ELSEWHERE), closing, stated=fact("2026-11-25", "//accounts")).state
    assert other.registration.closes_on == date(2026, 11, 30)


def test_an_end_cancels_the_last_day_announced() -> None:
    closing = apply(Statement(closes_on=date(2026, 11, 30))).state
    ended = apply(Statement(status=Status.ENDED), closing, stated=fact("2026-11-25", "//accounts")).state
    assert (ended.registration.status, ended.registration.closes_on) == (Status.ENDED, None)
    assert ended.facts.closing == fact("2026-11-25", "//accounts")


def test_too_many_supply_points_are_refused() -> None:
    known = registered(supply_points={"mpans": mpans(20)})
    with pytest.raises(InvalidContent):
        apply(Statement(served={MPAN_KEY: True}), known)


@pytest.mark.parametrize(
    ("policy", "served", "lost"),
    [
        pytest.param(POLICY, {MPAN_KEY: False}, {MPAN_KEY}, id="a loss"),
        pytest.param(POLICY, {MPAN_KEY: False, OTHER_KEY: False}, {MPAN_KEY}, id="a loss of another's, too"),
        pytest.param(POLICY, {OTHER_KEY: True}, set(), id="a gain"),
        pytest.param(POLICY, {MPAN_KEY: True}, set(), id="as it was"),
        pytest.param(DELETES, {MPAN_KEY: False}, set(), id="networks delete what is lost"),
    ],
)
def test_a_supply_point_that_a_statement_takes_away_is_lost(
    policy: Policy, served: dict[str, bool], lost: set[str]
) -> None:
    assert apply(Statement(served=served), policy=policy).lost == lost


def test_a_supply_point_that_is_only_not_listed_is_not_lost() -> None:
    statement = Statement(supply_points=SupplyPoints(mpans=[Mpan(OTHER_MPAN)]), served={MPRN_KEY: True})
    assert apply(statement).lost == frozenset()
    assert apply(Statement(status=Status.ENDED, served={MPAN_KEY: False})).lost == {MPAN_KEY}


@pytest.mark.parametrize(
    ("policy", "statement", "stated", "elsewhere"),
    [
        pytest.param(POLICY, Statement(served={OTHER_KEY: False}), EVENT, {OTHER_KEY: False}, id="another's loss"),
        pytest.param(POLICY, Statement(served={OTHER_KEY: True}), EVENT, {}, id="a gain"),
        pytest.param(POLICY, Statement(served={MPAN_KEY: False}), EVENT, {}, id="a loss"),
        pytest.param(
            POLICY, Statement(served={OTHER_KEY: True}), OLD_EVENT, {OTHER_KEY: True}, id="a gain that comes too late"
        ),
        pytest.param(
            POLICY,
            Statement(supply_points=SupplyPoints(mpans=[Mpan(OTHER_MPAN)], mprns=[Mprn(MPRN)])),
            OLD_EVENT,
            {OTHER_KEY: True},
            id="a list that comes too late",
        ),
        pytest.param(
            POLICY,
            Statement(supply_points=SupplyPoints(mpans=[Mpan(OTHER_MPAN)]), served={OTHER_KEY: False}),
            OLD_EVENT,
            {OTHER_KEY: False},
            id="single supply points count before a list",
        ),
        pytest.param(DELETES, Statement(served={OTHER_KEY: False}), EVENT, {}, id="networks delete what is lost"),
        pytest.param(DELETES, Statement(served={OTHER_KEY: True}), OLD_EVENT, {}, id="the same of a receipt"),
    ],
)
def test_supply_points_that_are_not_the_registrations_are_elsewhere(
    policy: Policy, statement: Statement, stated: Fact, elsewhere: dict[str, bool]
) -> None:
    assert apply(statement, stated=stated, policy=policy).elsewhere == elsewhere


def test_a_message_that_is_applied_again_takes_the_supply_points_that_waited() -> None:
    statement = Statement(served={OTHER_KEY: True})
    waits = yield_supply_points(apply(statement), KNOWN, newer=[], older=[OTHER_KEY], fact=EVENT).state
    assert (OTHER_KEY in waits.registration.assigned(), warnings(waits)) == (
        False,
        [("/supply_points", "supply_point_waiting")],
    )
    again = apply(statement, waits).state
    assert (OTHER_KEY in again.registration.assigned(), warnings(again)) == (True, [])


def test_warnings_are_made_from_the_registration_after() -> None:
    unknown = "9799900001003"
    decision = apply(Statement(supply_points=SupplyPoints(mpans=[Mpan(unknown)])))
    assert decision.state.registration.warnings == [
        Notice(pointer="/supply_points/mpans/0", code="distributor_unknown")
    ]
