"""Notices: warnings about supply points, needs and dates."""

from datetime import date

import pytest

from shared.domain.aspects import Profile, Statement, full_statement, waiting
from shared.domain.notices import (
    notices_after,
    notices_of_due_dates,
    notices_of_needs,
    notices_of_needs_and_dates,
    warned,
    with_warnings_of_today,
)
from shared.domain.registration import Notice, Registration, Status
from tests.support.registrations import MPAN, MPAN_KEY, MPRN, fact, registered, registration, submission

UNKNOWN_MPAN, UNUSUAL_MPRN = "9799900001003", "99000001040"
MPAN_NOTICE = Notice(pointer="/supply_points/mpans/1", code="distributor_unknown")
MPRN_NOTICE = Notice(pointer="/supply_points/mprns/1", code="mprn_check_digit")
WAITING = Notice(pointer="/supply_points", code="supply_point_waiting")
REVIEW = Notice(pointer="/review_due_on", code="date_passed")
FOLLOW_UP = Notice(pointer="/follow_up_on", code="date_passed")
LEFT_OUT = Notice(pointer="/needs", code="need_already_ended")
ALL = [MPAN_NOTICE, MPRN_NOTICE, WAITING, LEFT_OUT, REVIEW, FOLLOW_UP]

KNOWN = registered(supply_points={"mpans": [MPAN, UNKNOWN_MPAN], "mprns": [MPRN, UNUSUAL_MPRN]})
#: It waits for a supply point.
WAITS = waiting(KNOWN.facts, [MPAN_KEY], fact())


def noted(*notices: Notice, **changes: object) -> Registration:
    return KNOWN.registration.model_copy(update={"warnings": list(notices), **changes})


def test_warnings_are_about_supply_points_first_and_then_those_given() -> None:
    assert warned(noted(REVIEW), KNOWN.facts, [LEFT_OUT]) == noted(MPAN_NOTICE, MPRN_NOTICE, LEFT_OUT)


@pytest.mark.parametrize(
    ("status", "waits"),
    [(Status.ACTIVE, True), (Status.PENDING, True), (Status.WITHDRAWN, False), (Status.ENDED, False)],
)
def test_a_live_registration_that_waits_for_a_supply_point_has_a_warning(status: Status, *, waits: bool) -> None:
    warnings = warned(noted(status=status), WAITS, [LEFT_OUT]).warnings
    assert warnings == [MPAN_NOTICE, MPRN_NOTICE, *([WAITING] if waits else []), LEFT_OUT]


def test_the_warnings_of_supply_points_follow_the_tables_of_today() -> None:
    gone = Notice(pointer="/supply_points/mpans/0", code="distributor_unknown")
    before = noted(gone, WAITING, LEFT_OUT, REVIEW)
    assert with_warnings_of_today(before) == noted(MPAN_NOTICE, MPRN_NOTICE, WAITING, LEFT_OUT, REVIEW)


@pytest.mark.parametrize(
    ("review", "follow_up", "expected"),
    [
        pytest.param("2026-11-24", None, [], id="a review tomorrow"),
        pytest.param("2026-11-23", None, [REVIEW], id="a review today"),
        pytest.param("2026-11-22", "2026-11-24", [REVIEW], id="a review yesterday, a follow-up tomorrow"),
        pytest.param("2026-11-24", "2026-11-23", [FOLLOW_UP], id="a follow-up today"),
        pytest.param("2026-11-23", "2026-11-22", [REVIEW, FOLLOW_UP], id="both"),
    ],
)
def test_a_date_is_noted_from_its_day_on(review: str, follow_up: str | None, expected: list[Notice]) -> None:
    one = registration(review_due_on=review, follow_up_on=follow_up)
    assert notices_of_due_dates(one, date(2026, 11, 23)) == expected


def test_notices_are_found_by_their_codes() -> None:
    assert notices_of_needs(noted(*ALL)) == [LEFT_OUT]
    assert notices_of_needs_and_dates(noted(*ALL)) == [LEFT_OUT, REVIEW, FOLLOW_UP]


LAPSED_PROFILE = full_statement(submission(), lapsed=True).profile
PROFILE = full_statement(submission()).profile
OTHER_NEEDS = registered(needs=[{"code": "02"}]).registration.needs


@pytest.mark.parametrize(
    ("statement", "profile", "before", "after", "expected"),
    [
        pytest.param(Statement(), LAPSED_PROFILE, noted(), noted(), [LEFT_OUT], id="needs are left out now"),
        pytest.param(
            Statement(confirmed=True), LAPSED_PROFILE, noted(LEFT_OUT), noted(), [LEFT_OUT], id="and left out again"
        ),
        pytest.param(Statement(), PROFILE, noted(LEFT_OUT), noted(), [LEFT_OUT], id="the same needs again"),
        pytest.param(Statement(), None, noted(LEFT_OUT), noted(), [LEFT_OUT], id="another aspect"),
        pytest.param(Statement(confirmed=True), None, noted(LEFT_OUT), noted(), [], id="the needs are confirmed"),
        pytest.param(Statement(), PROFILE, noted(LEFT_OUT), noted(needs=OTHER_NEEDS), [], id="other needs"),
        pytest.param(Statement(), None, noted(LEFT_OUT), noted(status=Status.ENDED), [], id="not live any more"),
        pytest.param(Statement(), None, noted(), noted(), [], id="nothing was left out"),
        pytest.param(Statement(), None, noted(WAITING, MPAN_NOTICE), noted(), [], id="notices of supply points"),
    ],
)
def test_needs_left_out_stay_noted_until_other_needs_are_stated_or_these_confirmed(
    statement: Statement, profile: Profile | None, before: Registration, after: Registration, expected: list[Notice]
) -> None:
    assert notices_after(statement, profile, before, after) == expected


MOVED = date(2030, 1, 1)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(noted(REVIEW, FOLLOW_UP), noted(), [REVIEW, FOLLOW_UP], id="neither moves"),
        pytest.param(noted(REVIEW, FOLLOW_UP), noted(review_due_on=MOVED), [FOLLOW_UP], id="the review moves"),
        pytest.param(noted(REVIEW, FOLLOW_UP), noted(follow_up_on=MOVED), [REVIEW], id="the follow-up moves"),
        pytest.param(noted(REVIEW), noted(status=Status.WITHDRAWN), [], id="not live any more"),
        pytest.param(noted(LEFT_OUT, REVIEW), noted(), [LEFT_OUT, REVIEW], id="next to needs left out"),
    ],
)
def test_a_date_stays_noted_until_it_is_moved(
    before: Registration, after: Registration, expected: list[Notice]
) -> None:
    assert notices_after(Statement(), None, before, after) == expected
