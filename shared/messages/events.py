"""The events that the consumers read: CloudEvents 1.0 in JSON, structured mode.

`source` and `id` identify an event, `time` orders its fact among other facts, `subject` is the account.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, AwareDatetime, ConfigDict, StringConstraints, ValidationError, model_validator

from shared.clock import Clock
from shared.digest import digest
from shared.domain.delivery import Delivery
from shared.domain.registration import AccountIdField, Fact, RegistrationInput
from shared.errors import EventFromTheFuture, InvalidContent, UnknownEventType
from shared.field_errors import refusal
from shared.model import SUBMITTED, Model
from shared.parsing import field_errors, json_value

#: The tolerance for producers whose clocks are ahead of this service's clock.
_AHEAD = timedelta(minutes=5)
#: No fact about a customer is from before this year.
_FIRST_YEAR = 1900


def _plausible(time: datetime) -> datetime:
    if time.year < _FIRST_YEAR:
        raise refusal("time_implausible")
    return time


EventText = Annotated[str, StringConstraints(min_length=1, max_length=255)]
_Event = TypeVar("_Event", bound="CloudEvent")


class CloudEvent(Model):
    """The attributes of every event. Extension attributes are allowed and ignored; unknown data is refused."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    type: str
    source: EventText
    id: EventText
    time: Annotated[AwareDatetime, AfterValidator(_plausible)]
    subject: AccountIdField
    datacontenttype: Literal["application/json"] = "application/json"
    data: Model

    @classmethod
    def event_type(cls) -> str:
        """The `type` of this class's events."""
        (name,) = get_args(cls.model_fields["type"].annotation)
        return str(name)

    @property
    def fact(self) -> Fact:
        """The fact that orders this event among the others about an account."""
        return Fact(time=self.time, source=self.source, id=self.id)

    @property
    def fingerprint(self) -> str:
        """Equal for two deliveries of one event, different for two events with the same id.

        Defaults are left out, so that a new field of the model does not change the fingerprint of an old event.
        """
        return digest(self.type, self.subject, self.time.isoformat(), self.data.model_dump_json(exclude_defaults=True))


class CustomerMigrated(CloudEvent):
    """The old platform's data about a customer at `time`; `data` has the form of a registration in the API."""

    type: Literal["uk.psr.customer.migrated.v1"]
    data: RegistrationInput

    @model_validator(mode="after")
    def _is_about_its_subject(self) -> Self:
        if self.subject != self.data.account_id:
            raise refusal("subject_differs")
        return self


def read_event(delivery: Delivery, clock: Clock, *models: type[_Event]) -> _Event:
    """Read the event in a message, as the one of `models` that its type names.

    Raises `MalformedJson`, `UnknownEventType`, `InvalidContent`, `EventFromTheFuture`.
    """
    value = json_value(delivery.data)
    event_type = value.get("type") if isinstance(value, dict) else None
    by_type = {model.event_type(): model for model in models}
    if isinstance(event_type, str) and event_type not in by_type:
        raise UnknownEventType
    model = by_type[event_type] if isinstance(event_type, str) else models[0]
    try:
        event = model.model_validate_json(delivery.data, context=SUBMITTED)
    except ValidationError as error:
        raise InvalidContent(field_errors(error)) from None
    if event.time > clock.now() + _AHEAD:
        raise EventFromTheFuture
    return event
