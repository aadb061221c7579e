"""Referrals: pending, followed up sooner, confirmed by the person, or ended and erased when nobody confirms."""

from datetime import date, timedelta
from typing import Any

import pytest

from shared.domain.aspects import Statement
from shared.domain.feed import effects_of
from shared.domain.networks import Send
from shared.domain.registration import RegistrationState, Status
from shared.domain.retention import erase_due_on
from shared.errors import InvalidContent
from shared.store.due_dates import DueDate, due_fields
from tests.support.registrations import (
    FIRST_DAY,
    POLICY,
    after_event,
    amended,
    fact,
    migrated,
    on_day,
    registered,
    submission,
    withdrawn,
)

REFERRAL = {"referrer": "health_service", "name": "Dr D Doctor", "organisation": "Test Ward", "referred_on": FIRST_DAY}
NOTHING_SHARED = {"basis": "none", "article_6_basis": None, "capture": None}
LAST_DAY = date.fromisoformat(FIRST_DAY) + timedelta(days=POLICY.referral_days)
KEPT = timedelta(days=POLICY.ended_kept_days)
CONFIRMED: dict[str, Any] = {"needs": [{"code": "02"}]}


def referred(**changes: Any) -> RegistrationState:
    return registered(needs=[], referral=REFERRAL, sharing=NOTHING_SHARED, **changes)


def after(days: int) -> str:
    return (LAST_DAY + timedelta(days=days)).isoformat()


def test_a_referral_is_pending_and_followed_up_sooner() -> None:
    registration = referred().registration
    assert registration.status is Status.PENDING
    assert registration.follow_up_on == date.fromisoformat(FIRST_DAY) + timedelta(days=POLICY.referral_follow_up_days)
    assert registration.unconfirmed_until == LAST_DAY
    assert registered(needs=[]).registration.unconfirmed_until is None


def test_nothing_of_a_referral_is_shared() -> None:
    registration = referred().registration
    assert {entry.send for entry in effects_of(registration, {}, date.fromisoformat(FIRST_DAY)).entries} <= {
        Send.NOTHING
    }


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"needs": [{"code": "02"}]}, [("/status", "referral_not_pending")]),
        ({"needs": [], "referral": {"referred_on": "2026-11-24"}}, [("/referral/referred_on", "date_in_future")]),
    ],
    ids=["with needs", "tomorrow"],
)
def test_a_referral_that_cannot_be_is_refused(changes: dict[str, Any], errors: list[tuple[str, str]]) -> None:
    whole = changes | {"referral": REFERRAL | changes.get("referral", {})}
    with pytest.raises(InvalidContent) as refused:
        registered(sharing=NOTHING_SHARED, **whole)
    assert [(error.pointer, error.code) for error in refused.value.errors] == errors


def test_an_amended_referral_is_not_from_the_future() -> None:
    with pytest.raises(InvalidContent) as refused:
        amended(referred(), "2026-11-24", referral={"referred_on": "2026-11-25"})
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/referral/referred_on", "date_in_future")
    ]
    confirmed = amended(referred(), "2026-11-24", **CONFIRMED).state
    assert amended(confirmed, "2026-11-25", referral={"phone": "07700900123"}).state.registration.status == "active"


def test_a_confirmed_referral_stays_on_the_register() -> None:
    known = amended(referred(), "2026-12-01", **CONFIRMED).state
    assert (known.registration.status, known.registration.unconfirmed_until) == (Status.ACTIVE, None)
    assert known.registration.referral is not None
    assert on_day(known, after(1)).state.registration.status is Status.ACTIVE


def test_needs_of_a_confirmed_referral_that_end_do_not_make_it_unconfirmed() -> None:
    needs = [{"code": "33", "ends_on": "2026-12-31"}]
    known = on_day(amended(referred(), "2026-12-01", needs=needs).state, "2027-01-01").state
    assert (known.registration.status, known.registration.unconfirmed_until) == (Status.PENDING, None)
    assert on_day(known, after(1)).state.registration.status is Status.PENDING


@pytest.mark.parametrize(("days", "status"), [(0, Status.PENDING), (1, Status.ENDED), (30, Status.ENDED)])
def test_a_referral_that_nobody_confirms_ends_after_its_last_day(days: int, status: Status) -> None:
    assert on_day(referred(), after(days)).state.registration.status is status


def test_a_referral_that_ended_is_erased_at_once_and_is_a_closing_due_date_before() -> None:
    known = referred()
    assert str(due_fields(known.registration)[DueDate.CLOSES]).endswith(LAST_DAY.isoformat())
    ended = on_day(known, after(1)).state
    assert erase_due_on(ended, KEPT) == ended.ended_on
    declined = withdrawn(known, "2026-12-01")
    assert erase_due_on(declined, KEPT) == date(2026, 12, 1) + KEPT


@pytest.mark.parametrize(
    "statement", [Statement(status=Status.ENDED), Statement(premises=submission().premises)], ids=["closed", "moved"]
)
def test_a_later_statement_about_a_referral_that_ended_does_not_keep_it_longer(statement: Statement) -> None:
    ended = on_day(referred(), after(1)).state
    known = after_event(ended, statement, after(1), stated=fact(after(2), "//accounts")).state
    assert erase_due_on(known, KEPT) == ended.ended_on


@pytest.mark.parametrize("needs", [[], [{"code": "02"}]], ids=["pending", "active"])
def test_an_account_that_was_there_before_its_referral_stays_in_any_order(needs: list[dict[str, str]]) -> None:
    own: dict[str, Any] = {"needs": needs}
    referral: dict[str, Any] = {"needs": [], "referral": REFERRAL, "sharing": NOTHING_SHARED}
    records = [(fact("2026-11-01", "old"), own), (fact("2026-11-02", "old"), referral)]
    ends = []
    for order in (records, records[::-1]):
        known: RegistrationState | None = None
        for recorded, changes in order:
            known = migrated(known, recorded, **changes).state
        assert known is not None
        assert known.registration.unconfirmed_until is None
        ends.append(on_day(known, after(30)).state.registration)
    assert [(end.status, end.referral is not None) for end in ends] == [(Status.PENDING, True)] * 2


def test_a_record_from_before_the_end_does_not_bring_a_referral_back_and_a_later_one_does() -> None:
    ended = on_day(referred(), after(1)).state
    assert migrated(ended, fact("2026-12-01", "old")).state.registration.status is Status.ENDED
    assert migrated(ended, fact(after(2), "old"), day=after(2)).state.registration.status is Status.ACTIVE
