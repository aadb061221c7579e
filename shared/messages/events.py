"""The events that the consumers take: CloudEvents 1.0 in JSON, structured mode.

`source` and `id` identify an event, `time` orders its fact among others, `subject` is the account.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, AwareDatetime, ConfigDict, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from shared.clock import Clock
from shared.digest import digest
from shared.domain.delivery import Delivery
from shared.domain.registration import AccountIdField, Fact, RegistrationInput
from shared.errors import EventFromTheFuture, InvalidContent, UnknownEventType
from shared.model import SUBMITTED, Model
from shared.parsing import field_errors, json_value

#: How far a producer's clock may run ahead of ours.
_AHEAD = timedelta(minutes=5)
#: No fact about a customer is older.
_FIRST_YEAR = 1900


def _plausible(time: datetime) -> datetime:
    if time.year < _FIRST_YEAR:
        raise PydanticCustomError("time_implausible", "lies before 1900")
    return time


EventText = Annotated[str, StringConstraints(min_length=1, max_length=255)]
_Event = TypeVar("_Event", bound="CloudEvent")


class CloudEvent(Model):
    """The attributes that every event has. Extension attributes are allowed and ignored, unknown data is not."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    type: str
    source: EventText
    id: EventText
    time: Annotated[AwareDatetime, AfterValidator(_plausible)]
    subject: AccountIdField
    datacontenttype: Literal["application/json"] = "application/json"
    data: Model

    @property
    def fact(self) -> Fact:
        """What orders this event among the facts about an account."""
        return Fact(time=self.time, source=self.source, id=self.id)

    @property
    def fingerprint(self) -> str:
        """Equal for two deliveries of one event; different if an id was used again for another.

        Without defaults, so that a field that the model gains later does not make an old event a new one.
        """
        return digest(self.type, self.subject, self.time.isoformat(), self.data.model_dump_json(exclude_defaults=True))


class CustomerMigrated(CloudEvent):
    """What the old platform knew of a customer at `time`; `data` is a registration as the API takes it."""

    type: Literal["uk.psr.customer.migrated.v1"]
    data: RegistrationInput

    @model_validator(mode="after")
    def _speaks_of_its_subject(self) -> Self:
        if self.subject != self.data.account_id:
            raise PydanticCustomError("subject_differs", "subject and data.account_id differ")
        return self


def read_event(delivery: Delivery, clock: Clock, *models: type[_Event]) -> _Event:
    """The event in a message, as the one of `models` that its type names.

    Raises `MalformedJson`, `UnknownEventType`, `InvalidContent`, `EventFromTheFuture`.
    """
    value = json_value(delivery.data)
    named = value.get("type") if isinstance(value, dict) else None
    types = {model.model_fields["type"].annotation.__args__[0]: model for model in models}  # type: ignore[union-attr]
    if isinstance(named, str) and named not in types:
        raise UnknownEventType
    try:
        event = types.get(named, models[0]).model_validate_json(delivery.data, context=SUBMITTED)
    except ValidationError as error:
        raise InvalidContent(field_errors(error)) from None
    if event.time > clock.now() + _AHEAD:
        raise EventFromTheFuture
    return event
