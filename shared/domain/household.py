"""The household: facts that decide on protections and that needs codes do not have. None means that nobody knows.

An age is known as a birth year or as a band on a day, so at any later day it is an interval (`Occupant.ages_on`).
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from shared.errors import FieldError
from shared.field_errors import field_error, refusal
from shared.model import Model

_OLDEST = 130


class AgeBand(StrEnum):
    """Ages in years. No limit of a rule is inside a band."""

    UNDER_2 = "under_2"
    FROM_2_TO_4 = "2_to_4"
    FIVE = "5"
    FROM_6_TO_17 = "6_to_17"
    FROM_18_TO_65 = "18_to_65"
    FROM_66_TO_74 = "66_to_74"
    FROM_75 = "75_or_over"


class Ages(NamedTuple):
    """The ages, in completed years, that somebody can have on a day."""

    least: int
    most: int


_AGES = {
    AgeBand.UNDER_2: Ages(0, 1),
    AgeBand.FROM_2_TO_4: Ages(2, 4),
    AgeBand.FIVE: Ages(5, 5),
    AgeBand.FROM_6_TO_17: Ages(6, 17),
    AgeBand.FROM_18_TO_65: Ages(18, 65),
    AgeBand.FROM_66_TO_74: Ages(66, 74),
    AgeBand.FROM_75: Ages(75, _OLDEST),
}


class Occupant(Model):
    """One person who lives there: a birth year, or an age band with the day on which it was right."""

    birth_year: Annotated[int, Field(ge=1900, le=2100)] | None = None
    age_band: AgeBand | None = None
    as_of: date | None = None
    disabled_or_ill: bool | None = Field(None, description="Disabled or chronically sick")

    @model_validator(mode="after")
    def _has_one_age(self) -> "Occupant":
        if (self.birth_year is None) == (self.age_band is None):
            raise refusal("occupant_age")
        if (self.age_band is None) != (self.as_of is None):
            raise refusal("occupant_as_of")
        return self

    def ages_on(self, day: date) -> Ages:
        """The ages that this person can have on a day."""
        if self.birth_year is not None:
            year_end = date(self.birth_year, 12, 31)
            return Ages(completed_years(year_end, day), day.year - self.birth_year)
        if self.age_band is None or self.as_of is None:
            raise ValueError("an occupant without an age")
        least, most = _AGES[self.age_band]
        years = completed_years(self.as_of, day)
        is_anniversary = (self.as_of.month, self.as_of.day) == (day.month, day.day)
        return Ages(least + years, most + years + (0 if is_anniversary else 1))


class CircumstanceKind(StrEnum):
    """Temporary circumstances. Pregnancy has no J1699 code (docs/protections.md)."""

    PREGNANCY = "pregnancy"
    BEREAVEMENT = "bereavement"
    RECOVERY = "recovery"
    LOSS_OF_INCOME = "loss_of_income"
    SEPARATION = "separation"
    OTHER = "other"


class TemporaryCircumstance(Model):
    """`until` is the last day on which it is expected to apply, in London."""

    kind: CircumstanceKind
    until: date


class Household(Model):
    """Facts for protections. Leave out each fact that is not known: a missing fact is never taken as a no.

    `occupants` is everybody who lives there, or not known at all. `temporary_circumstances` is an empty list if the
    household has none.
    """

    occupants: Annotated[list[Occupant], Field(min_length=1, max_length=30)] | None = None
    supported: bool | None = Field(None, description="Somebody supports the occupants in the home")
    can_top_up: bool | None = Field(None, description="Somebody can reach, operate and top up a prepayment meter")
    chronic_or_severe_illness: bool | None = Field(
        None, description="Somebody has a chronic, severe or terminal illness"
    )
    warm_home_dependency: bool | None = Field(None, description="Somebody's health depends on a warm home")
    temporary_circumstances: Annotated[list[TemporaryCircumstance], Field(max_length=10)] | None = None
    owns_home: bool | None = Field(None, description="The customer owns the home")
    means_tested_benefit: bool | None = Field(None, description="The customer gets a means-tested benefit")


#: The facts that are yes or no.
YES_OR_NO = tuple(name for name, field in Household.model_fields.items() if field.annotation == bool | None)


def completed_years(since: date, day: date) -> int:
    """The whole years from one day to another; 29 February counts from 1 March in a common year."""
    return day.year - since.year - ((day.month, day.day) < (since.month, since.day))


def from_future(household: Household, day: date) -> list[FieldError]:
    """An error for each birth year, and each day of an age band, that is later than a day."""
    errors: list[FieldError] = []
    for index, occupant in enumerate(household.occupants or []):
        pointer = f"/household/occupants/{index}"
        if occupant.birth_year is not None and occupant.birth_year > day.year:
            errors.append(field_error(f"{pointer}/birth_year", "date_in_future"))
        if occupant.as_of is not None and occupant.as_of > day:
            errors.append(field_error(f"{pointer}/as_of", "date_in_future"))
    return errors
