"""Request bodies, of the right type and within the limit; query parameters."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from shared.errors import FieldError, MalformedParameter, UnsupportedMediaType
from shared.parsing import field_errors, parse
from shared.runtime.body import read_within

LIMIT_BYTES = 256 * 1024

#: What a body may be declared as. A patch has one meaning here, so plain JSON is taken for a merge patch (RFC 7396).
MEDIA_TYPES = {
    "POST": ("application/json",),
    "PATCH": ("application/merge-patch+json", "application/json"),
}

_Model = TypeVar("_Model", bound=BaseModel)


async def read_body(request: Request, model: type[_Model]) -> _Model:
    """The body as a model.

    Raises `UnsupportedMediaType`, `PayloadTooLarge`, `MalformedJson`, `InvalidContent`.
    """
    allowed = MEDIA_TYPES[request.method]
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        header = "Accept-Patch" if request.method == "PATCH" else "Accept"
        raise UnsupportedMediaType(headers={header: ", ".join(allowed)})
    return parse(await read_within(request, LIMIT_BYTES), model)


def read_query(request: Request, model: type[_Model] | None) -> _Model | None:
    """The query parameters as a model; None where an operation takes none. Raises `MalformedParameter`."""
    given = request.query_params
    names = [name for name, _ in given.multi_items()]
    if len(names) != len(set(names)):
        raise MalformedParameter((FieldError("", "repeated", "each parameter may stand once"),))
    if model is None:
        if names:
            raise MalformedParameter((FieldError("", "extra_forbidden", "this operation takes no parameters"),))
        return None
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        errors = field_errors(error)
        raise MalformedParameter(tuple(e._replace(pointer=e.pointer.removeprefix("/")) for e in errors)) from None
