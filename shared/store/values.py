"""The values of a document's fields, as protobuf and as Python."""

from datetime import UTC, datetime
from typing import Any

Value = str | int | bool | datetime | None


def encode(target: Any, value: Value) -> None:
    """Set a protobuf value."""
    if isinstance(value, str):
        target.string_value = value
    elif value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.boolean_value = value
    elif isinstance(value, int):
        target.integer_value = value
    else:
        target.timestamp_value.FromDatetime(value.astimezone(UTC).replace(tzinfo=None))


def decode(value: Any) -> Value:
    """The Python value of a protobuf value."""
    kind = value.WhichOneof("value_type")
    if kind == "timestamp_value":
        return instant_of(value.timestamp_value)
    return None if kind == "null_value" else getattr(value, kind)


def instant_of(timestamp: Any) -> datetime:
    """A protobuf timestamp as an instant (UTC)."""
    return timestamp.ToDatetime(tzinfo=UTC)  # type: ignore[no-any-return]
