"""The household: ages as intervals, and submissions that cannot be."""

import json
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.household import AgeBand, Household, Occupant, completed_years, from_future


def household(**fields: Any) -> Household:
    return Household.model_validate_json(json.dumps(fields))


def occupant(**fields: Any) -> Occupant:
    (found,) = household(occupants=[fields]).occupants or []
    return found


@pytest.mark.parametrize(
    ("since", "day", "years"),
    [
        ("2024-11-25", "2026-11-24", 1),
        ("2024-11-25", "2026-11-25", 2),
        ("2024-02-29", "2026-02-28", 1),
        ("2024-02-29", "2026-03-01", 2),
        ("2024-02-29", "2028-02-29", 4),
        ("2026-11-26", "2026-11-25", -1),
    ],
)
def test_years_are_complete_on_the_anniversary(since: str, day: str, years: int) -> None:
    assert completed_years(date.fromisoformat(since), date.fromisoformat(day)) == years


@pytest.mark.parametrize(
    ("fields", "day", "ages"),
    [
        pytest.param({"birth_year": 1951}, "2026-01-01", (74, 75), id="a birth year on New Year's Day"),
        pytest.param({"birth_year": 1951}, "2026-12-30", (74, 75), id="the day before the year ends"),
        pytest.param({"birth_year": 1951}, "2026-12-31", (75, 75), id="everybody has had their birthday"),
        pytest.param({"birth_year": 2026}, "2026-11-25", (-1, 0), id="a baby"),
        pytest.param({"age_band": "2_to_4", "as_of": "2026-11-25"}, "2026-11-25", (2, 4), id="a band on its day"),
        pytest.param({"age_band": "2_to_4", "as_of": "2026-11-25"}, "2026-11-26", (2, 5), id="a day later"),
        pytest.param({"age_band": "2_to_4", "as_of": "2026-11-25"}, "2027-11-24", (2, 5), id="almost a year later"),
        pytest.param({"age_band": "2_to_4", "as_of": "2026-11-25"}, "2027-11-25", (3, 5), id="a year later"),
        pytest.param({"age_band": "2_to_4", "as_of": "2026-11-25"}, "2027-11-26", (3, 6), id="a year and a day later"),
        pytest.param({"age_band": "2_to_4", "as_of": "2026-11-25"}, "2026-11-24", (1, 4), id="a day earlier"),
    ],
)
def test_an_age_is_an_interval(fields: dict[str, Any], day: str, ages: tuple[int, int]) -> None:
    assert occupant(**fields).ages_on(date.fromisoformat(day)) == ages


def test_the_bands_cover_every_age_once() -> None:
    on_their_day = {
        band.value: occupant(age_band=band, as_of="2026-11-25").ages_on(date(2026, 11, 25)) for band in AgeBand
    }
    assert on_their_day == {
        "under_2": (0, 1),
        "2_to_4": (2, 4),
        "5": (5, 5),
        "6_to_17": (6, 17),
        "18_to_65": (18, 65),
        "66_to_74": (66, 74),
        "75_or_over": (75, 130),
    }


def test_an_occupant_that_was_not_validated_has_no_ages() -> None:
    with pytest.raises(ValueError, match="without an age"):
        Occupant.model_construct().ages_on(date(2026, 11, 25))


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        pytest.param({"occupants": []}, ("occupants",), "too_short", id="nobody lives there"),
        pytest.param({"occupants": [{"birth_year": 1950}] * 31}, ("occupants",), "too_long", id="31 occupants"),
        pytest.param({"occupants": [{}]}, ("occupants", 0), "occupant_age", id="an occupant without an age"),
        pytest.param(
            {"occupants": [{"birth_year": 1950, "age_band": "75_or_over", "as_of": "2026-11-01"}]},
            ("occupants", 0),
            "occupant_age",
            id="both kinds of age",
        ),
        pytest.param({"occupants": [{"age_band": "5"}]}, ("occupants", 0), "occupant_as_of", id="a band without a day"),
        pytest.param(
            {"occupants": [{"birth_year": 1950, "as_of": "2026-11-01"}]},
            ("occupants", 0),
            "occupant_as_of",
            id="a birth year with a day",
        ),
        pytest.param(
            {"occupants": [{"birth_year": 1899}]}, ("occupants", 0, "birth_year"), "greater_than_equal", id="1899"
        ),
        pytest.param(
            {"occupants": [{"birth_year": 2101}]}, ("occupants", 0, "birth_year"), "less_than_equal", id="2101"
        ),
        pytest.param({"occupants": [{"birth_year": "1950"}]}, ("occupants", 0, "birth_year"), "int_type", id="text"),
        pytest.param(
            {"occupants": [{"age_band": "old", "as_of": "2026-11-01"}]}, ("occupants", 0, "age_band"), "enum", id="old"
        ),
        pytest.param({"can_top_up": "yes"}, ("can_top_up",), "bool_type", id="yes as text"),
        pytest.param(
            {"temporary_circumstances": [{"kind": "pregnancy"}]},
            ("temporary_circumstances", 0, "until"),
            "missing",
            id="a circumstance without an end",
        ),
        pytest.param(
            {"temporary_circumstances": [{"kind": "holiday", "until": "2026-12-01"}]},
            ("temporary_circumstances", 0, "kind"),
            "enum",
            id="a kind that does not exist",
        ),
        pytest.param(
            {"temporary_circumstances": [{"kind": "other", "until": "2026-12-01"}] * 11},
            ("temporary_circumstances",),
            "too_long",
            id="11 circumstances",
        ),
        pytest.param({"income": 1}, ("income",), "extra_forbidden", id="an unknown field"),
    ],
)
def test_a_household_that_cannot_be_is_refused(fields: dict[str, Any], place: tuple[Any, ...], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        household(**fields)
    assert [(error["loc"], error["type"]) for error in refused.value.errors()] == [(place, code)]


def test_limits_are_inclusive() -> None:
    assert len(household(occupants=[{"birth_year": 1900}, {"birth_year": 2100}] * 15).occupants or []) == 30
    ten = [{"kind": "other", "until": "2026-12-01"}] * 10
    assert len(household(temporary_circumstances=ten).temporary_circumstances or []) == 10
    assert household(temporary_circumstances=[]).temporary_circumstances == []


def test_nothing_is_known_of_a_household_without_facts() -> None:
    assert set(household().model_dump().values()) == {None}


def test_ages_from_the_future_are_reported_with_their_places() -> None:
    stated = household(
        occupants=[
            {"birth_year": 2026},
            {"birth_year": 2027},
            {"age_band": "5", "as_of": "2026-11-25"},
            {"age_band": "5", "as_of": "2026-11-26"},
        ]
    )
    assert from_future(stated, date(2026, 11, 25)) == [
        ("/household/occupants/1/birth_year", "date_in_future", "Enter a date that is not in the future"),
        ("/household/occupants/3/as_of", "date_in_future", "Enter a date that is not in the future"),
    ]
    assert from_future(household(), date(2026, 11, 25)) == []
