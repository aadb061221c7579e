"""Read request bodies, of a supported type and size, and query parameters."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from shared.errors import MalformedParameter, UnsupportedMediaType
from shared.field_errors import field_error
from shared.parsing import field_errors, parse
from shared.runtime.body import read_within

LIMIT_BYTES = 256 * 1024

#: Content types of a body, by method. All patches are merge patches (RFC 7396), so plain JSON is accepted for one.
MEDIA_TYPES = {
    "POST": ("application/json",),
    "PATCH": ("application/merge-patch+json", "application/json"),
}

_Model = TypeVar("_Model", bound=BaseModel)


async def read_body(request: Request, model: type[_Model]) -> _Model:
    """Read the body into a model.

    Raises `UnsupportedMediaType`, `PayloadTooLarge`, `MalformedJson`, `InvalidContent`.
    """
    allowed = MEDIA_TYPES[request.method]
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        header = "Accept-Patch" if request.method == "PATCH" else "Accept"
        raise UnsupportedMediaType(headers={header: ", ".join(allowed)})
    return parse(await read_within(request, LIMIT_BYTES), model)


def read_query(request: Request, model: type[_Model] | None) -> _Model | None:
    """Read the query parameters into a model; None if the operation has none. Raises `MalformedParameter`."""
    given = request.query_params
    names = [name for name, _ in given.multi_items()]
    if len(names) != len(set(names)):
        raise MalformedParameter((field_error("", "parameter_repeated"),))
    if model is None:
        if names:
            raise MalformedParameter((field_error("", "parameter_unknown"),))
        return None
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        errors = field_errors(error)
        raise MalformedParameter(tuple(e._replace(pointer=e.pointer.removeprefix("/")) for e in errors)) from None
