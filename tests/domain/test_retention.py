"""Retention: since when a registration is not live, and when it is erased."""

from datetime import date, timedelta

import pytest

from shared.domain.erasure import erased_state
from shared.domain.registration import FormerPeriod, RegistrationState, Status
from shared.domain.retention import (
    Extent,
    erase_due_on,
    erase_period_on,
    period_fields,
    retained_periods,
    retained_versions,
)
from tests.support.registrations import moment, registered, withdrawn

KEPT = timedelta(days=730)
KNOWN = registered()
GONE = withdrawn(KNOWN, "2026-11-24")
SHELL = erased_state(GONE, moment("2026-12-02").now)
TODAY = date(2026, 12, 23)
EARLIER = FormerPeriod(ended_on=date(2025, 1, 1), version=3)
LATER = FormerPeriod(ended_on=date(2026, 6, 1), version=5)
ERASED = FormerPeriod(ended_on=date(2026, 12, 2), version=2, erased_at=moment("2026-12-02").now)


@pytest.mark.parametrize(
    ("known", "status", "fields"),
    [
        pytest.param(KNOWN, Status.PENDING, {}, id="stays live"),
        pytest.param(KNOWN, Status.WITHDRAWN, {"ended_on": TODAY}, id="ends"),
        pytest.param(GONE, Status.ENDED, {}, id="stays not live"),
        pytest.param(
            GONE,
            Status.ACTIVE,
            {"ended_on": None, "former": [FormerPeriod(ended_on=date(2026, 11, 24), version=2)]},
            id="is live again",
        ),
        pytest.param(SHELL, Status.ACTIVE, {"ended_on": None, "former": [ERASED]}, id="is live again after an erasure"),
        pytest.param(
            GONE.model_copy(update={"ended_on": None}),
            Status.ACTIVE,
            {"ended_on": None, "former": []},
            id="is live again, and its end is not known",
        ),
        pytest.param(
            GONE.model_copy(update={"former": [EARLIER]}),
            Status.ACTIVE,
            {"ended_on": None, "former": [EARLIER, FormerPeriod(ended_on=date(2026, 11, 24), version=2)]},
            id="is live for the third time",
        ),
    ],
)
def test_a_change_of_status_moves_the_periods(
    known: RegistrationState, status: Status, fields: dict[str, object]
) -> None:
    after = known.registration.model_copy(update={"status": status})
    assert period_fields(known, after, TODAY) == fields


@pytest.mark.parametrize(
    ("state", "due_on"),
    [
        pytest.param(KNOWN, None, id="live"),
        pytest.param(GONE, "2028-11-23", id="ended: two years later"),
        pytest.param(KNOWN.model_copy(update={"former": [EARLIER]}), "2027-01-01", id="live, with a former period"),
        pytest.param(GONE.model_copy(update={"former": [EARLIER]}), "2027-01-01", id="the first of both"),
        pytest.param(
            KNOWN.model_copy(update={"former": [ERASED]}), "2026-12-02", id="a period that was erased: at once"
        ),
    ],
)
def test_a_registration_is_erased_once_its_retention_is_over(state: RegistrationState, due_on: str | None) -> None:
    due = erase_due_on(state, KEPT)
    assert (due and due.isoformat()) == due_on


def test_an_erasure_leaves_out_the_versions_of_former_periods_that_are_retained() -> None:
    state = GONE.model_copy(update={"former": [EARLIER, LATER]})
    before, last_day = date(2026, 12, 31), date(2027, 1, 1)
    assert retained_periods(state, KEPT, before) == [EARLIER, LATER]
    assert retained_periods(state, KEPT, last_day) == [LATER]
    retained = retained_versions(state, KEPT, last_day)
    assert retained == [range(4, 6)]
    assert [version for version in range(1, 12) if Extent(9, moment().now, retained).covers(version)] == [
        *(1, 2, 3, 6, 7, 8, 9)
    ]


def test_a_former_period_is_kept_from_its_end() -> None:
    assert erase_period_on(EARLIER, timedelta(days=10)) == date(2025, 1, 11)
    assert erase_period_on(ERASED, timedelta(days=10)) == date(2026, 12, 2)
