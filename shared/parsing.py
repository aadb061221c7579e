"""Parse JSON text into models. Errors name the field and the rule that it breaks, and never hold the value."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from shared.errors import FieldError, InvalidContent, MalformedJson
from shared.field_errors import field_error_of
from shared.model import SUBMITTED

_Model = TypeVar("_Model", bound=BaseModel)


def parse(text: bytes, model: type[_Model]) -> _Model:
    """Parse JSON text into a model, by the rules for submissions. Raises `MalformedJson`, `InvalidContent`."""
    json_value(text)
    return validate(text, model)


def validate(text: bytes, model: type[_Model], context: Any = SUBMITTED) -> _Model:
    """Parse JSON text that is known to be well-formed. Raises `InvalidContent`."""
    try:
        return model.model_validate_json(text, context=context)
    except ValidationError as error:
        raise InvalidContent(field_errors(error)) from None


def json_value(text: bytes) -> Any:
    """Parse JSON text into plain Python values. Raises `MalformedJson`."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise MalformedJson from None


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """The errors per field, from error types and places only."""
    return tuple(field_error_of(entry) for entry in error.errors(include_url=False, include_input=False))
