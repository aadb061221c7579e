"""Structured logs: a catalogue of events with fixed text, and the only fields that each may carry.

One JSON object a line on stdout, in Cloud Logging's form. A field outside an event's list, or a value that does not
have its field's form, is dropped and noted, and fails the tests. Personal data has no field to be in; exception text,
which may quote data, is never written, only the type and the place.
"""

import re
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import to_json

from shared.settings import settings

#: The trace of the request being served (W3C trace context, 32 hex digits).
trace_id: ContextVar[str] = ContextVar("trace_id", default="")
#: The platform's own id of this execution, by which its console groups lines.
execution_id: ContextVar[str] = ContextVar("execution_id", default="")


class Field(NamedTuple):
    """What a field holds. Every value, and each of a list, must match `form` whole when written as text."""

    form: str
    means: str


_NUMBER = r"-?[0-9]{1,9}"
_NAME = r"[A-Za-z_][A-Za-z0-9_.:<>-]{0,99}"
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

#: Every field of every event.
FIELDS: Mapping[str, Field] = {
    "age_seconds": Field(_NUMBER, "How long ago the keys were fetched; absent if they never were"),
    "attempt": Field(_NUMBER, "Which delivery of the message this was; absent where Pub/Sub does not count"),
    "caller": Field(r"[\x20-\x7e]{1,255}", "Subject of the access token (`sub`); only in the access log"),
    "caller_group": Field("[0-9a-f]{2}", "One of 256 groups that callers fall into by their subject; a metric's label"),
    "caller_kind": Field("agent|customer|network", "Kind of caller"),
    "changes": Field(_NUMBER, "How many entries of the change log were overwritten"),
    "closed": Field(_NUMBER, "Registrations that ended in this run, after their account's last day"),
    "day": Field(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "London day of the export, or that has begun"),
    "dropped": Field(_NAME, "Name of the field that was dropped"),
    "entries": Field(_NUMBER, "How many feed entries were overwritten"),
    "exception": Field(_NAME, "Type of the exception"),
    "ending_soon": Field(_NUMBER, "Registrations with a need that ends within 30 days"),
    "files": Field(_NUMBER, "How many files"),
    "follow_ups": Field(_NUMBER, "Follow-ups that fell due in this run"),
    "follow_ups_waiting": Field(_NUMBER, "Pending registrations whose follow-up is due and not done"),
    "failed": Field(_NUMBER, "How many messages wait for a person"),
    "kind": Field(_NAME, "What came of the request or message (`ChangeKind`)"),
    "messages": Field(_NUMBER, "How many quarantined messages were overwritten"),
    "milliseconds": Field(_NUMBER, "From the request's arrival to its answer"),
    "needs": Field(_NUMBER, "Needs that ended in this run"),
    "of_event": Field(_NAME, "Event that a field was dropped from"),
    "operation": Field(_NAME, "Operation of the API, or the function"),
    "part": Field(_NUMBER, "Number of the file's part"),
    "parts": Field(_NUMBER, "How many parts the day has"),
    "pending": Field(_NUMBER, "How many feed entries wait for the release of their day"),
    "problem": Field(_NAME, "Code of the problem that was answered (`shared/errors.py`)"),
    "purpose": Field(_NAME, "What the caller said that it reads for: claim `purpose`, else header `Psr-Purpose`"),
    "quarantine_id": Field("[0-9a-f]{40}", "Id of the quarantine record"),
    "reason": Field(
        r"(?!.*[0-9]{8})[A-Za-z0-9 .,:;|()'/_-]{1,400}", "A problem's code, or a sentence without data on what to do"
    ),
    "recipient": Field(r"[A-Za-z0-9_]{1,20}", "Network operator (MPID), or `unroutable`"),
    "registration_id": Field(_UUID, "Keyed id of the registration"),
    "registration_ids": Field(_UUID, "Keyed ids of the registrations shown or asked for"),
    "registrations": Field(_NUMBER, "How many registrations were shown"),
    "replayed": Field("True|False", "Whether it had been applied before"),
    "reviews": Field(_NUMBER, "Reviews that fell due in this run"),
    "reviews_waiting": Field(_NUMBER, "Registrations whose review is due and not done"),
    "revision": Field(_NUMBER, "Revision of the export day"),
    "shown": Field(_NAME, "Class of fields shown (`Shows` in shared/http/access.py)"),
    "skipped": Field(_NUMBER, "Registrations that met a fault and stay as they were"),
    "status": Field(rf"{_NUMBER}|{_NAME}", "HTTP status, or status of the quarantine record"),
    "supply_points": Field(_NUMBER, "How many supply points"),
    "version": Field(_NUMBER, "Version of the registration after the change"),
    "without_needs": Field(_NUMBER, "Registrations whose last need ended in this run; they are pending now"),
    "where": Field(r"[A-Za-z0-9_.<>-]+:[0-9]+ [A-Za-z0-9_.<>]+", "Places in the code, outermost first"),
}

_FORMS = {name: re.compile(field.form) for name, field in FIELDS.items()}


class Event(Enum):
    """Every event; its name is its code, which alerts and queries depend on: severity, text, fields, meaning."""

    REQUEST_SERVED = (
        "INFO",
        "Request served",
        "operation status milliseconds problem",
        "One for each complete request, message delivery or scheduled run, whatever came of it.",
    )
    CLIENT_DISCONNECTED = (
        "INFO",
        "Client disconnected while sending its request",
        "operation",
        "The request never arrived whole, nothing was done, and there is nobody to answer.",
    )
    REQUEST_FAILED = (
        "ERROR",
        "Request failed unexpectedly",
        "operation exception where",
        "A defect: no rule of the service foresees it. The caller got 500.",
    )
    REGISTRATIONS_READ = (
        "NOTICE",
        "Registrations shown",
        "operation caller caller_group caller_kind purpose shown registrations registration_ids",
        "Access log: a caller was shown one registration or many.",
    )
    ACCESS_REFUSED = (
        "NOTICE",
        "Caller was refused",
        "operation caller caller_kind purpose problem registration_ids",
        "Access log: a caller without token or scope, or who asked for what is not there or not its own.",
    )
    ISSUER_KEYS_NOT_REFRESHED = (
        "WARNING",
        "Token issuer's signing keys could not be refreshed",
        "reason age_seconds",
        "Known keys count for 24 hours after they were last fetched. Tokens that name another key get 503 meanwhile.",
    )
    CHANGE_STORED = (
        "INFO",
        "Change stored",
        "registration_id kind version replayed",
        "A request or message has its entry in the change log. Forward progress of the consumers is measured by it.",
    )
    CHANGE_STORED_LATE = (
        "ERROR",
        "Change stored under a day that had closed",
        "registration_id day",
        "An instance froze as it was committing; the day may be out already: `psr export resend DAY` tells it again.",
    )
    DAY_PASSED = (
        "INFO",
        "Needs and accounts that had run out were ended, reviews and follow-ups that fell due were noted",
        "day needs without_needs closed reviews follow_ups skipped ending_soon reviews_waiting follow_ups_waiting",
        "A run of `expire_needs`: what it did, and what waits for people (`psr needs`) if the run came to its end.",
    )
    REGISTRATION_SKIPPED = (
        "ERROR",
        "Registration was not brought up to the day",
        "registration_id exception",
        "A daily job (`expire_needs`, `erase_ended`) met a fault with one registration and continued with the others.",
    )
    SUPPLY_POINT_UNROUTABLE = (
        "WARNING",
        "Supply point of an unknown distributor",
        "registration_id",
        "Someone was registered whose network the distributors' table lacks: nobody tells that network of them.",
    )
    MESSAGE_QUARANTINED = (
        "WARNING",
        "Message quarantined",
        "quarantine_id reason status",
        "A message could not be applied and is kept: `parked` is tried again by itself, `failed` waits for a person.",
    )
    MESSAGE_STILL_PARKED = (
        "INFO",
        "Parked message was tried and still cannot be applied",
        "quarantine_id reason",
        "The registration or the supply point that it waits for is not there yet. It is tried again later.",
    )
    MESSAGE_NOT_REPLAYED = (
        "WARNING",
        "Parked message could not be published again",
        "quarantine_id exception",
        "`replay_parked` met a fault with one message and continued with the others; it tries this one again later.",
    )
    QUARANTINE_NEGLECTED = (
        "WARNING",
        "Quarantined messages wait for a person",
        "failed",
        "One that has failed is more than three days old. `replay_parked` says so once an hour.",
    )
    MESSAGE_GIVEN_BACK = (
        "WARNING",
        "Message given back for another attempt",
        "problem attempt",
        "A dependency failed; Pub/Sub delivers the message again.",
    )
    MESSAGE_DROPPED = (
        "NOTICE",
        "Message dropped",
        "problem",
        "A message spoke of someone whose data was erased. It is not kept.",
    )
    REGISTRATION_ERASED = (
        "NOTICE",
        "Registration erased",
        "registration_id changes entries messages pending",
        "The retention of an ended registration was over, or what an erasure had left for later was erased.",
    )
    EXPORT_PLANNED = (
        "INFO",
        "Export day planned",
        "day revision parts supply_points",
        "A closed day was counted and cut into parts, and each part asked for.",
    )
    EXPORT_PART_WRITTEN = (
        "INFO",
        "Export part written",
        "day revision recipient part supply_points",
        "One part of one recipient's file is in the bucket.",
    )
    EXPORT_DAY_RELEASED = (
        "NOTICE",
        "Export day released",
        "day revision files supply_points",
        "Every count agreed and the manifest is written: the networks can fetch the day.",
    )
    EXPORT_STOPPED = (
        "ERROR",
        "Export stopped",
        "day reason",
        "A day cannot be released as it is, and holds all later ones. The reason says what to do.",
    )
    EXPORT_DAY_HELD = (
        "ERROR",
        "Export day written but not released",
        "day revision reason",
        "A day differs so much from those before it that a person must look before the networks get it.",
    )
    EXPORT_PART_NOT_WANTED = (
        "INFO",
        "Export part not wanted any more",
        "day revision recipient",
        "A message asked for a part of a revision that was replaced; nothing was written.",
    )
    EXPORT_UNROUTABLE = (
        "ERROR",
        "Supply points without a known recipient",
        "day supply_points",
        "A released day has supply points of distributors that the table lacks: their networks were not told.",
    )
    EXPORT_UP_TO_DATE = (
        "INFO",
        "No closed day is waiting for export",
        "day",
        "The export ran and had nothing to do.",
    )
    FIELD_DROPPED = (
        "ERROR",
        "A log field was dropped",
        "of_event dropped",
        "A defect: code logged a field or a value that the catalogue does not allow. The value was not written.",
    )

    def __init__(self, severity: str, text: str, fields: str, means: str) -> None:
        self.severity = severity
        self.text = text
        self.fields = fields.split()
        self.means = means


#: The access log: kept apart from the others, longer, and where data is real with locked retention.
ACCESS_LOG = (Event.REGISTRATIONS_READ, Event.ACCESS_REFUSED)


def log(event: Event, **fields: Any) -> None:
    """Write one event. What the catalogue does not allow is dropped, and noted as `FIELD_DROPPED`."""
    given = {name: value for name, value in fields.items() if value is not None}
    allowed = {name: value for name, value in given.items() if name in event.fields and has_form(name, value)}
    entry: dict[str, Any] = {"severity": event.severity, "message": event.text, "event": event.name, **allowed}
    if trace := trace_id.get():
        entry["logging.googleapis.com/trace"] = f"projects/{settings().project}/traces/{trace}"
    if execution := execution_id.get():
        entry["logging.googleapis.com/labels"] = {"execution_id": execution}
    line = to_json(entry, fallback=str).decode()
    # Not `sys.stdout`, which the framework replaces for each request, so that concurrent ones mix up their ids.
    print(line + "\n", end="", file=sys.__stdout__, flush=True)
    for name in given.keys() - allowed.keys():
        log(Event.FIELD_DROPPED, of_event=event.name, dropped=name)


def log_failure(operation: str, error: BaseException) -> None:
    """Write an unexpected exception as its type and the places it passed, without its text."""
    places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    log(Event.REQUEST_FAILED, operation=operation, exception=type(error).__qualname__, where=places[-8:])


def has_form(name: str, value: object) -> bool:
    """Whether a value may stand in a field of the catalogue."""
    values = value if isinstance(value, list | tuple) else [value]
    return all(_FORMS[name].fullmatch(str(one)) for one in values)
