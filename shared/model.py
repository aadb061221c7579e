"""The base of every data model: immutable, strict, closed, and silent about the values it refuses."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Immutable; unknown fields are errors; no coercion; validation errors hide their input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
