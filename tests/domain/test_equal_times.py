"""Records of one account and one time: no need is lost, in whatever order they come."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import migration
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, Moment
from shared.domain.registration import Fact, RegistrationId, RegistrationInput, RegistrationState, Status
from shared.policy import Policy

POLICY = Policy()
ID = RegistrationId("00000000-0000-8000-8000-000000000000")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
RECORDED = datetime(2026, 11, 1, tzinfo=UTC)


class Record(NamedTuple):
    """What the old platform said at a time: contact name and needs by code, each with its end."""

    event_id: str
    needs: tuple[tuple[str, str | None], ...]
    name: str = "Mrs A Example"
    days: int = 0

    @property
    def told(self) -> RegistrationInput:
        whole = {
            "account_id": "A-1000001",
            "status": "active" if self.needs else "pending",
            "supply_points": {"mpans": ["1000999001019"]},
            "premises": {"address_lines": ["1 Test Street"], "postcode": "BS1 4DJ"},
            "primary_contact": {"name": self.name},
            "needs": [{"code": code, "ends_on": ends_on} for code, ends_on in self.needs],
            "sharing": {"basis": "explicit_consent", "recorded_on": "2026-10-01", "evidence": "call 4711"},
        }
        return RegistrationInput.model_validate_json(json.dumps(whole))


def migrate(record: Record, known: RegistrationState | None) -> Decision:
    fact = Fact(time=RECORDED + timedelta(days=record.days), source="//old-platform", id=record.event_id)
    moment = Moment(NOW, NOW.date())
    return migration.migrate(record.told, known, ID, moment=moment, fact=fact, policy=POLICY)


def after(*records: Record) -> RegistrationState:
    known: RegistrationState | None = None
    for record in records:
        known = migrate(record, known).state
    assert known is not None
    return known


def needs_of(state: RegistrationState) -> list[tuple[str, str | None]]:
    return [(str(need.code), need.ends_on and need.ends_on.isoformat()) for need in state.registration.needs]


@pytest.mark.parametrize(
    "records", list(itertools.permutations([Record("a", (("02", None),)), Record("b", (("08", None),))]))
)
def test_both_needs_stay_and_a_review_is_due(records: tuple[Record, ...]) -> None:
    state = after(*records)
    assert needs_of(state) == [("02", None), ("08", None)]
    assert state.registration.review_due_on == NOW.date()


@pytest.mark.parametrize("records", list(itertools.permutations([Record("b", ()), Record("a", (("02", None),))])))
def test_a_record_without_needs_takes_none_away(records: tuple[Record, ...]) -> None:
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
    again = migrate(Record("c", (("02", None),)), known)
    earlier = migrate(Record("a", (("02", None),)), known)
    assert (again.kind, earlier.kind) == (ChangeKind.NO_CHANGE, ChangeKind.STALE)
    assert again.state.registration.review_due_on == known.registration.review_due_on > date(2027, 1, 1)


def test_a_newer_record_still_replaces_the_needs() -> None:
    tied = [Record("a", (("02", None),)), Record("b", (("08", None),))]
    newer = Record("0", (("22", None),), days=1)
    for order in itertools.permutations([*tied, newer]):
        assert needs_of(after(*order)) == [("22", None)]


def test_needs_are_added_even_where_a_review_is_due_already() -> None:
    records = [Record(event_id, ((code, None),)) for event_id, code in (("c", "02"), ("b", "08"), ("a", "22"))]
    for order in itertools.permutations(records):
        assert [code for code, _ in needs_of(after(*order))] == ["02", "08", "22"]


_NEEDS = st.dictionaries(
    st.sampled_from(["02", "08", "22"]), st.sampled_from([None, "2027-01-31", "2027-03-31"]), max_size=3
)
_RECORDS = st.lists(st.tuples(_NEEDS, st.sampled_from("ABC"), st.integers(0, 1)), min_size=2, max_size=4).map(
    lambda drawn: [Record(str(n), tuple(needs.items()), name, days) for n, (needs, name, days) in enumerate(drawn)]
)


@given(_RECORDS, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(records: list[Record], chance: Any) -> None:
    shuffled = [*records, *chance.choices(records, k=2)]
    chance.shuffle(shuffled)
    one, other = after(*records), after(*shuffled)
    assert needs_of(one) == needs_of(other)
    assert one.registration.primary_contact == other.registration.primary_contact
    assert (one.registration.status, one.facts) == (other.registration.status, other.facts)
