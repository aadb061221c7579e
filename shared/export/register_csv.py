"""The register as CSV, for recipients without an industry flow, such as the gas shipper.

RFC 4180 in UTF-8, with CR LF at the end of each line. The first line names the columns, and every other line has as
many values: one `set` or `delete` for each supply point, then one `end` with their number, which reveals a truncated
file. A `set` replaces all of the receiver's data about the supply point, a `delete` removes it. Days are in London
time, times in UTC. `needs` has the categories (DTC J1699) with the day on which each is expected to end,
`02 29:2029-03-14`. `notes` has their notes, `33=home from hospital`, separated by ` | `; a `|` within a note is
doubled. A name or an address line that does not begin with a letter or a digit gets an apostrophe in front, so that no
spreadsheet reads it as a formula; the reader removes the apostrophe. The format is our own: docs/export.md describes it
for receivers.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from shared.clock import rfc3339
from shared.domain.needs import NeedCode
from shared.domain.supply_points import Mpan, Mprn, SupplyPoint
from shared.export.envelope import BadFile, Envelope

SET, DELETE, END = "set", "delete", "end"

_LINES = 9
_PHONES = 2
#: The values of the file itself are on every line, so that each line names its file.
_FILE = ("file_id", "sender", "receiver", "created_at", "test_flag")
_PEOPLE = ("contact_name", "phone_1", "phone_2", "alternate_name", "alternate_phone_1", "alternate_phone_2")
_PREMISES = (*(f"premises_line_{number}" for number in range(1, _LINES + 1)), "premises_postcode")
_CONTACT = (*(f"contact_line_{number}" for number in range(1, _LINES + 1)), "contact_postcode")
COLUMNS = (
    *("record", *_FILE, "supply_point_type", "supply_point"),
    *(*_PEOPLE, *_PREMISES, *_CONTACT, "needs", "notes", "supply_points"),
)
_TYPES: dict[str, type[Mpan | Mprn]] = {"mpan": Mpan, "mprn": Mprn}
#: Marks a value as text for spreadsheets.
_TEXT_MARK = "'"
_BETWEEN_NOTES = " | "
#: Characters that a line cannot have. The API refuses them.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Need(NamedTuple):
    """A category, the last day on which it is expected to apply, and a note."""

    code: str
    ends_on: date | None = None
    note: str = ""


class Address(NamedTuple):
    """At most nine lines, and a postcode."""

    lines: tuple[str, ...] = ()
    postcode: str = ""


class Details(NamedTuple):
    """All data about one supply point that the receiver keeps from now on; none, if there are no needs."""

    supply_point: SupplyPoint
    contact_name: str = ""
    phones: tuple[str, ...] = ()
    alternate_name: str = ""
    alternate_phones: tuple[str, ...] = ()
    premises: Address = Address()
    contact: Address = Address()
    needs: tuple[Need, ...] = ()


class File(NamedTuple):
    """A whole file."""

    envelope: Envelope
    details: tuple[Details, ...]


class Writer:
    """Writes a file, one supply point at a time."""

    def __init__(self, envelope: Envelope) -> None:
        self._file = (
            envelope.file_id,
            envelope.sender,
            envelope.receiver,
            rfc3339(envelope.created_at),
            envelope.test_flag,
        )
        self._text = io.StringIO()
        self._csv = csv.writer(self._text, lineterminator="\r\n")
        self._csv.writerow(COLUMNS)
        self.rows = 0

    def add(self, details: Details) -> None:
        """Write a supply point."""
        needs = details.needs
        self._csv.writerow(
            (
                *(SET if needs else DELETE, *self._file, details.supply_point.fuel.value, details.supply_point),
                *(_safe(details.contact_name), *_filled(details.phones, _PHONES)),
                *(_safe(details.alternate_name), *_filled(details.alternate_phones, _PHONES)),
                *(*_address(details.premises), *_address(details.contact)),
                " ".join(f"{need.code}:{need.ends_on}" if need.ends_on else need.code for need in needs),
                _BETWEEN_NOTES.join(f"{need.code}={_note(need.note)}" for need in needs if need.note),
                "",
            )
        )
        self.rows += 1

    def file(self) -> bytes:
        """The whole file."""
        blank = [""] * (len(COLUMNS) - len(self._file) - 2)
        end = io.StringIO()
        csv.writer(end, lineterminator="\r\n").writerow((END, *self._file, *blank, self.rows))
        return (self._text.getvalue() + end.getvalue()).encode()


def write(file: File) -> bytes:
    """Write a whole file."""
    writer = Writer(file.envelope)
    for details in file.details:
        writer.add(details)
    return writer.file()


def read(content: bytes) -> File:
    """Read a file: `read(write(file)) == file` for text without control characters. Raises `BadFile`.

    The line numbers count records, because no value can have a line end.
    """
    *lines, end = _lines(content)
    envelope = _envelope(end)
    details: list[Details] = []
    seen: set[str] = set()
    for line in lines:
        if _envelope(line) != envelope:
            raise BadFile(line.number, "has other file values than the end record")
        one = _details(line)
        if one.supply_point in seen:
            raise BadFile(line.number, "repeats a supply point")
        seen.add(one.supply_point)
        details.append(one)
    if end.values["supply_points"] != str(len(details)):
        raise BadFile(end.number, f"the end record's number is not the {len(details)} supply points of the file")
    return File(envelope, tuple(details))


class _Line(NamedTuple):
    number: int
    values: dict[str, str]


def _lines(content: bytes) -> list[_Line]:
    """The records after the column names. The last one is the end record."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadFile(1, "is not UTF-8") from None
    records = list(csv.reader(io.StringIO(text, newline=""), strict=True)) if text.endswith("\r\n") else []
    if not records or tuple(records[0]) != COLUMNS:
        raise BadFile(1, "the file does not begin with the names of the columns, or its last line has no line end")
    lines = []
    for number, values in enumerate(records[1:], start=2):
        if len(values) != len(COLUMNS):
            raise BadFile(number, f"has {len(values)} values, but there are {len(COLUMNS)} columns")
        lines.append(_Line(number, dict(zip(COLUMNS, values, strict=True))))
    if not lines or lines[-1].values["record"] != END:
        raise BadFile(len(records), "the file does not end with an end record")
    return lines


def _envelope(line: _Line) -> Envelope:
    try:
        created_at = datetime.fromisoformat(line.values["created_at"])
    except ValueError:
        created_at = None
    if created_at is None or created_at.tzinfo is None:
        raise BadFile(line.number, "created_at is not a time (RFC 3339)")
    values = line.values
    return Envelope(values["file_id"], values["sender"], values["receiver"], created_at, values["test_flag"])


def _details(line: _Line) -> Details:
    values = line.values
    if values["record"] not in (SET, DELETE):
        raise BadFile(line.number, "record is neither set nor delete")
    needs = _needs(line)
    if bool(needs) != (values["record"] == SET):
        raise BadFile(line.number, "a set has needs, a delete has none")
    return Details(
        supply_point=_supply_point(line),
        contact_name=_read_text(values["contact_name"]),
        phones=_texts(line, "phone_1", "phone_2"),
        alternate_name=_read_text(values["alternate_name"]),
        alternate_phones=_texts(line, "alternate_phone_1", "alternate_phone_2"),
        premises=_read_address(line, _PREMISES),
        contact=_read_address(line, _CONTACT),
        needs=needs,
    )


def _supply_point(line: _Line) -> SupplyPoint:
    kind = _TYPES.get(line.values["supply_point_type"])
    if kind is None:
        raise BadFile(line.number, "supply_point_type is neither mpan nor mprn")
    try:
        return kind.parse(line.values["supply_point"])
    except PydanticCustomError as error:
        raise BadFile(line.number, f"supply_point: {error.message_template}") from None


def _needs(line: _Line) -> tuple[Need, ...]:
    notes = {}
    for text in line.values["notes"].split(_BETWEEN_NOTES):
        code, _, note = text.partition("=")
        notes[code] = _read_note(note)
    return tuple(_need(line, text, notes) for text in line.values["needs"].split())


def _need(line: _Line, text: str, notes: Mapping[str, str]) -> Need:
    code, _, ends_on = text.partition(":")
    try:
        return Need(NeedCode.parse(code), date.fromisoformat(ends_on) if ends_on else None, notes.get(code, ""))
    except PydanticCustomError as error:
        raise BadFile(line.number, f"needs: {error.message_template}") from None
    except ValueError:
        raise BadFile(line.number, "needs: an end is not a date (ISO 8601)") from None


def _filled(texts: Sequence[str], count: int) -> list[str]:
    """The texts, padded with empty values to the number of columns. Raises `ValueError` if there are more."""
    if len(texts) > count:
        raise ValueError(f"more than {count} values")
    return [*texts, *[""] * (count - len(texts))]


def _address(address: Address) -> list[str]:
    return [*_filled([_safe(line) for line in address.lines], _LINES), address.postcode]


def _read_address(line: _Line, columns: Sequence[str]) -> Address:
    *lines, postcode = columns
    return Address(_texts(line, *lines), line.values[postcode])


def _texts(line: _Line, *columns: str) -> tuple[str, ...]:
    """The texts in several columns, without the empty ones at the end."""
    texts = [_read_text(line.values[column]) for column in columns]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def _safe(text: str) -> str:
    """The text on one line, so that no spreadsheet reads it as a formula. `_read_text` is the reverse.

    A text that does not begin with a letter or a digit can look like `=` to a spreadsheet, for example in full width,
    or after a zero-width space or a byte order mark.
    """
    line = _one_line(text)
    return line if not line or line[0].isalnum() else f"{_TEXT_MARK}{line}"


def _read_text(value: str) -> str:
    return value.removeprefix(_TEXT_MARK)


def _note(text: str) -> str:
    """A note among others. Its code is in front of it, so no spreadsheet reads it as a formula."""
    return _one_line(text).replace("|", "||")


def _read_note(value: str) -> str:
    return value.replace("||", "|")


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text)
