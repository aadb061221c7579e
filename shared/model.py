"""The base of every data model: immutable and strict, without unknown fields, and without values in its errors."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

#: The validation context of requests and messages. Stored data is read without it, so that a rule added later for
#: submissions does not make stored data unreadable.
SUBMITTED: Final[dict[str, Any]] = {"submitted": True}


class Model(BaseModel):
    """Immutable. Unknown fields are errors, values are not coerced, and validation errors hide their input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
