"""Parse JSON text into models. Errors name the field and the rule that it breaks, and never hold the value."""

import re
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from pydantic_core.core_schema import ErrorType

from shared.errors import FieldError, InvalidContent, MalformedJson
from shared.model import SUBMITTED

_Model = TypeVar("_Model", bound=BaseModel)
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

#: The type of pydantic's error for a field that a model does not have.
UNKNOWN_FIELD = "extra_forbidden"

#: Types of pydantic's errors whose text is shown: it describes the rule and never holds the value.
_PLAIN = frozenset(
    {
        "bool_type",
        "date_from_datetime_inexact",
        "date_parsing",
        "date_type",
        "dict_type",
        "enum",
        UNKNOWN_FIELD,
        "greater_than_equal",
        "int_type",
        "less_than_equal",
        "list_type",
        "literal_error",
        "missing",
        "model_type",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "string_type",
        "too_long",
        "too_short",
    }
)
#: The other types of pydantic's errors, whose text is hidden. All further types are of our own rules, with fixed texts.
_OPAQUE = frozenset(get_args(ErrorType)) - _PLAIN


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
    return tuple(
        FieldError(json_pointer(entry["loc"], entry["type"]), entry["type"], _detail(entry["type"], entry["msg"]))
        for entry in error.errors(include_url=False, include_context=False, include_input=False)
    )


def json_pointer(place: tuple[int | str, ...], kind: str) -> str:
    """A JSON Pointer. An unknown field's name is the caller's text, so it is shown only if it looks like a name."""
    if kind == UNKNOWN_FIELD and not _FIELD_NAME.fullmatch(str(place[-1])):
        place = place[:-1]
    return "".join(f"/{part}" for part in place)


def _detail(kind: str, message: str) -> str:
    return "is not valid" if kind in _OPAQUE else message
