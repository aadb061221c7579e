"""Supply points: MPAN (electricity) and MPRN (gas) with their check digits, and the distributor of an MPAN.

Sources: DTC J0003 and the distributor table in `shared/data/distributors.csv`; the MPRN's rule is that of the
published numbers (body digits weighted L … 1, modulo 11, two check digits).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from operator import mul
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from shared.data import rows
from shared.errors import InvalidContent
from shared.field_errors import field_error, refusal
from shared.model import Model

_MPAN = re.compile(r"[0-9]{13}")
_MPRN = re.compile(r"[0-9]{6,11}")
_MPAN_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
_MPRN_USUAL_DIGITS = 10
MOST_PER_FUEL = 20
TOO_MANY = "supply_points_too_many"

#: Warning about an MPAN whose first two digits no distributor of the table has.
UNKNOWN_DISTRIBUTOR = "distributor_unknown"


class Fuel(StrEnum):
    """The fuel of a supply point; also the prefix of its key."""

    ELECTRICITY = "mpan"
    GAS = "mprn"


class Mpan(str):
    """An MPAN core: 13 digits, the first two the distributor, the last the check digit."""

    __slots__ = ()
    fuel = Fuel.ELECTRICITY

    @classmethod
    def parse(cls, text: str) -> "Mpan":
        """Check form and check digit. Raises `PydanticCustomError` (a ValueError) without the value."""
        if not _MPAN.fullmatch(text):
            raise refusal("mpan_malformed")
        if int(text[12]) != mpan_check_digit(text):
            raise refusal("mpan_check_digit")
        return cls(text)

    @property
    def distributor_id(self) -> str:
        """The first two digits."""
        return self[:2]

    @property
    def warning(self) -> str | None:
        """Why a person should check this number, though it is accepted."""
        return None if self.distributor_id in distributors() else UNKNOWN_DISTRIBUTOR

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema(max_length=13))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "mpan", "pattern": "^[0-9]{13}$", "examples": ["1000999001019"]}


class Mprn(str):
    """An MPRN: 6 to 11 digits, usually 10, the last two the check digits. It does not contain the gas transporter."""

    __slots__ = ()
    fuel = Fuel.GAS

    @classmethod
    def parse(cls, text: str) -> "Mprn":
        """Check the form, and the check digits of a number of 10. Raises `PydanticCustomError` without the value."""
        if not _MPRN.fullmatch(text):
            raise refusal("mprn_malformed")
        if len(text) == _MPRN_USUAL_DIGITS and text[-2:] != mprn_check_digits(text):
            raise refusal("mprn_check_digit")
        return cls(text)

    @property
    def warning(self) -> str | None:
        """Why a person should check this number, though it is accepted: not all older numbers follow the rule."""
        return None if self[-2:] == mprn_check_digits(self) else "mprn_check_digit"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema(max_length=11))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": "mprn", "pattern": "^[0-9]{6,11}$", "examples": ["9900000104"]}


SupplyPoint = Mpan | Mprn


def supply_point_key(point: SupplyPoint) -> str:
    """`mpan:1000999001019`: the fuel and the number, unique over both fuels."""
    return f"{point.fuel}:{point}"


def supply_point_of(key: str) -> SupplyPoint:
    """The supply point of a key made by `supply_point_key`."""
    fuel, number = key.split(":")
    return Mpan(number) if fuel == Fuel.ELECTRICITY else Mprn(number)


def mpan_check_digit(text: str) -> int:
    """Of the first 12 digits: weighted sum, modulo 11, modulo 10 (DTC J0003)."""
    weighted: int = sum(map(mul, map(int, text), _MPAN_WEIGHTS))
    return weighted % 11 % 10


def mprn_check_digits(text: str) -> str:
    """Of all digits but the last two: weights L … 1, modulo 11, two places."""
    body = text[:-2]
    return f"{sum(map(mul, map(int, body), range(len(body), 0, -1))) % 11:02d}"


class Distributor(NamedTuple):
    """A row of the distributor table."""

    distributor_id: str
    mpid: str
    gsp_group: str
    operator: str
    area: str


@cache
def distributors() -> dict[str, Distributor]:
    """Every known distributor (DNOs and IDNOs) by distributor id."""
    return {row["distributor_id"]: Distributor(**row) for row in rows("distributors.csv")}


class SupplyPoints(Model):
    """The supply points of one registration, none twice."""

    mpans: list[Mpan] = Field(default_factory=list)
    mprns: list[Mprn] = Field(default_factory=list)

    @model_validator(mode="after")
    def _none_twice(self) -> Self:
        for numbers in (self.mpans, self.mprns):
            if len(set(numbers)) != len(numbers):
                raise refusal("supply_point_repeated")
        return self

    @staticmethod
    def of_keys(keys: Iterable[str]) -> "SupplyPoints":
        """The supply points of keys, in their order; not checked."""
        points = [supply_point_of(key) for key in keys]
        return SupplyPoints.model_construct(
            mpans=[point for point in points if isinstance(point, Mpan)],
            mprns=[point for point in points if isinstance(point, Mprn)],
        )

    def all(self) -> list[SupplyPoint]:
        """MPANs, then MPRNs."""
        return [*self.mpans, *self.mprns]


_Numbers = TypeVar("_Numbers", list[Mpan], list[Mprn])


def _not_too_many(numbers: _Numbers) -> _Numbers:
    if len(numbers) > MOST_PER_FUEL:
        raise refusal(TOO_MANY, most=MOST_PER_FUEL)
    return numbers


class SupplyPointsInput(SupplyPoints):
    """As a caller submits them: at least one, and not too many for one commit."""

    mpans: Annotated[list[Mpan], AfterValidator(_not_too_many)] = Field(
        default_factory=list, json_schema_extra={"maxItems": MOST_PER_FUEL}
    )
    mprns: Annotated[list[Mprn], AfterValidator(_not_too_many)] = Field(
        default_factory=list, json_schema_extra={"maxItems": MOST_PER_FUEL}
    )

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.mpans and not self.mprns:
            raise refusal("supply_point_missing")
        return self


def refuse_too_many(before: SupplyPoints, after: SupplyPoints) -> None:
    """Refuse new supply points of a fuel if there are too many; those that it has stay. Raises `InvalidContent`."""
    errors = [
        field_error(f"/supply_points/{fuel}", TOO_MANY, most=MOST_PER_FUEL)
        for fuel, had, has in (("mpans", before.mpans, after.mpans), ("mprns", before.mprns, after.mprns))
        if len(has) > MOST_PER_FUEL and not set(has) <= set(had)
    ]
    if errors:
        raise InvalidContent(tuple(errors))
