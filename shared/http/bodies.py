"""Request bodies: within the limit, JSON, valid; what is wrong is told per field and without the value."""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from starlette.requests import Request

from shared.errors import FieldError, InvalidContent, MalformedJson, PayloadTooLarge, UnsupportedMediaType

LIMIT_BYTES = 256 * 1024

_Model = TypeVar("_Model", bound=BaseModel)
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

#: pydantic's own errors whose text may be shown as it is: it speaks of the rule, never of the value.
_PLAIN = {
    "bool_type",
    "date_from_datetime_inexact",
    "date_type",
    "dict_type",
    "enum",
    "extra_forbidden",
    "int_type",
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
_OURS = re.compile(
    r"(mpan|mprn|need|needs|supply_point|postcode|phone|birth_date|temporary_psr|nominee|end_is)_\w+"
    r"|blank|control_character|lookup_key|subject_differs"
)


async def read_body(request: Request, model: type[_Model], media_type: str) -> _Model:
    """The body as a model.

    Raises `UnsupportedMediaType`, `PayloadTooLarge`, `MalformedJson`, `InvalidContent`.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise UnsupportedMediaType(headers={"Accept-Patch" if request.method == "PATCH" else "Accept": media_type})
    return parse(await read_within(request, LIMIT_BYTES), model)


def parse(text: bytes, model: type[_Model]) -> _Model:
    """JSON text as a model. Raises `MalformedJson`, `InvalidContent`."""
    json_value(text)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise InvalidContent(field_errors(error)) from None


def json_value(text: bytes) -> Any:
    """Any JSON value. Raises `MalformedJson`."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        raise MalformedJson from None


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """What is wrong, per field, from types and places only."""
    return tuple(
        FieldError(_pointer(entry["loc"], entry["type"]), entry["type"], _detail(entry["type"], entry["msg"]))
        for entry in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _pointer(place: tuple[int | str, ...], kind: str) -> str:
    """A JSON Pointer. An unknown field's name is the caller's text, repeated only if it looks like a name."""
    if kind == "extra_forbidden" and not _FIELD_NAME.fullmatch(str(place[-1])):
        place = place[:-1]
    return "".join(f"/{part}" for part in place)


def _detail(kind: str, message: str) -> str:
    return message if kind in _PLAIN or _OURS.fullmatch(kind) else "is not valid"


async def read_within(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes. Raises `PayloadTooLarge`."""
    if int(request.headers.get("content-length") or 0) > limit:
        raise PayloadTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge
    return bytes(body)
