"""Aspects: statements, and the facts that win."""

from datetime import date, timedelta
from typing import Any

import pytest

from shared.domain.aspects import (
    Profile,
    Statement,
    after_every_known_fact,
    after_last_day,
    assigned_supply_points,
    changed_aspects,
    facts_after,
    full_statement,
    no_longer_waiting,
    pending_last_day,
    point_fact,
    receipt_kind,
    submission_of,
    waiting,
    waits,
)
from shared.domain.changes import ChangeKind
from shared.domain.registration import Fact, Facts, PointFact, Status
from shared.domain.supply_points import Mpan, Mprn, SupplyPoints
from tests.support.registrations import (
    MPAN,
    MPAN_KEY,
    MPRN,
    MPRN_KEY,
    OTHER_KEY,
    OTHER_MPAN,
    fact,
    registered,
    submission,
)

ASPECTS = ("profile", "premises", "sharing", "status", "supply_points", "closing")
OLDER, FIRST, NEWER = (fact(day, "//s") for day in ("2026-11-22", "2026-11-23", "2026-11-24"))
NEWEST = fact("2026-11-25", "//s")
FACTS = Facts(
    profile=FIRST,
    premises=FIRST,
    sharing=FIRST,
    status=FIRST,
    supply_points=FIRST,
    points={MPAN_KEY: point_fact(FIRST, served=True)},
)
ALL = full_statement(submission())


def moved(facts: Facts, before: Facts = FACTS) -> set[str]:
    return {name for name in ASPECTS if getattr(facts, name) != getattr(before, name)}


def test_a_full_statement_is_about_every_aspect() -> None:
    submitted = submission(
        alternate_contact={"name": "Mr B Example", "relationship": "carer"},
        services={"language": "cy"},
        household={"can_top_up": False},
    )
    assert full_statement(submitted, lapsed=True) == Statement(
        profile=Profile(
            submitted.primary_contact,
            submitted.alternate_contact,
            submitted.needs,
            submitted.services,
            submitted.referral,
            submitted.household,
            lapsed=True,
        ),
        premises=submitted.premises,
        sharing=submitted.sharing,
        status=Status.ACTIVE,
        supply_points=submitted.supply_points,
    )
    assert ALL.profile is not None
    assert not ALL.profile.lapsed


def test_a_submission_of_a_registration_has_all_that_was_submitted() -> None:
    changes: dict[str, Any] = {
        "alternate_contact": {"name": "Mr B Example", "relationship": "carer"},
        "services": {"language": "cy", "nominee_receives_communications": True},
        "household": {"occupants": [{"birth_year": 1950}], "can_top_up": False},
        "needs": [{"code": "08", "note": "left eye"}, {"code": "29", "youngest_child_born_on": "2024-05-01"}],
    }
    found = submission_of(registered(**changes).registration)
    assert found.model_dump() == submission(**changes).model_dump()


@pytest.mark.parametrize(
    ("changes", "changed"),
    [
        pytest.param({}, set(), id="nothing"),
        pytest.param({"primary_contact": {"name": "B"}}, {"profile"}, id="contact"),
        pytest.param({"needs": [{"code": "02"}]}, {"profile"}, id="needs"),
        pytest.param({"services": {"language": "cy"}}, {"profile"}, id="services"),
        pytest.param({"household": {"can_top_up": False}}, {"profile"}, id="household"),
        pytest.param({"premises": {"postcode": "M1 1AE"}}, {"premises"}, id="premises"),
        pytest.param({"sharing": {"evidence": "call 2"}}, {"sharing"}, id="lawful basis"),
        pytest.param({"needs": []}, {"profile", "status"}, id="needs not known"),
        pytest.param({"supply_points": {"mprns": []}}, {"supply_points"}, id="a supply point less"),
        pytest.param({"supply_points": {"mpans": [MPAN, OTHER_MPAN]}}, {"supply_points"}, id="a supply point more"),
    ],
)
def test_only_the_aspects_that_differ_are_changed(changes: dict[str, Any], changed: set[str]) -> None:
    new = full_statement(submission(**changes))
    assert changed_aspects(new, ALL) == Statement(**{name: getattr(new, name) for name in changed})


def test_the_order_of_supply_points_is_no_difference() -> None:
    points = {"supply_points": {"mpans": [MPAN, OTHER_MPAN]}}
    turned = {"supply_points": {"mpans": [OTHER_MPAN, MPAN]}}
    assert changed_aspects(full_statement(submission(**points)), full_statement(submission(**turned))) == Statement()


def test_supply_points_differ_from_a_statement_without_them() -> None:
    assert changed_aspects(ALL, Statement()) == ALL
    assert changed_aspects(Statement(), ALL) == Statement()


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        pytest.param(OLDER, set(), id="an older fact loses"),
        pytest.param(FIRST, set(), id="the same fact loses"),
        pytest.param(NEWER, {"profile", "premises", "sharing", "status", "supply_points"}, id="a newer fact wins"),
    ],
)
def test_a_statement_wins_the_aspects_that_have_an_older_fact(stated: Fact, expected: set[str]) -> None:
    assert moved(facts_after(ALL, FACTS, stated)) == expected


def test_a_statement_wins_only_the_aspects_that_it_is_about() -> None:
    assert facts_after(Statement(), FACTS, NEWER) == FACTS
    for name in ("profile", "premises", "sharing", "status", "supply_points"):
        facts = facts_after(Statement(**{name: getattr(ALL, name)}), FACTS, NEWER)
        assert moved(facts) == {name}
        assert getattr(facts, name) == NEWER


def test_each_aspect_is_won_alone() -> None:
    mixed = FACTS.model_copy(update={"premises": NEWEST, "sharing": NEWEST})
    assert moved(facts_after(ALL, mixed, NEWER), mixed) == {"profile", "status", "supply_points"}


def served(*facts: Fact) -> dict[str, PointFact]:
    return {key: point_fact(one, served=True) for key, one in zip((MPAN_KEY, MPRN_KEY), facts, strict=False)}


@pytest.mark.parametrize(
    ("points", "stated", "expected"),
    [
        pytest.param(served(FIRST), NEWER, served(NEWER, NEWER), id="all get the fact of the list"),
        pytest.param(
            {OTHER_KEY: point_fact(FIRST, served=True)}, NEWER, served(NEWER, NEWER), id="one that it omits is gone"
        ),
        pytest.param(
            {MPAN_KEY: point_fact(NEWEST, served=False)},
            NEWER,
            {MPAN_KEY: point_fact(NEWEST, served=False), MPRN_KEY: point_fact(NEWER, served=True)},
            id="one with a newer fact keeps it",
        ),
        pytest.param(
            {OTHER_KEY: point_fact(NEWEST, served=True)},
            NEWER,
            {**served(NEWER, NEWER), OTHER_KEY: point_fact(NEWEST, served=True)},
            id="one that it omits, with a newer fact, stays",
        ),
        pytest.param(served(OLDER), OLDER, served(OLDER), id="a list that loses changes no supply point"),
    ],
)
def test_a_list_of_all_supply_points_replaces_older_facts(
    points: dict[str, PointFact], stated: Fact, expected: dict[str, PointFact]
) -> None:
    facts = FACTS.model_copy(update={"points": points})
    after = facts_after(Statement(supply_points=ALL.supply_points), facts, stated)
    assert after.points == expected
    assert list(after.points) == sorted(after.points)


@pytest.mark.parametrize(
    ("key", "stated", "wins"),
    [
        pytest.param(MPAN_KEY, OLDER, False, id="older than its own fact"),
        pytest.param(MPAN_KEY, FIRST, False, id="as old as its own fact"),
        pytest.param(MPAN_KEY, NEWER, True, id="newer than its own fact"),
        pytest.param(OTHER_KEY, OLDER, False, id="older than the list that omits it"),
        pytest.param(OTHER_KEY, NEWER, True, id="newer than the list that omits it"),
    ],
)
@pytest.mark.parametrize("serves", [True, False])
def test_a_single_supply_point_wins_over_older_facts(key: str, stated: Fact, *, wins: bool, serves: bool) -> None:
    after = facts_after(Statement(served={key: serves}), FACTS, stated)
    expected = {**FACTS.points, key: point_fact(stated, served=serves)} if wins else FACTS.points
    assert after == FACTS.model_copy(update={"points": expected})
    assert list(after.points) == sorted(after.points)


def test_a_single_supply_point_loses_against_its_own_newer_fact() -> None:
    facts = FACTS.model_copy(update={"points": served(NEWEST)})
    assert facts_after(Statement(served={MPAN_KEY: False}), facts, NEWER) == facts


def test_a_single_supply_point_next_to_a_list_of_all_loses_against_the_list() -> None:
    points = SupplyPoints(mpans=[Mpan(MPAN)])
    after = facts_after(Statement(supply_points=points, served={MPRN_KEY: True}), FACTS, NEWER)
    assert after.points == served(NEWER)
    assert facts_after(Statement(supply_points=points, served={MPRN_KEY: True}), FACTS, OLDER) == FACTS


LAST_DAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("closing", "statement", "stated", "expected"),
    [
        pytest.param(None, Statement(closes_on=LAST_DAY), NEWER, {"closing"}, id="a last day is announced"),
        pytest.param(None, Statement(closes_on=LAST_DAY), OLDER, {"closing"}, id="by an older fact, the first of all"),
        pytest.param(FIRST, Statement(closes_on=LAST_DAY), OLDER, set(), id="by an older fact than the one known"),
        pytest.param(None, Statement(status=Status.ENDED), NEWER, {"status", "closing"}, id="the account ended"),
        pytest.param(None, Statement(status=Status.ENDED), OLDER, set(), id="an end that comes too late"),
        pytest.param(
            OLDER, Statement(status=Status.ENDED), FIRST, {"closing"}, id="an end that cancels an announced last day"
        ),
        pytest.param(None, Statement(status=Status.WITHDRAWN), NEWER, {"status"}, id="withdrawn: no closing"),
    ],
)
def test_an_accounts_last_day_has_a_fact_of_its_own(
    closing: Fact | None, statement: Statement, stated: Fact, expected: set[str]
) -> None:
    before = FACTS.model_copy(update={"closing": closing})
    assert moved(facts_after(statement, before, stated), before) == expected


def test_a_point_fact_is_the_fact_with_whether_we_serve_it() -> None:
    assert point_fact(NEWER, served=False) == PointFact(time=NEWER.time, source="//s", id="1", served=False)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.ACTIVE, SupplyPoints(mpans=[Mpan(MPAN)], mprns=[Mprn(MPRN)])),
        (Status.PENDING, SupplyPoints(mpans=[Mpan(MPAN)], mprns=[Mprn(MPRN)])),
        (Status.WITHDRAWN, SupplyPoints()),
        (Status.ENDED, SupplyPoints()),
    ],
)
def test_a_live_registration_has_the_supply_points_that_are_served(status: Status, expected: SupplyPoints) -> None:
    points = {MPRN_KEY: point_fact(FIRST, served=True), MPAN_KEY: point_fact(FIRST, served=True)}
    points[OTHER_KEY] = point_fact(FIRST, served=False)
    assert assigned_supply_points(points, status) == expected


def test_supply_points_are_in_ascending_order() -> None:
    points = {key: point_fact(FIRST, served=True) for key in (OTHER_KEY, MPAN_KEY)}
    assert assigned_supply_points(points, Status.ACTIVE).mpans == [MPAN, OTHER_MPAN]


def test_a_supply_point_that_waits_is_not_assigned_until_its_message_is_applied_again() -> None:
    parked = waiting(FACTS, [MPAN_KEY], NEWER)
    assert assigned_supply_points(parked.points, Status.ACTIVE) == SupplyPoints()
    assert (waits(parked, NEWER), waits(FACTS, NEWER)) == (True, False)
    assert waits(parked, fact("2026-11-01", "//s")), "the message is known by source and id, not by its time"
    assert not waits(parked, fact("2026-11-24", "//t"))
    assert not waits(parked, fact("2026-11-24", "//s", "2"))
    assert no_longer_waiting(parked, NEWER) == FACTS
    assert no_longer_waiting(parked, fact("2026-11-24", "//t")) == parked


def test_only_the_supply_points_of_a_message_wait_for_it() -> None:
    both = FACTS.model_copy(update={"points": served(FIRST, NEWER)})
    one = waiting(both, [MPRN_KEY], NEWER)
    assert one.points[MPAN_KEY] == both.points[MPAN_KEY]
    two = waiting(one, [MPAN_KEY], fact("2026-11-24", "//t"))
    assert no_longer_waiting(two, NEWER).points[MPRN_KEY] == both.points[MPRN_KEY]
    assert no_longer_waiting(two, NEWER).points[MPAN_KEY].waiting


CLOSING = FACTS.model_copy(update={"closing": NEWER})


@pytest.mark.parametrize(
    ("facts", "closes_on", "day", "time"),
    [
        pytest.param(CLOSING, None, "2026-12-01", None, id="no last day"),
        pytest.param(FACTS, "2026-11-30", "2026-12-01", None, id="no closing"),
        pytest.param(CLOSING, "2026-11-30", "2026-11-29", None, id="the day before the last"),
        pytest.param(CLOSING, "2026-11-30", "2026-11-30", None, id="the last day"),
        pytest.param(CLOSING, "2026-11-30", "2026-12-01", "2026-12-01T00:00:00+00:00", id="the day after"),
        pytest.param(CLOSING, "2026-06-30", "2026-12-01", None, id="over before the status was stated"),
        pytest.param(CLOSING, "2027-06-30", "2027-07-01", "2027-06-30T23:00:00+00:00", id="a midnight in summer"),
    ],
)
def test_a_closing_counts_from_the_midnight_after_the_last_day(
    facts: Facts, closes_on: str | None, day: str, time: str | None
) -> None:
    last_day = date.fromisoformat(closes_on) if closes_on else None
    after = after_last_day(facts, last_day, date.fromisoformat(day))
    assert moved(after, facts) == ({"status"} if time else set())
    if time:
        assert (after.status.time.isoformat(), after.status.source) == (time, "//s")


def test_a_status_that_is_newer_than_the_midnight_after_the_last_day_wins() -> None:
    midnight = fact("2026-12-01").time.replace(hour=0)
    for source, wins in (("//r", True), ("//t", False)):
        status = Fact(time=midnight, source=source, id="1")
        after = after_last_day(CLOSING.model_copy(update={"status": status}), LAST_DAY, date(2026, 12, 1))
        assert (after.status != status) is wins


@pytest.mark.parametrize(
    ("closes_on", "status", "day", "pending"),
    [
        pytest.param(None, FIRST, "2026-11-29", False, id="none announced"),
        pytest.param("2026-11-30", FIRST, "2026-11-30", True, id="the last day itself"),
        pytest.param("2026-11-30", FIRST, "2026-12-01", True, id="over, and the end not applied yet"),
        pytest.param("2026-11-30", fact("2026-12-02"), "2026-12-01", False, id="over, and a newer status"),
        pytest.param("2026-11-30", fact("2026-12-02"), "2026-11-30", True, id="a newer status, before it is over"),
    ],
)
def test_a_last_day_is_pending_until_its_end_is_applied(
    closes_on: str | None, status: Fact, day: str, *, pending: bool
) -> None:
    last_day = date.fromisoformat(closes_on) if closes_on else None
    facts = CLOSING.model_copy(update={"status": status})
    assert pending_last_day(last_day, facts, date.fromisoformat(day)) == (last_day if pending else None)


OTHER_SOURCE = fact("2026-11-24", "//t")


@pytest.mark.parametrize(
    ("facts", "statement", "kind"),
    [
        pytest.param(FACTS, ALL, ChangeKind.STALE, id="its own source has newer facts"),
        pytest.param(
            FACTS.model_copy(update={"sharing": OTHER_SOURCE}), ALL, ChangeKind.SUPERSEDED, id="another source has one"
        ),
        pytest.param(
            FACTS.model_copy(update={"sharing": OTHER_SOURCE}),
            Statement(premises=ALL.premises),
            ChangeKind.STALE,
            id="another source, of an aspect that it is not about",
        ),
        pytest.param(FACTS, Statement(served={MPAN_KEY: True}), ChangeKind.STALE, id="a supply point of its source"),
        pytest.param(
            FACTS.model_copy(update={"points": {MPAN_KEY: point_fact(OTHER_SOURCE, served=True)}}),
            Statement(served={MPAN_KEY: True}),
            ChangeKind.SUPERSEDED,
            id="a supply point of another source",
        ),
        pytest.param(
            FACTS.model_copy(update={"supply_points": OTHER_SOURCE}),
            Statement(served={OTHER_KEY: False}),
            ChangeKind.SUPERSEDED,
            id="a supply point that the list of another source omits",
        ),
        pytest.param(
            FACTS.model_copy(update={"closing": OTHER_SOURCE}),
            Statement(closes_on=LAST_DAY),
            ChangeKind.SUPERSEDED,
            id="a last day of another source",
        ),
        pytest.param(FACTS, Statement(status=Status.ENDED), ChangeKind.STALE, id="an end without a known closing"),
        pytest.param(FACTS, Statement(), ChangeKind.STALE, id="nothing stated"),
    ],
)
def test_a_receipt_is_stale_if_only_its_own_source_was_newer(
    facts: Facts, statement: Statement, kind: ChangeKind
) -> None:
    assert receipt_kind(statement, facts, OLDER) is kind


@pytest.mark.parametrize("name", ["profile", "premises", "sharing", "status", "supply_points", "points"])
def test_a_callers_fact_is_newer_than_every_known_fact(name: str) -> None:
    known = registered()
    ahead = {name: {MPAN_KEY: point_fact(NEWEST, served=True)} if name == "points" else NEWEST}
    ahead_of_time = known.model_copy(update={"facts": known.facts.model_copy(update=ahead)})
    after = after_every_known_fact(NEWER, ahead_of_time)
    assert after == NEWER.model_copy(update={"time": NEWEST.time + timedelta(microseconds=1)})


def test_a_callers_fact_keeps_its_time_where_it_is_the_newest() -> None:
    assert after_every_known_fact(NEWER, registered()) == NEWER
