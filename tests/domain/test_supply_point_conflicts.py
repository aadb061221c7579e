"""Supply points that two registrations claim. The order of messages: tests/store and tests/messages."""

from datetime import date, datetime, timedelta

import pytest

from shared.domain.aspects import Statement, waits
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision
from shared.domain.registration import Fact, RegistrationState, Status
from shared.domain.supply_point_conflicts import after_former_holders, yield_supply_points
from shared.domain.supply_points import Mpan, SupplyPoints
from tests.support.registrations import (
    MPAN,
    MPAN_KEY,
    MPRN_KEY,
    OTHER_KEY,
    OTHER_MPAN,
    after_event,
    amended,
    fact,
    migrated,
    on_day,
    registered,
    warnings,
)

EVENT = fact("2026-11-24", "//accounts")
GAIN = Statement(served={OTHER_KEY: True})
WAITING = ("/supply_points", "supply_point_waiting")


def gains(known: RegistrationState, day: str = "2026-11-25") -> Decision:
    return after_event(known, GAIN, day, stated=EVENT)


def points(state: RegistrationState) -> list[str]:
    return sorted(state.registration.assigned())


def test_a_supply_point_that_another_has_by_a_newer_fact_is_not_taken_and_a_review_is_due() -> None:
    decision = migrated(None, EVENT)
    after = yield_supply_points(decision, None, newer=[MPAN_KEY], older=[], fact=EVENT)
    assert (after.kind, after.waiting, points(after.state)) == (ChangeKind.REGISTERED, frozenset(), [MPRN_KEY])
    assert after.state.facts.points[MPAN_KEY] == decision.state.facts.points[MPAN_KEY].model_copy(
        update={"served": False}
    )
    assert (after.state.registration.review_due_on, warnings(after.state)) == (date(2026, 11, 23), [])


def test_a_supply_point_that_another_has_by_an_older_fact_waits_and_no_review_is_due() -> None:
    decision = migrated(None, EVENT)
    after = yield_supply_points(decision, None, newer=[], older=[MPAN_KEY], fact=EVENT)
    assert (after.waiting, points(after.state), warnings(after.state)) == (frozenset({MPAN_KEY}), [MPRN_KEY], [WAITING])
    assert waits(after.state.facts, EVENT)
    assert after.state.registration.review_due_on == decision.state.registration.review_due_on


def test_a_review_that_is_due_stays_due() -> None:
    known = on_day(registered(), "2028-11-23").state
    decision = gains(known, "2028-12-01")
    after = yield_supply_points(decision, known, newer=[OTHER_KEY], older=[], fact=EVENT)
    assert after.state.registration.review_due_on == date(2028, 11, 23)


def test_the_rest_of_the_decision_is_applied() -> None:
    known = registered()
    statement = GAIN._replace(served={OTHER_KEY: True, MPRN_KEY: False})
    decision = after_event(known, statement, "2026-11-25", stated=EVENT)
    after = yield_supply_points(decision, known, newer=[], older=[OTHER_KEY], fact=EVENT)
    assert (after.kind, after.lost, points(after.state)) == (ChangeKind.AMENDED, frozenset({MPRN_KEY}), [MPAN_KEY])
    assert after.state.registration.version == 2


def test_a_decision_that_yields_all_that_it_changed_makes_no_version() -> None:
    known = on_day(registered(), "2028-11-23").state
    after = yield_supply_points(gains(known, "2028-12-01"), known, newer=[OTHER_KEY], older=[], fact=EVENT)
    assert (after.kind, after.state.registration) == (ChangeKind.NO_CHANGE, known.registration)
    assert not after.state.facts.points[OTHER_KEY].served
    assert after.state.day == date(2028, 12, 1)


def test_a_decision_that_makes_a_review_due_makes_a_version() -> None:
    known = registered()
    after = yield_supply_points(gains(known), known, newer=[OTHER_KEY], older=[], fact=EVENT)
    assert (after.kind, after.state.registration.version) == (ChangeKind.AMENDED, 2)
    assert (points(after.state), after.state.registration.review_due_on) == ([MPAN_KEY, MPRN_KEY], date(2026, 11, 25))


def test_notices_about_needs_and_dates_stay() -> None:
    needs = [{"code": "33", "ends_on": "2026-11-01"}]
    known = migrated(None, fact("2026-10-01", "//old-platform"), needs=needs).state
    due = on_day(known, "2028-11-23").state
    after = yield_supply_points(gains(due, "2028-12-01"), due, newer=[], older=[OTHER_KEY], fact=EVENT).state
    assert warnings(after) == [
        WAITING,
        ("/needs", "need_already_ended"),
        ("/review_due_on", "date_passed"),
        ("/follow_up_on", "date_passed"),
    ]


def test_notices_about_supply_points_are_made_again() -> None:
    unknown = "9799900001003"
    known = registered(supply_points={"mpans": [unknown], "mprns": []})
    assert warnings(known) == [("/supply_points/mpans/0", "distributor_unknown")]
    decision = after_event(known, GAIN._replace(served={MPAN_KEY: True}), "2026-11-25", stated=EVENT)
    after = yield_supply_points(decision, known, newer=[f"mpan:{unknown}"], older=[], fact=EVENT).state
    assert after.registration.supply_points == SupplyPoints(mpans=[Mpan(MPAN)])
    assert warnings(after) == []


def test_a_registration_that_is_not_live_has_no_warning_about_waiting() -> None:
    decision = migrated(None, EVENT)
    gone = decision.state.registration.model_copy(update={"status": Status.ENDED})
    ended = decision._replace(state=decision.state.model_copy(update={"registration": gone}))
    after = yield_supply_points(ended, None, newer=[], older=[MPAN_KEY], fact=EVENT).state
    assert (points(after), after.registration.warnings) == ([], [])


@pytest.mark.parametrize(
    ("former", "time"),
    [
        pytest.param(fact("2026-11-30", "//accounts"), fact("2026-11-30").time, id="newer"),
        pytest.param(fact("2026-11-01", "//accounts"), None, id="older"),
    ],
)
def test_a_callers_supply_points_get_facts_newer_than_those_of_former_holders(
    former: Fact, time: datetime | None
) -> None:
    decision = amended(registered(), "2026-11-25", supply_points={"mpans": [MPAN, OTHER_MPAN]})
    after = after_former_holders(decision, {OTHER_KEY: former})
    before = decision.state.facts.points[OTHER_KEY]
    raised = before.model_copy(update={"time": time + timedelta(microseconds=1)}) if time else before
    assert after.state.facts.points == {**decision.state.facts.points, OTHER_KEY: raised}
    assert after == decision._replace(state=after.state)
    assert after.state.registration == decision.state.registration


def test_no_former_holders_change_nothing() -> None:
    decision = amended(registered(), "2026-11-25", premises={"postcode": "M1 1AE"})
    assert after_former_holders(decision, {}) == decision
