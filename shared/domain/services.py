"""The services that a registered customer gets (licence condition 26), apart from what the networks do."""

from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, StringConstraints, ValidationInfo, field_validator
from pydantic_core import CoreSchema

from shared.data import TableError, rows
from shared.domain.text import CallerPassword
from shared.errors import FieldError
from shared.field_errors import field_error, refusal
from shared.model import Model


class CommunicationFormat(StrEnum):
    """How the customer gets letters, bills and calls."""

    STANDARD = "standard"
    LARGE_PRINT = "large_print"
    BRAILLE = "braille"
    AUDIO = "audio"
    READ_BY_PHONE = "read_by_phone"
    EASY_READ = "easy_read"
    COLOUR = "colour"
    RELAY_UK = "relay_uk"
    BSL = "bsl"


class Service(StrEnum):
    """A service that the supplier owes its customers on the register."""

    PASSWORD = "password"  # noqa: S105 - a service's name
    NOMINEE = "nominee"
    QUARTERLY_METER_READING = "quarterly_meter_reading"
    LARGE_PRINT = "large_print"
    BRAILLE = "braille"
    AUDIO = "audio"
    READ_BY_PHONE = "read_by_phone"
    EASY_READ = "easy_read"
    COLOUR = "colour"
    RELAY_UK = "relay_uk"
    BSL = "bsl"
    OTHER_LANGUAGE = "other_language"
    METER_MOVE = "meter_move"
    SAFE_PREPAYMENT = "safe_prepayment"
    GAS_SAFETY_CHECK = "gas_safety_check"

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        described = {one.value: services()[one] for one in cls}
        return {
            **handler.resolve_ref_schema(handler(schema)),
            "x-labels": {name: {"en": row.english, "cy": row.welsh} for name, row in described.items()},
        }


class ServiceRow(NamedTuple):
    """A row of services.csv: the regulator's item, whether only gas accounts get it, and its name for customers."""

    item: str
    gas_only: bool
    english: str
    welsh: str


@cache
def services() -> dict[Service, ServiceRow]:
    """The row of each service. Raises `TableError` for a service without a row, and for a row of none."""
    table = {
        row["service"]: ServiceRow(row["item"], row["fuel"] == "gas", row["english"], row["welsh"])
        for row in rows("services.csv")
    }
    if unmatched := table.keys() ^ set(Service):
        raise TableError(f"services.csv: these services are not both in the table and known: {sorted(unmatched)}")
    return {Service(name): row for name, row in table.items()}


#: The days of a service, in the order in which they can be.
STEPS = ("requested_on", "offered_on", "delivered_on", "declined_on")


class ArrangedService(Model):
    """A service, with the latest day of each step. `declined_on` is when the customer refused it or gave it up.

    A service is delivered or declined on no earlier day than it was requested and offered on. One that was delivered is
    declined no earlier.
    """

    service: Service
    requested_on: date | None = None
    offered_on: date | None = None
    delivered_on: date | None = None
    declined_on: date | None = Field(None, validate_default=True)

    @field_validator("delivered_on", "declined_on")
    @classmethod
    def _is_in_order(cls, day: date | None, info: ValidationInfo) -> date | None:
        steps = STEPS[: STEPS.index(str(info.field_name))]
        earlier = [info.data[step] for step in steps if step in info.data]
        if day is not None and any(other > day for other in earlier if other):
            raise refusal("dates_out_of_order")
        if info.field_name == "declined_on" and {day, *earlier} == {None} and len(earlier) == len(steps):
            raise refusal("service_date_missing")
        return day

    @property
    def given(self) -> bool:
        """Whether the customer has the service."""
        return self.delivered_on is not None and self.declined_on is None


def _refuse_repeated(arranged: list[ArrangedService]) -> list[ArrangedService]:
    if len({one.service for one in arranged}) != len(arranged):
        raise refusal("service_repeated")
    return arranged


class Services(Model):
    """`caller_password` identifies the supplier's visitors to the customer; it is shown to its own scope only."""

    caller_password: CallerPassword | None = None
    communication_format: CommunicationFormat = CommunicationFormat.STANDARD
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    nominee_receives_communications: bool = False
    cannot_read_meter: bool = False
    arranged: Annotated[list[ArrangedService], AfterValidator(_refuse_repeated)] = Field(
        default_factory=list,
        max_length=len(Service),
        examples=[[{"service": "gas_safety_check", "requested_on": "2026-11-02", "delivered_on": "2026-11-20"}]],
    )


def given_services(registered: Services) -> set[Service]:
    """The services that a customer has: those delivered, and those that the settings show."""
    given = {one.service for one in registered.arranged if one.given}
    if registered.caller_password is not None:
        given.add(Service.PASSWORD)
    if registered.nominee_receives_communications:
        given.add(Service.NOMINEE)
    if registered.communication_format is not CommunicationFormat.STANDARD:
        given.add(Service(registered.communication_format.value))
    if registered.language != "en":
        given.add(Service.OTHER_LANGUAGE)
    return given


def arranged_in_future(registered: Services, before: Services | None, day: date) -> list[FieldError]:
    """The errors of steps after `day`, except in services that stay as they were `before`."""
    known = before.arranged if before else []
    return [
        field_error(f"/services/arranged/{index}/{step}", "date_in_future")
        for index, one in enumerate(registered.arranged)
        if one not in known
        for step in STEPS
        if (on := getattr(one, step)) is not None and on > day
    ]
