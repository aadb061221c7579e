"""Needs: the industry's Priority Services categories (DTC J1699), data in `shared/data/needs.csv`."""

import re
from collections.abc import Iterable
from datetime import MAXYEAR, date
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic_core import CoreSchema, core_schema

from shared.data import TableError, rows
from shared.domain.text import Note
from shared.errors import FieldError
from shared.field_errors import field_error, refusal
from shared.model import Model

#: The code whose end is computed from a birth date (families with young children).
YOUNG_CHILDREN = "29"
#: Of the columns of needs.csv that allow few values, those values.
_ALLOWED = {
    "temporary": "yes|no",
    "medically_dependent": "yes|no",
    "outage_tier": "1|2|3",
    "retired": "yes|no",
}


class Category(NamedTuple):
    """A J1699 code. `outage_tier`: 1 life-supporting equipment, 2 serious, 3 other (ours, not the industry's).

    A `retired` code stays valid where it is stored, and nobody can submit it for a registration that does not have it
    (docs/tables.md).
    """

    code: str
    temporary: bool
    medically_dependent: bool
    relevant_to: str
    outage_tier: int
    retired: bool


@cache
def categories() -> dict[str, Category]:
    """Every code by number, retired ones included. Codes keep their meaning; labels drift (see `labels`).

    Raises `TableError` for a cell with another value than the table allows, and for a code without a label.
    """
    found = {row["code"]: _category(row) for row in rows("needs.csv")}
    if unlabelled := found.keys() - labels().keys():
        raise TableError(f"need_labels.csv: has no label for {', '.join(sorted(unlabelled))}, which needs.csv has")
    return found


def _category(row: dict[str, str]) -> Category:
    for column, allowed in _ALLOWED.items():
        if not re.fullmatch(allowed, row[column]):
            raise TableError(f"needs.csv, code {row['code']}: {column} must be {allowed.replace('|', ' or ')}")
    return Category(
        row["code"],
        row["temporary"] == "yes",
        row["medically_dependent"] == "yes",
        row["relevant_to"],
        int(row["outage_tier"]),
        row["retired"] == "yes",
    )


def live_codes() -> list[str]:
    """The codes that can be submitted."""
    return [code for code, category in categories().items() if not category.retired]


@cache
def labels() -> dict[str, dict[str, str]]:
    """Label by code and catalogue edition, the newest first."""
    table: dict[str, dict[str, str]] = {}
    for row in rows("need_labels.csv"):
        table.setdefault(row["code"], {})[row["catalogue"]] = row["label"]
    return table


class NeedCode(str):
    """A J1699 code, two digits. It may be retired: stored data keeps it."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "NeedCode":
        """Raises `PydanticCustomError` for code 10 ("Do Not Use"), numbers that are not assigned, and anything else."""
        if text not in categories():
            raise refusal("need_code_unknown")
        return cls(text)

    @property
    def category(self) -> Category:
        """The row of this code."""
        return categories()[self]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "enum": list(categories())}


class NeedInput(Model):
    """A need as a caller states it. Days are London days; `ends_on` is the last day on which the need holds."""

    #: May be retired if the registration has it already (`newly_retired`); callers are offered the live codes.
    code: Annotated[NeedCode, WithJsonSchema({"type": "string", "enum": live_codes()})]
    ends_on: date | None = None
    youngest_child_born_on: date | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _carries_its_end(self) -> "NeedInput":
        if self.code == YOUNG_CHILDREN:
            if self.youngest_child_born_on is None:
                raise refusal("birth_date_missing")
            if self.ends_on is not None:
                raise refusal("end_is_computed")
        elif self.youngest_child_born_on is not None:
            raise refusal("birth_date_not_wanted")
        elif self.code.category.temporary and self.ends_on is None:
            raise refusal("temporary_psr_does_not_have_end_date")
        return self


class Need(Model):
    """A need on the register: with the day it began and, where it has one, the last day on which it holds."""

    code: NeedCode
    starts_on: date
    ends_on: date | None = None
    youngest_child_born_on: date | None = None
    note: Note | None = None

    @property
    def submitted(self) -> NeedInput:
        """The need as a caller would submit it, without what the register computed."""
        computed = self.code == YOUNG_CHILDREN
        return NeedInput(
            code=self.code,
            ends_on=None if computed else self.ends_on,
            youngest_child_born_on=self.youngest_child_born_on,
            note=self.note,
        )


def newly_retired(needs: Iterable[NeedInput], before: Iterable[Need]) -> tuple[FieldError, ...]:
    """An error for each retired code that the registration does not have already."""
    known = {need.code for need in before}
    return tuple(
        field_error(f"/needs/{index}/code", "need_code_retired")
        for index, need in enumerate(needs)
        if need.code.category.retired and need.code not in known
    )


def refuse_repeated(needs: list[NeedInput]) -> list[NeedInput]:
    """Each code may occur once. Raises `PydanticCustomError`."""
    if len({need.code for need in needs}) != len(needs):
        raise refusal("need_repeated")
    return needs


def of_both(one: Iterable[NeedInput], other: Iterable[NeedInput]) -> list[NeedInput]:
    """The needs that either list has, by code; of two with one code the one that holds longer.

    The order of the lists does not matter.
    """
    latest: dict[str, NeedInput] = {}
    for need in sorted([*one, *other], key=_holds_until):
        latest[need.code] = need
    return [latest[code] for code in sorted(latest)]


def _holds_until(need: NeedInput) -> tuple[date, date, str]:
    return need.ends_on or date.max, need.youngest_child_born_on or date.min, need.note or ""


def birthday(born: date, age: int) -> date:
    """The day on which someone reaches an age; 29 February becomes 1 March in a common year.

    A day beyond the calendar is the calendar's last day.
    """
    if born.year + age > MAXYEAR:
        return date.max
    try:
        return born.replace(year=born.year + age)
    except ValueError:
        return date(born.year + age, 3, 1)


def end_of(need: NeedInput, *, young_child_until_birthday: int) -> date | None:
    """The last day on which a need holds: as submitted or, for code 29, the child's fifth or sixth birthday."""
    if need.youngest_child_born_on is None:
        return need.ends_on
    return birthday(need.youngest_child_born_on, young_child_until_birthday)


def holds_on(ends_on: date | None, day: date) -> bool:
    """Whether a need with this last day still holds on a day."""
    return ends_on is None or ends_on >= day


def on_register(
    submitted: Iterable[NeedInput], before: Iterable[Need], day: date, *, young_child_until_birthday: int
) -> list[Need]:
    """Submitted needs as the register keeps them, by code. One that was there `before` keeps the day it began."""
    began = {need.code: need.starts_on for need in before}
    return [
        Need(
            code=need.code,
            starts_on=began.get(need.code, day),
            ends_on=end_of(need, young_child_until_birthday=young_child_until_birthday),
            youngest_child_born_on=need.youngest_child_born_on,
            note=need.note,
        )
        for need in sorted(submitted, key=lambda need: need.code)
    ]


def outage_tier(codes: Iterable[NeedCode]) -> int | None:
    """The most urgent tier among codes; None without codes."""
    return min((code.category.outage_tier for code in codes), default=None)


def medically_dependent(codes: Iterable[NeedCode]) -> bool:
    """Whether any code means that someone depends on electricity medically."""
    return any(code.category.medically_dependent for code in codes)
