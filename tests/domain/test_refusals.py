"""Submissions that are refused for their dates or for retired needs codes."""

from datetime import date
from typing import Any

import pytest

from shared.domain.patch import merge_patch
from shared.domain.refusals import has_lapsed, refuse_impossible_content, refuse_newly_retired
from shared.domain.registration import RegistrationInput, RegistrationState
from shared.errors import FieldError, InvalidContent
from tests.support.registrations import POLICY, registered, submission

TODAY = date(2026, 11, 23)
IN_FUTURE = ("date_in_future", "Enter a date that is not in the future")
ENDED = ("need_already_ended", "Leave out this need: its last day is over")


def errors(submitted: RegistrationInput, before: RegistrationInput | None = None) -> list[FieldError]:
    try:
        refuse_impossible_content(submitted, before, TODAY, POLICY)
    except InvalidContent as refused:
        return list(refused.errors)
    return []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"sharing": {"recorded_on": "2026-11-23"}}, [], id="a lawful basis of today"),
        pytest.param(
            {"sharing": {"recorded_on": "2026-11-24"}}, [("/sharing/recorded_on", *IN_FUTURE)], id="one of tomorrow"
        ),
        pytest.param({"needs": [{"code": "33", "ends_on": "2026-11-23"}]}, [], id="a need that ends today"),
        pytest.param(
            {"needs": [{"code": "33", "ends_on": "2026-11-22"}]},
            [("/needs/0/ends_on", *ENDED)],
            id="one that ended yesterday",
        ),
        pytest.param(
            {"needs": [{"code": "08"}, {"code": "22", "ends_on": "2026-11-22"}]},
            [("/needs/1/ends_on", *ENDED)],
            id="a permanent need with an end",
        ),
        pytest.param({"needs": [{"code": "29", "youngest_child_born_on": "2026-11-23"}]}, [], id="a child born today"),
        pytest.param(
            {"needs": [{"code": "29", "youngest_child_born_on": "2026-11-24"}]},
            [("/needs/0/youngest_child_born_on", *IN_FUTURE)],
            id="a child born tomorrow",
        ),
        pytest.param(
            {"needs": [{"code": "29", "youngest_child_born_on": "2020-11-23"}]}, [], id="a sixth birthday today"
        ),
        pytest.param(
            {"needs": [{"code": "29", "youngest_child_born_on": "2020-11-22"}]},
            [("/needs/0/youngest_child_born_on", *ENDED)],
            id="a sixth birthday yesterday",
        ),
        pytest.param({"household": {"occupants": [{"birth_year": 2026}]}}, [], id="an occupant born this year"),
        pytest.param(
            {"household": {"occupants": [{"birth_year": 2027}]}},
            [("/household/occupants/0/birth_year", *IN_FUTURE)],
            id="an occupant born next year",
        ),
        pytest.param(
            {
                "sharing": {"recorded_on": "2026-11-24"},
                "needs": [{"code": "22", "ends_on": "2026-11-22"}, {"code": "33", "ends_on": "2026-11-22"}],
            },
            [("/sharing/recorded_on", *IN_FUTURE), ("/needs/0/ends_on", *ENDED), ("/needs/1/ends_on", *ENDED)],
            id="every error is reported",
        ),
    ],
)
def test_dates_that_cannot_be_are_refused(changes: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert errors(submission(**changes)) == expected


REPEATED = {
    "sharing": {"recorded_on": "2026-11-30"},
    "needs": [{"code": "33", "ends_on": "2026-11-01"}],
    "household": {"occupants": [{"birth_year": 2030}]},
}


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        pytest.param({}, [], id="all as it was"),
        pytest.param({"sharing": {"evidence": "call 2"}}, [], id="the same day with other evidence"),
        pytest.param({"sharing": {"recorded_on": "2026-12-01"}}, ["/sharing/recorded_on"], id="another day"),
        pytest.param(
            {"needs": [{"code": "33", "ends_on": "2026-11-02"}]}, ["/needs/0/ends_on"], id="the need with another end"
        ),
        pytest.param(
            {"needs": [{"code": "33", "ends_on": "2026-11-01"}, {"code": "32", "ends_on": "2026-11-01"}]},
            ["/needs/1/ends_on"],
            id="the need and another that has ended",
        ),
        pytest.param({"household": {"can_top_up": True}}, ["/household/occupants/0/birth_year"], id="more facts"),
    ],
)
def test_a_repeat_of_what_the_registration_has_is_no_error(changes: dict[str, Any], pointers: list[str]) -> None:
    after = submission(**merge_patch(REPEATED, changes))
    assert [error.pointer for error in errors(after, submission(**REPEATED))] == pointers


@pytest.mark.parametrize(("ends_on", "lapsed"), [("2026-11-22", True), ("2026-11-23", False), (None, False)])
def test_a_need_has_lapsed_after_its_last_day(ends_on: str | None, *, lapsed: bool) -> None:
    (need,) = submission(needs=[{"code": "22", "ends_on": ends_on}]).needs
    assert has_lapsed(need, TODAY, POLICY) is lapsed


def test_live_codes_are_not_refused() -> None:
    refuse_newly_retired(submission(needs=[{"code": "02"}]), None)
    refuse_newly_retired(submission(needs=[{"code": "02"}]), registered())


BOTH = registered(needs=[{"code": "02"}, {"code": "08"}])


@pytest.mark.usefixtures("retired")
@pytest.mark.parametrize("known", [None, registered(needs=[{"code": "02"}])], ids=["a new account", "another need"])
def test_a_retired_code_is_refused_where_it_is_new(known: RegistrationState | None) -> None:
    with pytest.raises(InvalidContent) as refused:
        refuse_newly_retired(submission(needs=[{"code": "02"}, {"code": "08"}]), known)
    assert refused.value.errors == (
        (
            "/needs/1/code",
            "need_code_retired",
            "Choose another need: this code is retired, and only a registration that has it can keep it",
        ),
    )


@pytest.mark.usefixtures("retired")
def test_a_retired_code_stays_where_it_was() -> None:
    refuse_newly_retired(submission(needs=[{"code": "02"}, {"code": "08"}]), BOTH)
