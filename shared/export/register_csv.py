"""The register as CSV: for recipients without an industry flow of their own, such as the gas shipper.

RFC 4180 in UTF-8, lines ending in CR LF. The first line names the columns, every other line has as many values:
one `set` or `delete` a supply point, then one `end` with their number, so that a cut file is seen. A `set` replaces all
that the receiver had of the supply point, a `delete` leaves nothing. Days are London's, times UTC. `needs` has the
categories (DTC J1699) with the day on which each is expected to end, `02 29:2029-03-14`; `notes` has words to them,
`33=home from hospital`, separated by ` | `; a `|` of their own is doubled. A name or an address line that begins with
neither a letter nor a digit has an apostrophe before it, so that no spreadsheet takes it for a formula; the reader
removes it. Source: ours; docs/export.md is the description that receivers get.
"""

import csv
import io
import re
from collections.abc import Sequence
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
#: A file's own values, on every line, so that a line says where it belongs.
_FILE = ("file_id", "sender", "receiver", "created_at", "test_flag")
_PEOPLE = ("contact_name", "phone_1", "phone_2", "alternate_name", "alternate_phone_1", "alternate_phone_2")
_PREMISES = (*(f"premises_line_{number}" for number in range(1, _LINES + 1)), "premises_postcode")
_CONTACT = (*(f"contact_line_{number}" for number in range(1, _LINES + 1)), "contact_postcode")
COLUMNS = (
    *("record", *_FILE, "supply_point_type", "supply_point"),
    *(*_PEOPLE, *_PREMISES, *_CONTACT, "needs", "notes", "supply_points"),
)
_TYPES: dict[str, type[Mpan | Mprn]] = {"mpan": Mpan, "mprn": Mprn}
#: Tells a spreadsheet that what follows is text.
_TEXT = "'"
_BETWEEN_NOTES = " | "
#: What cannot stand on a line; the API takes none of it.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Need(NamedTuple):
    """A category, the last day on which it is expected to hold, words to it."""

    code: str
    ends_on: date | None = None
    note: str = ""


class Address(NamedTuple):
    """At most nine lines, and a postcode."""

    lines: tuple[str, ...] = ()
    postcode: str = ""


class Details(NamedTuple):
    """All that the receiver shall hold of one supply point from now on: nothing, if there are no needs."""

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
    """Makes a file, one supply point at a time."""

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
    """A whole file."""
    writer = Writer(file.envelope)
    for details in file.details:
        writer.add(details)
    return writer.file()


def read(content: bytes) -> File:
    """The model of a file: `read(write(file)) == file` for text without controls. Raises `BadFile`.

    Lines are counted as records: a text may hold no line end.
    """
    lines = _lines(content)
    envelope = _envelope(lines[-1])
    details: list[Details] = []
    seen: set[str] = set()
    for line in lines[:-1]:
        if _envelope(line) != envelope:
            raise BadFile(line.number, "belongs to another file than the end record")
        one = _details(line)
        if one.supply_point in seen:
            raise BadFile(line.number, "names a supply point for the second time")
        seen.add(one.supply_point)
        details.append(one)
    if lines[-1].values["supply_points"] != str(len(details)):
        raise BadFile(lines[-1].number, f"the end record's number is not the {len(details)} supply points of the file")
    return File(envelope, tuple(details))


class _Line(NamedTuple):
    number: int
    values: dict[str, str]


def _lines(content: bytes) -> list[_Line]:
    """The records after the column names, the last of which is the end record."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadFile(1, "is not UTF-8") from None
    records = list(csv.reader(io.StringIO(text, newline=""), strict=True)) if text.endswith("\r\n") else []
    if not records or tuple(records[0]) != COLUMNS:
        raise BadFile(1, "the file does not begin with the names of the columns, or its last line does not end")
    for number, values in enumerate(records, start=1):
        if len(values) != len(COLUMNS):
            raise BadFile(number, f"has {len(values)} values, there are {len(COLUMNS)} columns")
    lines = [_Line(number, dict(zip(COLUMNS, r, strict=True))) for number, r in enumerate(records[1:], start=2)]
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
    people = [_text(values[name]) for name in _PEOPLE]
    return Details(
        supply_point=_supply_point(line),
        contact_name=people[0],
        phones=_trimmed(people[1:3]),
        alternate_name=people[3],
        alternate_phones=_trimmed(people[4:]),
        premises=_read_address([values[name] for name in _PREMISES]),
        contact=_read_address([values[name] for name in _CONTACT]),
        needs=needs,
    )


def _supply_point(line: _Line) -> SupplyPoint:
    kind = _TYPES.get(line.values["supply_point_type"])
    if kind is None:
        raise BadFile(line.number, "supply_point_type is neither mpan nor mprn")
    try:
        return kind.parse(line.values["supply_point"])
    except PydanticCustomError as error:
        raise BadFile(line.number, f"supply_point {error.message_template}") from None


def _needs(line: _Line) -> tuple[Need, ...]:
    notes = dict(note.partition("=")[::2] for note in line.values["notes"].split(_BETWEEN_NOTES) if note)
    needs = []
    for text in line.values["needs"].split():
        code, _, ends_on = text.partition(":")
        try:
            needs.append(
                Need(
                    NeedCode.parse(code),
                    date.fromisoformat(ends_on) if ends_on else None,
                    _read_note(notes.get(code, "")),
                )
            )
        except PydanticCustomError as error:
            raise BadFile(line.number, f"needs: {error.message_template}") from None
        except ValueError:
            raise BadFile(line.number, "needs: an end is not a date (ISO 8601)") from None
    return tuple(needs)


def _filled(texts: Sequence[str], count: int) -> list[str]:
    """As many values as there are columns, empty ones at the end. Raises `ValueError` for more."""
    if len(texts) > count:
        raise ValueError(f"more than {count} values")
    return [*texts, *[""] * (count - len(texts))]


def _address(address: Address) -> list[str]:
    return [*_filled([_safe(line) for line in address.lines], _LINES), address.postcode]


def _read_address(values: Sequence[str]) -> Address:
    return Address(_trimmed([_text(value) for value in values[:-1]]), values[-1])


def _trimmed(texts: Sequence[str]) -> tuple[str, ...]:
    while texts and not texts[-1]:
        texts = texts[:-1]
    return tuple(texts)


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula, on one line; `_text` gives the text back.

    What does not begin with a letter or a digit may look like `=` to a spreadsheet: in full width, after a zero-width
    space or a byte order mark.
    """
    line = _one_line(text)
    return line if not line or line[0].isalnum() else f"{_TEXT}{line}"


def _text(value: str) -> str:
    return value.removeprefix(_TEXT)


def _note(text: str) -> str:
    """A note between others. It follows its code, so no spreadsheet takes it for a formula."""
    return _one_line(text).replace("|", "||")


def _read_note(value: str) -> str:
    return value.replace("||", "|")


def _one_line(text: str) -> str:
    return _CONTROLS.sub(" ", text)
