"""Records of the old platform: which one wins, and which needs stay."""

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.aspects import Statement
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision
from shared.domain.erasure import erased_state
from shared.domain.registration import Fact, RegistrationState, Status
from shared.domain.supply_point_conflicts import yield_supply_points
from shared.errors import InvalidContent
from shared.policy import Policy
from tests.support.registrations import (
    MPAN_KEY,
    MPRN_KEY,
    after_event,
    amended,
    codes,
    fact,
    migrated,
    moment,
    registered,
    warnings,
    withdrawn,
)

OLD_PLATFORM = "//old-platform"
RECORDED = datetime(2026, 11, 1, tzinfo=UTC)
BLIND, HEART = {"code": "08"}, {"code": "02"}
#: The supply points of a record whose registration has none.
ELSEWHERE = {MPAN_KEY: True, MPRN_KEY: True}


def old(day: str, fact_id: str = "1") -> Fact:
    return fact(day, OLD_PLATFORM, fact_id)


def review(state: RegistrationState) -> str:
    return state.registration.review_due_on.isoformat()


def test_a_record_registers_an_account_that_is_not_known() -> None:
    decision = migrated(None, old("2020-01-01"))
    known = decision.state
    assert (decision.kind, known.registration.version, codes(known)) == (ChangeKind.REGISTERED, 1, ["08"])
    assert (known.facts.profile, known.day) == (old("2020-01-01"), date(2026, 11, 23))
    assert (review(known), warnings(known)) == ("2028-02-07", [])


@pytest.mark.parametrize(
    ("ends_on", "expected", "warned"),
    [
        pytest.param("2026-11-23", ["02", "33"], [], id="today"),
        pytest.param("2026-11-22", ["02"], [("/needs", "need_already_ended")], id="yesterday"),
    ],
)
def test_needs_that_ended_before_a_record_came_are_left_out(
    ends_on: str, expected: list[str], warned: list[tuple[str, str]]
) -> None:
    needs = [HEART, {"code": "33", "ends_on": ends_on}]
    first = migrated(None, old("2026-01-01"), needs=needs).state
    assert (codes(first), warnings(first)) == (expected, warned)
    later = migrated(registered("2026-11-01"), old("2026-11-02"), needs=needs).state
    assert (codes(later), warnings(later)) == (expected, warned)


def test_needs_end_by_the_birthday_of_the_policy() -> None:
    needs = [{"code": "29", "youngest_child_born_on": "2021-06-01"}, HEART]
    assert codes(migrated(None, old("2026-01-01"), needs=needs).state) == ["02", "29"]
    fifth = Policy(young_child_until_birthday=5)
    assert codes(migrated(None, old("2026-01-01"), policy=fifth, needs=needs).state) == ["02"]


def test_a_record_whose_needs_have_all_ended_leaves_a_pending_registration() -> None:
    known = migrated(None, old("2026-01-01"), needs=[{"code": "33", "ends_on": "2026-02-01"}]).state
    assert (known.registration.status, known.registration.follow_up_on) == (Status.PENDING, date(2026, 12, 7))


def test_a_record_is_refused_for_dates_that_cannot_be() -> None:
    for known in (None, registered()):
        with pytest.raises(InvalidContent):
            migrated(known, old("2026-11-01"), sharing={"recorded_on": "2026-11-24"})


KNOWN = registered("2026-11-01")


@pytest.mark.usefixtures("retired")
def test_a_record_may_repeat_a_retired_need_and_not_add_one() -> None:
    assert codes(migrated(KNOWN, old("2026-11-02"), needs=[BLIND, HEART]).state) == ["02", "08"]
    with pytest.raises(InvalidContent):
        migrated(None, old("2026-11-02"), needs=[BLIND])


def test_a_newer_record_replaces_the_registration() -> None:
    known = registered("2026-11-01")
    after = migrated(known, old("2026-11-02"), needs=[HEART], primary_contact={"name": "B"}).state
    assert (codes(after), after.registration.primary_contact.name) == (["02"], "B")
    assert review(after) == "2027-08-08"


@pytest.mark.parametrize("needs", [[BLIND], [HEART]], ids=["24 months", "12 months"])
def test_the_order_and_repeats_of_records_do_not_move_the_review(needs: list[dict[str, str]]) -> None:
    older = Record("a", (("22", None),))
    newer = Record("b", tuple((need["code"], None) for need in [*needs, {"code": "22"}]), days=1)
    orders = [[older, newer], [newer, older], [older, newer, older, newer], [newer, newer, older], [newer]]
    assert len({review(after(*order)) for order in orders}) == 1


def test_a_customer_who_confirms_a_migrated_record_is_reviewed_a_full_interval_later() -> None:
    known = migrated(None, old("2026-01-01")).state
    assert review(amended(known, "2026-11-24", sharing={"evidence": "call 2"}).state) == "2028-11-24"


def test_a_newer_record_reactivates_an_account_that_was_erased() -> None:
    shell = erased_state(withdrawn(registered("2026-11-01"), "2026-11-02"), moment("2026-11-05").now)
    after = migrated(shell, old("2026-11-06")).state
    assert (after.registration.account_id, after.erased_on, codes(after)) == ("A-1000001", None, ["08"])


def test_a_record_from_before_an_erasure_changes_nothing() -> None:
    shell = erased_state(withdrawn(registered("2026-11-01"), "2026-11-02"), moment("2026-11-05").now)
    assert migrated(shell, old("2026-11-04")) == Decision(
        ChangeKind.SUPERSEDED, shell, receipt=True, elsewhere=ELSEWHERE
    )


def test_a_record_of_the_time_of_an_erasure_adds_no_needs() -> None:
    at = moment("2026-11-05").now
    shell = erased_state(withdrawn(registered("2026-11-01"), "2026-11-02"), at)
    before = Fact(time=at, source="//a", id="1")
    assert migrated(shell, before) == Decision(ChangeKind.SUPERSEDED, shell, receipt=True, elsewhere=ELSEWHERE)


@pytest.mark.parametrize(
    ("needs", "due_on"),
    [
        pytest.param([HEART], "2026-11-23", id="needs that the register lacks"),
        pytest.param([BLIND, HEART], "2026-11-23", id="those among needs that it has"),
        pytest.param([BLIND], "2028-11-10", id="needs that it has"),
        pytest.param([], "2028-11-10", id="no needs"),
    ],
)
def test_a_record_that_loses_makes_a_review_due_for_needs_that_the_register_lacks(
    needs: list[dict[str, str]], due_on: str
) -> None:
    known = registered("2026-11-10")
    after = migrated(known, old("2026-11-09"), needs=needs).state
    assert (codes(after), review(after)) == (["08"], due_on)


def test_a_record_that_wins_makes_no_review_due() -> None:
    assert review(migrated(registered("2026-11-10"), old("2026-11-11"), needs=[BLIND, HEART]).state) == "2027-08-08"


def test_a_record_that_loses_is_a_receipt_where_no_review_is_wanted() -> None:
    known = registered("2026-11-10")
    assert migrated(known, old("2026-11-09")) == Decision(ChangeKind.SUPERSEDED, known, receipt=True)
    gone = withdrawn(known, "2026-11-11")
    after_withdrawal = migrated(gone, old("2026-11-09"), needs=[HEART])
    assert after_withdrawal == Decision(ChangeKind.SUPERSEDED, gone, receipt=True, elsewhere=ELSEWHERE)


@pytest.mark.parametrize(
    ("day", "receipt"),
    [
        pytest.param("2028-11-09", False, id="the day before the review"),
        pytest.param("2028-11-10", True, id="the day of the review"),
        pytest.param("2028-11-11", True, id="the day after it"),
    ],
)
def test_a_review_that_is_due_is_not_asked_for_again(day: str, *, receipt: bool) -> None:
    decision = migrated(registered("2026-11-10"), old("2026-11-09"), day, needs=[HEART])
    assert decision.receipt is receipt


def test_a_record_that_waits_for_a_supply_point_makes_no_review_due_when_it_is_applied_again() -> None:
    recorded, known = old("2026-11-12"), registered("2026-11-10", supply_points={"mprns": []})
    decision = migrated(known, recorded, needs=[HEART])
    waits = yield_supply_points(decision, known, newer=[], older=[MPRN_KEY], fact=recorded).state
    needs_changed = amended(waits, "2026-11-24", needs=[BLIND]).state
    again = migrated(needs_changed, recorded, "2026-11-25", needs=[HEART]).state
    assert (sorted(again.registration.assigned()), codes(again)) == ([MPAN_KEY, MPRN_KEY], ["08"])
    assert review(again) == review(needs_changed)


class Record(NamedTuple):
    """A record of the old platform at a time: contact name and needs by code, each with its end."""

    event_id: str
    needs: tuple[tuple[str, str | None], ...]
    name: str = "Mrs A Example"
    days: int = 0


def apply_record(record: Record, known: RegistrationState | None) -> Decision:
    recorded = Fact(time=RECORDED + timedelta(days=record.days), source=OLD_PLATFORM, id=record.event_id)
    needs = [{"code": code, "ends_on": ends_on} for code, ends_on in record.needs]
    return migrated(known, recorded, "2026-11-24", needs=needs, primary_contact={"name": record.name})


def after(*records: Record) -> RegistrationState:
    known: RegistrationState | None = None
    for record in records:
        known = apply_record(record, known).state
    assert known is not None
    return known


def needs_of(state: RegistrationState) -> list[tuple[str, str | None]]:
    return [(str(need.code), need.ends_on.isoformat() if need.ends_on else None) for need in state.registration.needs]


BOTH_ORDERS = list(itertools.permutations([Record("a", (("02", None),)), Record("b", (("08", None),))]))


@pytest.mark.parametrize("records", BOTH_ORDERS)
def test_records_of_one_time_keep_the_needs_of_both_and_make_a_review_due(records: tuple[Record, ...]) -> None:
    state = after(*records)
    assert needs_of(state) == [("02", None), ("08", None)]
    assert review(state) == "2026-11-24"


def test_records_of_one_time_that_differ_only_in_the_contact_make_a_review_due() -> None:
    state = after(Record("a", (("02", None),)), Record("b", (("02", None),), name="Mr B Example"))
    assert (needs_of(state), state.registration.primary_contact.name) == ([("02", None)], "Mr B Example")
    assert review(state) == "2026-11-24"


@pytest.mark.parametrize("ids", ["ab", "ba"])
def test_records_of_one_time_that_differ_only_in_sharing_make_a_review_due(ids: str) -> None:
    nothing = {"basis": "none", "article_6_basis": None, "capture": None}
    first, second = (Fact(time=RECORDED, source=OLD_PLATFORM, id=name) for name in ids)
    known = migrated(migrated(None, first).state, second, sharing=nothing).state
    assert review(known) == "2026-11-23"
    asked = amended(known, "2026-11-24", sharing={"evidence": "call 2"}).state
    third = Fact(time=RECORDED, source=OLD_PLATFORM, id="0")
    assert migrated(asked, third, "2026-11-25", sharing=nothing).receipt, "what the customer said since is not in doubt"


@pytest.mark.parametrize("day", ["2027-08-09", "2027-08-10"])
def test_records_of_one_time_do_not_ask_again_for_a_review_that_is_due(day: str) -> None:
    known = after(Record("b", (("02", None),)))
    earlier = Fact(time=RECORDED, source=OLD_PLATFORM, id="a")
    decision = migrated(known, earlier, day, needs=[HEART], primary_contact={"name": "Mr B Example"})
    assert decision == Decision(ChangeKind.STALE, known, receipt=True)


@pytest.mark.parametrize("records", list(itertools.permutations([Record("b", ()), Record("a", (("02", None),))])))
def test_a_record_without_needs_removes_none(records: tuple[Record, ...]) -> None:
    state = after(*records)
    assert (state.registration.status, needs_of(state)) == (Status.ACTIVE, [("02", None)])
    assert state.registration.follow_up_on is None


@pytest.mark.parametrize(
    ("one", "other", "stays"),
    [
        (("33", "2027-01-31"), ("33", "2027-03-31"), ("33", "2027-03-31")),
        (("22", "2027-01-31"), ("22", None), ("22", None)),
    ],
)
def test_of_two_ends_the_later_one_stays(
    one: tuple[str, str | None], other: tuple[str, str | None], stays: tuple[str, str | None]
) -> None:
    for first, second in itertools.permutations(("a", "b")):
        assert needs_of(after(Record(first, (one,)), Record(second, (other,)))) == [stays]
        assert needs_of(after(Record(first, (other,)), Record(second, (one,)))) == [stays]


def test_the_same_content_under_another_id_changes_nothing() -> None:
    known = after(Record("b", (("02", None),)))
    again = apply_record(Record("c", (("02", None),)), known)
    earlier = apply_record(Record("a", (("02", None),)), known)
    assert (again.kind, earlier.kind) == (ChangeKind.NO_CHANGE, ChangeKind.STALE)
    assert review(again.state) == review(known) == "2027-08-09"


def test_the_same_record_again_changes_nothing() -> None:
    known = after(Record("b", (("02", None),)))
    changed = amended(known, "2026-11-24", primary_contact={"name": "B"}).state
    again = apply_record(Record("b", (("02", None),)), known)
    assert again == Decision(ChangeKind.STALE, known, receipt=True)
    assert apply_record(Record("b", (("02", None),)), changed).receipt


def test_a_repeat_of_the_record_that_won_asks_for_no_second_review() -> None:
    both = after(*BOTH_ORDERS[0])
    reviewed = amended(both, "2026-11-24", sharing={"evidence": "call 2"}).state
    assert (review(both), review(reviewed)) == ("2026-11-24", "2027-11-24")
    assert apply_record(BOTH_ORDERS[0][1], reviewed).state == reviewed


def test_a_newer_record_still_replaces_the_needs() -> None:
    tied = [Record("a", (("02", None),)), Record("b", (("08", None),))]
    newer = Record("0", (("22", None),), days=1)
    for order in itertools.permutations([*tied, newer]):
        assert needs_of(after(*order)) == [("22", None)]


def test_needs_are_added_even_where_a_review_is_due_already() -> None:
    records = [Record(event_id, ((code, None),)) for event_id, code in (("c", "02"), ("b", "08"), ("a", "22"))]
    for order in itertools.permutations(records):
        assert [code for code, _ in needs_of(after(*order))] == ["02", "08", "22"]


def test_a_record_of_the_time_of_another_source_adds_its_needs() -> None:
    known = after_event(registered("2026-11-01"), Statement(review=True), "2026-11-02").state
    one = migrated(known, Fact(time=RECORDED + timedelta(days=1), source="//a", id="1"), needs=[HEART]).state
    both = migrated(one, Fact(time=RECORDED + timedelta(days=1), source="//b", id="1"), needs=[BLIND]).state
    assert (codes(one), codes(both)) == (["02"], ["02", "08"])


_NEEDS = st.dictionaries(
    st.sampled_from(["02", "08", "22"]), st.sampled_from([None, "2027-01-31", "2027-03-31"]), max_size=3
)
_RECORDS = st.lists(st.tuples(_NEEDS, st.sampled_from("ABC"), st.integers(0, 1)), min_size=2, max_size=4).map(
    lambda drawn: [Record(str(n), tuple(needs.items()), name, days) for n, (needs, name, days) in enumerate(drawn)]
)


@settings(deadline=None)
@given(_RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(records: list[Record], chance: Any) -> None:
    shuffled = [*records, *chance.choices(records, k=2)]
    chance.shuffle(shuffled)
    one, other = after(*records), after(*shuffled)
    assert needs_of(one) == needs_of(other)
    assert one.registration.primary_contact == other.registration.primary_contact
    assert (one.registration.status, one.facts) == (other.registration.status, other.facts)
