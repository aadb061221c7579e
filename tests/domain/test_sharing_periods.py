"""Sharing periods of a history: whose basis it was from when to when, and which recipients it allowed."""

from datetime import datetime, timedelta

from shared.domain.changes import Change, ChangeKind, Origin
from shared.domain.networks import NetworkState
from shared.domain.recipients import UNROUTABLE
from shared.domain.registration import RegistrationState
from shared.domain.sharing_periods import sharing_periods
from tests.support.registrations import ID, MPAN_KEY, amended, moment, registered

FIRST = moment().now
NOTHING = {"basis": "none"}


def change(hours: int, state: RegistrationState, *wants: str) -> Change:
    """An entry, so many hours after the first, after which these recipients should have the data."""
    at = FIRST + timedelta(hours=hours)
    views = {name: NetworkState(day=moment().day, had=False, wants=True) for name in wants}
    views["OLDN"] = NetworkState(day=moment().day, had=True, wants=False)
    return Change(
        change_id=f"c{hours}",
        registration_id=ID,
        kind=ChangeKind.AMENDED,
        version=hours + 1,
        origin=Origin(actor=f"agent-{hours}", source="http", event_id=None, event_time=at),
        recorded_at=at,
        day=moment().day,
        fingerprint="f",
        state=state.model_copy(update={"networks": {MPAN_KEY: views}}),
    )


def after(hours: int) -> datetime:
    return FIRST + timedelta(hours=hours)


def test_a_change_of_something_else_continues_the_period() -> None:
    known = registered()
    renamed = amended(known, "2026-11-23", primary_contact={"name": "Mrs A Changed"}).state
    (period,) = sharing_periods([change(0, known, "EELC"), change(1, renamed, "EELC")])
    assert (period.actor, period.source, period.since, period.until) == ("agent-0", "http", FIRST, None)
    assert [(one.recipient, one.since, one.until) for one in period.recipients] == [("EELC", FIRST, None)]
    assert period.wording_text is not None


def test_another_record_begins_a_period_and_ends_the_one_before() -> None:
    known = registered()
    stopped = amended(known, "2026-11-23", sharing=NOTHING).state
    periods = sharing_periods(
        [change(0, known, "EELC"), change(2, stopped), change(3, stopped), change(5, known, "EELC")]
    )
    assert [(one.since, one.until) for one in periods] == [(FIRST, after(2)), (after(2), after(5)), (after(5), None)]
    allowed = [[(one.since, one.until) for one in period.recipients] for period in periods]
    assert allowed == [[(FIRST, after(2))], [], [(after(5), None)]]


def test_a_recipient_can_be_allowed_twice_in_a_period() -> None:
    known = registered()
    (period,) = sharing_periods([change(0, known, "EELC"), change(1, known), change(2, known, "EELC", "LATE")])
    assert [(one.recipient, one.since, one.until) for one in period.recipients] == [
        ("EELC", FIRST, after(1)),
        ("EELC", after(2), None),
        ("LATE", after(2), None),
    ]
    assert [one.purpose is None for one in period.recipients] == [False, False, True]


def test_a_supply_point_whose_network_nobody_knows_allows_no_recipient() -> None:
    (period,) = sharing_periods([change(0, registered(), "EELC", UNROUTABLE)])
    assert [one.recipient for one in period.recipients] == ["EELC"]


def test_an_empty_history_has_no_period() -> None:
    assert sharing_periods([]) == []
