"""The base of every data model: immutable, strict, closed, and silent about the values it refuses."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

#: The validation context of requests and messages. Stored models are read without it, so a rule that is added for
#: submissions leaves what was stored before it readable.
SUBMITTED: Final[dict[str, Any]] = {"submitted": True}


class Model(BaseModel):
    """Immutable; unknown fields are errors; no coercion; validation errors hide their input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
