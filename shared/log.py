"""Structured logs: a catalogue of events with fixed text, and the only fields that each may carry.

One JSON object a line on stdout, as Cloud Logging reads it. A field outside an event's list is dropped, and fails the
tests (`strict`). Personal data has no field to be in; exception text, which may quote data, is never written, only
the type and the place.
"""

import json
import sys
import traceback
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Any

from shared.settings import settings

#: The trace of the request being served (W3C trace context, 32 hex digits).
trace_id: ContextVar[str] = ContextVar("trace_id", default="")


class Event(Enum):
    """Every event: severity, text, fields allowed."""

    REQUEST_SERVED = ("INFO", "Request served", ("operation", "status", "milliseconds", "problem"))
    REQUEST_FAILED = ("ERROR", "Request failed unexpectedly", ("operation", "exception", "where"))
    REGISTRATIONS_READ = ("NOTICE", "Registrations read", ("operation", "caller", "registration_ids"))
    ACCESS_REFUSED = ("NOTICE", "Caller asked for what is not its own", ("caller",))
    CHANGE_STORED = ("INFO", "Change stored", ("registration_id", "kind", "version", "replayed"))
    SUPPLY_POINT_UNROUTABLE = ("WARNING", "Supply point of an unknown distributor", ("registration_id",))
    MESSAGE_QUARANTINED = ("WARNING", "Message quarantined", ("quarantine_id", "reason", "status"))
    MESSAGE_GIVEN_BACK = ("WARNING", "Message given back for another attempt", ("problem", "attempt"))
    EXPORT_PLANNED = ("INFO", "Export day planned", ("day", "revision", "parts", "supply_points"))
    EXPORT_PART_WRITTEN = (
        "INFO",
        "Export part written",
        ("day", "revision", "recipient", "part", "supply_points"),
    )
    EXPORT_DAY_RELEASED = ("NOTICE", "Export day released", ("day", "revision", "files", "supply_points"))
    EXPORT_STOPPED = ("ERROR", "Export stopped", ("day", "reason"))
    EXPORT_DAY_HELD = ("ERROR", "Export day written but not released", ("day", "revision", "reason"))
    EXPORT_PART_NOT_WANTED = ("INFO", "Export part not wanted any more", ("day", "revision", "recipient"))
    EXPORT_UNROUTABLE = ("ERROR", "Supply points without a known recipient", ("day", "supply_points"))
    EXPORT_UP_TO_DATE = ("INFO", "No closed day is waiting for export", ("day",))

    def __init__(self, severity: str, text: str, fields: tuple[str, ...]) -> None:
        self.severity = severity
        self.text = text
        self.fields = fields


def log(event: Event, **fields: Any) -> None:
    """Write one event. Fields that the event does not list are dropped."""
    entry = {"severity": event.severity, "message": event.text, "event": event.name}
    entry.update({name: value for name, value in fields.items() if name in event.fields})
    if trace := trace_id.get():
        entry["logging.googleapis.com/trace"] = f"projects/{settings().project}/traces/{trace}"
    sys.__stdout__.write(json.dumps(entry, default=str) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def log_failure(operation: str, error: BaseException) -> None:
    """Write an unexpected exception as its type and the places it passed, without its text."""
    places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    log(Event.REQUEST_FAILED, operation=operation, exception=type(error).__qualname__, where=places[-8:])
