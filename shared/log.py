"""Structured logs: a catalogue of events, each with a fixed text and the only fields that it may have.

Each entry is one line on stdout, a JSON object in Cloud Logging's format. The logger drops a field that is not in the
event's list and a value that does not have its field's form, reports that as `FIELD_DROPPED`, and the tests fail. No
field can hold personal data. The text of an exception can quote data, so only its type and place are written.
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
#: Whether entries are written. The command line writes none: its output is for the person who runs it.
writes_entries: ContextVar[bool] = ContextVar("writes_entries", default=True)
#: The platform's id of this execution. The platform's console groups lines by it.
execution_id: ContextVar[str] = ContextVar("execution_id", default="")


class Field(NamedTuple):
    """The form and the meaning of a field. Each value, or each item of a list, as text must match all of `form`."""

    form: str
    means: str


_NUMBER = r"-?[0-9]{1,9}"
_NAME = r"[A-Za-z_][A-Za-z0-9_.:<>-]{0,99}"
_UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

#: Every field of every event.
FIELDS: Mapping[str, Field] = {
    "age_seconds": Field(_NUMBER, "Seconds since the keys were fetched; absent if they never were"),
    "attempt": Field(_NUMBER, "Number of the delivery attempt; absent where Pub/Sub does not count attempts"),
    "caller": Field(r"[\x20-\x7e]{1,255}", "Subject of the access token (`sub`); only in the access log"),
    "caller_group": Field("[0-9a-f]{2}", "One of 256 groups of callers, by their subject; a metric's label"),
    "caller_kind": Field("agent|customer|network", "Kind of caller"),
    "changes": Field(_NUMBER, "Number of change log entries that were overwritten"),
    "closed": Field(_NUMBER, "Registrations that ended in this run, after their account's last day"),
    "day": Field(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "London day of the export, of the change or of the run"),
    "dropped": Field(_NAME, "Name of the field that was dropped"),
    "entries": Field(_NUMBER, "Number of feed entries that were overwritten"),
    "exception": Field(_NAME, "Type of the exception"),
    "ending_soon": Field(_NUMBER, "Registrations with a need that ends within 30 days"),
    "files": Field(_NUMBER, "Number of files"),
    "follow_ups": Field(_NUMBER, "Follow-ups that became due in this run"),
    "follow_ups_waiting": Field(_NUMBER, "Pending registrations whose follow-up is overdue"),
    "failed": Field(_NUMBER, "Number of messages that wait for a person"),
    "kind": Field(_NAME, "Outcome of the request or message (`ChangeKind`)"),
    "messages": Field(_NUMBER, "Number of quarantined messages that were overwritten"),
    "milliseconds": Field(_NUMBER, "From the request's arrival to its response"),
    "needs": Field(_NUMBER, "Needs that ended in this run"),
    "of_event": Field(_NAME, "Event that a field was dropped from"),
    "operation": Field(_NAME, "Operation of the API, or the function"),
    "part": Field(_NUMBER, "Number of the file's part"),
    "parts": Field(_NUMBER, "Number of parts of the day"),
    "pending": Field(_NUMBER, "Number of feed entries that wait for the release of their day"),
    "problem": Field(_NAME, "Code of the problem in the response (`shared/errors.py`)"),
    "purpose": Field(_NAME, "Purpose of reading that the caller states: claim `purpose`, else header `Psr-Purpose`"),
    "quarantine_id": Field("[0-9a-f]{40}", "Id of the quarantine record"),
    "reason": Field(
        r"(?!.*[0-9]{8})[A-Za-z0-9 .,:;|()'/_-]{1,400}", "A problem's code, or a sentence that says what to do"
    ),
    "recipient": Field(r"[A-Za-z0-9_]{1,20}", "Network operator (MPID), or `unroutable`"),
    "registration_id": Field(_UUID, "Keyed id of the registration"),
    "registration_ids": Field(_UUID, "Keyed ids of the registrations that were shown or requested"),
    "registrations": Field(_NUMBER, "Number of registrations that were shown"),
    "replayed": Field("True|False", "Whether the request or message had been applied before"),
    "reviews": Field(_NUMBER, "Reviews that became due in this run"),
    "reviews_waiting": Field(_NUMBER, "Registrations whose review is overdue"),
    "revision": Field(_NUMBER, "Revision of the export day"),
    "shown": Field(_NAME, "Class of fields shown (`Shows` in shared/http/access.py)"),
    "skipped": Field(_NUMBER, "Registrations that failed and did not change"),
    "status": Field(rf"{_NUMBER}|{_NAME}", "HTTP status, or status of the quarantine record"),
    "supply_points": Field(_NUMBER, "Number of supply points"),
    "version": Field(_NUMBER, "Version of the registration after the change"),
    "without_needs": Field(_NUMBER, "Registrations whose last need ended in this run, which makes them pending"),
    "where": Field(r"[A-Za-z0-9_.<>-]+:[0-9]+ [A-Za-z0-9_.<>]+", "Places in the code, outermost first"),
}

_FORMS = {name: re.compile(field.form) for name, field in FIELDS.items()}


class Event(Enum):
    """Every event: severity, text, fields, meaning. Alerts and queries depend on its name."""

    REQUEST_SERVED = (
        "INFO",
        "Request served",
        "operation status milliseconds problem",
        "One for each complete request, message delivery or scheduled run, successful or not.",
    )
    CLIENT_DISCONNECTED = (
        "INFO",
        "Client disconnected while sending its request",
        "operation",
        "The request never arrived completely, so the service did nothing and cannot send a response.",
    )
    REQUEST_FAILED = (
        "ERROR",
        "Request failed unexpectedly",
        "operation exception where",
        "The service has a defect: the code does not handle this exception. The caller got 500.",
    )
    REGISTRATIONS_READ = (
        "NOTICE",
        "Registrations shown",
        "operation caller caller_group caller_kind purpose shown registrations registration_ids",
        "Access log: a caller saw one or more registrations.",
    )
    ACCESS_REFUSED = (
        "NOTICE",
        "Caller was refused",
        "operation caller caller_kind purpose problem registration_ids",
        "Access log: a caller had no token or scope, or asked for a registration that is absent or not its own.",
    )
    ISSUER_KEYS_NOT_REFRESHED = (
        "WARNING",
        "Token issuer's signing keys could not be refreshed",
        "reason age_seconds",
        "Known keys are valid for 24 hours after the last fetch. Tokens that name another key get 503 until the next.",
    )
    CHANGE_STORED = (
        "INFO",
        "Change stored",
        "registration_id kind version replayed",
        "A request or message has its entry in the change log. An alert uses this event to measure progress.",
    )
    CHANGE_STORED_LATE = (
        "ERROR",
        "Change stored under a day that had closed",
        "registration_id day",
        "An instance froze during a commit, and the day may be released. Send it again with `psr export resend DAY`.",
    )
    DAY_PASSED = (
        "INFO",
        "Due dates applied",
        "day needs without_needs closed reviews follow_ups skipped ending_soon reviews_waiting follow_ups_waiting",
        "A run of `expire_needs`: its results, and, for a complete run, the work that waits for people (`psr needs`).",
    )
    REGISTRATION_SKIPPED = (
        "ERROR",
        "Registration skipped by a daily job",
        "registration_id exception",
        "A daily job (`expire_needs`, `erase_ended`) failed for one registration and continued with the others.",
    )
    SUPPLY_POINT_UNROUTABLE = (
        "WARNING",
        "Supply point of an unknown distributor",
        "registration_id",
        "The distributors' table lacks a supply point's network, so the export does not send that network the needs.",
    )
    MESSAGE_QUARANTINED = (
        "WARNING",
        "Message quarantined",
        "quarantine_id reason status",
        "A message could not be applied and is stored. `parked` is retried automatically, `failed` waits for a person.",
    )
    MESSAGE_STILL_PARKED = (
        "INFO",
        "Parked message still cannot be applied",
        "quarantine_id reason",
        "The message still waits for a registration, or for the release of a supply point. It is retried later.",
    )
    MESSAGE_NOT_REPLAYED = (
        "WARNING",
        "Parked message could not be published",
        "quarantine_id exception",
        "`replay_parked` failed for one message and continued with the others. It retries this message later.",
    )
    QUARANTINE_NEGLECTED = (
        "WARNING",
        "Quarantined messages wait for a person",
        "failed",
        "A failed message is more than three days old. `replay_parked` reports this once an hour.",
    )
    MESSAGE_GIVEN_BACK = (
        "WARNING",
        "Message returned to Pub/Sub for another attempt",
        "problem attempt",
        "A dependency failed; Pub/Sub delivers the message again.",
    )
    MESSAGE_DROPPED = (
        "NOTICE",
        "Message dropped",
        "problem",
        "A message was about a person whose data was erased, so it is not stored.",
    )
    REGISTRATION_ERASED = (
        "NOTICE",
        "Registration erased",
        "registration_id changes entries messages pending",
        "The retention period of an ended registration was over, or a deferred part of an erasure was completed.",
    )
    EXPORT_PLANNED = (
        "INFO",
        "Export day planned",
        "day revision parts supply_points",
        "A closed day was counted and divided into parts.",
    )
    EXPORT_PART_WRITTEN = (
        "INFO",
        "Export part written",
        "day revision recipient part supply_points",
        "One part of a recipient's data is in the bucket.",
    )
    EXPORT_DAY_RELEASED = (
        "NOTICE",
        "Export day released",
        "day revision files supply_points",
        "All counts agree and the day manifest is written, so the networks can fetch the day.",
    )
    EXPORT_STOPPED = (
        "ERROR",
        "Export stopped",
        "day reason",
        "A day cannot be released, and all later days wait for it. The reason says what to do.",
    )
    EXPORT_DAY_HELD = (
        "ERROR",
        "Export day on hold",
        "day revision reason",
        "A day differs so much from the days before it that a person must approve it before the networks get it.",
    )
    EXPORT_PART_NOT_WANTED = (
        "INFO",
        "Export part no longer needed",
        "day revision recipient",
        "A message asked for a part of a revision that has been replaced or released, so nothing was written.",
    )
    EXPORT_UNROUTABLE = (
        "ERROR",
        "Supply points without a known recipient",
        "day supply_points",
        "A released day has supply points of distributors that the table lacks, so no network got their data.",
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
        "The code has a defect: the catalogue does not allow a field or value that it logged. The value is not logged.",
    )

    def __init__(self, severity: str, text: str, fields: str, means: str) -> None:
        self.severity = severity
        self.text = text
        self.fields = fields.split()
        self.means = means


#: The access log: stored separately and longer, where data is real with locked retention.
ACCESS_LOG = (Event.REGISTRATIONS_READ, Event.ACCESS_REFUSED)


def log(event: Event, **fields: Any) -> None:
    """Write one event. A field that the catalogue does not allow is dropped and reported as `FIELD_DROPPED`."""
    if not writes_entries.get():
        return
    given = {name: value for name, value in fields.items() if value is not None}
    allowed = {name: value for name, value in given.items() if name in event.fields and has_form(name, value)}
    entry: dict[str, Any] = {"severity": event.severity, "message": event.text, "event": event.name, **allowed}
    if trace := trace_id.get():
        entry["logging.googleapis.com/trace"] = f"projects/{settings().project}/traces/{trace}"
    if execution := execution_id.get():
        entry["logging.googleapis.com/labels"] = {"execution_id": execution}
    line = to_json(entry, fallback=str).decode()
    # The framework replaces `sys.stdout` for each request, which mixes up the ids of concurrent ones.
    print(line + "\n", end="", file=sys.__stdout__, flush=True)
    for name in given.keys() - allowed.keys():
        log(Event.FIELD_DROPPED, of_event=event.name, dropped=name)


#: Jinja calls a block of a template "block 'main'".
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.<>]")


def log_failure(operation: str, error: BaseException) -> None:
    """Log an unexpected exception by its type and the places that it passed, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno} {_NOT_A_NAME.sub('_', f.name)}" for f in frames]
    log(Event.REQUEST_FAILED, operation=operation, exception=type(error).__qualname__, where=places[-8:])


def has_form(name: str, value: object) -> bool:
    """Whether a value has the form of a field of the catalogue."""
    values = value if isinstance(value, list | tuple) else [value]
    return all(_FORMS[name].fullmatch(str(one)) for one in values)
