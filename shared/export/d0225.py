"""D0225 version 2, "Priority Services Details": the flow that informs network operators of people's needs.

The file is pipe-delimited: a ZHV header, a group 510 of 29 items for each supply point, under it a group 99C of three
items for each need, and a ZPT trailer. Each record ends with a pipe. Each 510 with its 99Cs replaces all of the
receiver's data about the supply point (DTC CP 3501). The format has no escape character, so the writer makes text safe
(`shared.export.text`). Days and times are in London time, without an offset. Therefore no file can have a time in the
second of the two equal hours in October. Source: Data Transfer Catalogue 15.4, with its item numbers; lengths that it
does not give are the usual ones.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import NamedTuple

from pydantic_core import PydanticCustomError

from shared.clock import LONDON
from shared.domain.needs import NeedCode
from shared.domain.supply_points import Mpan
from shared.domain.text import LINE_LENGTH, NAME_LENGTH, NOTE_LENGTH
from shared.export.envelope import BadFile, Envelope
from shared.export.text import plain

FLOW = "D0225002"

_ENCODING = "ascii"
#: The number of values in each group.
_VALUES = {"ZHV": 11, "510": 29, "99C": 3, "ZPT": 5}
_NAME, _LINE, _NOTE = NAME_LENGTH, LINE_LENGTH, NOTE_LENGTH
_PHONE, _POSTCODE = 20, 10
_LINES = 9
_PHONES = 2
_FILE_ID = 10
_MPID = 4
_FLAG = 4
#: The values of J1884, which is mandatory: if none of the name can be shown, and if all codes are deleted.
NAME_UNREADABLE = "NAME NOT READABLE"
NAME_DELETED = "NOT APPLICABLE"


class Need(NamedTuple):
    """Group 99C: a category (J1699), the day on which it is expected to end (J2209), and information (J0012)."""

    code: str
    expires_on: date | None = None
    information: str = ""


class Details(NamedTuple):
    """Group 510 and its 99Cs: all data about one supply point that the receiver keeps from now on.

    `delete_all` (J2210) means that the receiver keeps no data. Without a lawful basis (J2208) there can be no needs.
    """

    mpan: str
    contact_name: str
    phones: tuple[str, ...] = ()
    alternate_name: str = ""
    alternate_phones: tuple[str, ...] = ()
    premises_lines: tuple[str, ...] = ()
    premises_postcode: str = ""
    contact_lines: tuple[str, ...] = ()
    contact_postcode: str = ""
    lawful_basis: bool = True
    delete_all: bool = False
    needs: tuple[Need, ...] = ()


class File(NamedTuple):
    """A whole file."""

    envelope: Envelope
    details: tuple[Details, ...]


class Writer:
    """Writes a file, one supply point at a time."""

    def __init__(self, envelope: Envelope) -> None:
        """Raises `ValueError` for a creation time that a reader would understand as an hour earlier."""
        if envelope.created_at.astimezone(LONDON).fold:
            raise ValueError("the creation time is in the second of the two equal hours in October")
        self._envelope = envelope
        self._groups = 0
        self._contacts = 0
        self._content = bytearray(_header(envelope))

    @property
    def groups(self) -> int:
        """The number of groups so far, without header and trailer (J1067)."""
        return self._groups

    def add(self, details: Details) -> None:
        """Write a supply point. Raises `ValueError` for details that contradict themselves."""
        if contradiction := _contradiction(details):
            raise ValueError(contradiction)
        self._content += _contact(details)
        for need in details.needs:
            self._content += _record("99C", need.code, _day(need.expires_on), plain(need.information, _NOTE))
        self._groups += 1 + len(details.needs)
        self._contacts += 1

    def file(self) -> bytes:
        """The whole file."""
        return bytes(self._content + _trailer(self._envelope, self._groups, self._contacts))


def write(file: File) -> bytes:
    """Write a whole file. Raises `ValueError` for details that contradict themselves."""
    writer = Writer(file.envelope)
    for details in file.details:
        writer.add(details)
    return writer.file()


def read(content: bytes) -> File:
    """Read a file: `read(write(file)) == file` if all text is safe already. Raises `BadFile`."""
    records = list(_records(content))
    if not records:
        raise BadFile(1, "the file is empty")
    header, *rest = records
    envelope = _read_header(header)
    if not rest or rest[-1].name != "ZPT":
        raise BadFile(len(records), "the file does not end with a ZPT record")
    *groups, trailer = rest
    details = tuple(_read_details(groups))
    _check_trailer(trailer, envelope, groups=len(groups), contacts=len(details))
    return File(envelope, details)


class _Record(NamedTuple):
    """A line: its number, the group's name and the values."""

    line: int
    name: str
    values: list[str]

    def text(self, item: int, name: str, longest: int, *, mandatory: bool = False) -> str:
        """The text of an item, numbered from 1."""
        value = self.values[item - 1]
        if mandatory and not value:
            raise BadFile(self.line, f"{name} is empty")
        if len(value) > longest:
            raise BadFile(self.line, f"{name} is longer than {longest} characters")
        return value

    def texts(self, first: int, count: int, name: str, longest: int) -> tuple[str, ...]:
        """The texts of consecutive items, without the empty ones at the end."""
        texts = [self.text(item, name, longest) for item in range(first, first + count)]
        while texts and not texts[-1]:
            texts.pop()
        return tuple(texts)

    def flag(self, item: int, name: str) -> bool:
        """A BOOLEAN(1)."""
        value = self.values[item - 1]
        if value not in ("T", "F"):
            raise BadFile(self.line, f"{name} is neither T nor F")
        return value == "T"

    def number(self, item: int, name: str) -> int:
        """A NUM."""
        value = self.values[item - 1]
        if not (value.isascii() and value.isdigit()):
            raise BadFile(self.line, f"{name} is not a number")
        return int(value)

    def time(self, item: int, name: str) -> datetime:
        """A DATETIME, ccyymmddhhmmss in London, as UTC: a London time of a repeated hour would equal no other time."""
        try:
            return _parse(self.values[item - 1], "%Y%m%d%H%M%S").astimezone(UTC)
        except ValueError:
            raise BadFile(self.line, f"{name} is not a date and time (ccyymmddhhmmss)") from None

    def day(self, item: int, name: str) -> date | None:
        """A DATE(8), ccyymmdd; None if it is empty."""
        if not self.values[item - 1]:
            return None
        try:
            return _parse(self.values[item - 1], "%Y%m%d").date()
        except ValueError:
            raise BadFile(self.line, f"{name} is not a date (ccyymmdd)") from None


def _records(content: bytes) -> Iterator[_Record]:
    lines = content.split(b"\n")
    if lines[-1]:
        raise BadFile(len(lines), "the last line has no line end")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            text = line.removesuffix(b"\r").decode(_ENCODING)
        except UnicodeDecodeError:
            raise BadFile(number, "has characters that are not ASCII") from None
        name, *values = text.split("|")
        if name not in _VALUES:
            raise BadFile(number, "is of an unknown group")
        if not text.endswith("|"):
            raise BadFile(number, "does not end with a pipe")
        values.pop()
        if len(values) != _VALUES[name]:
            raise BadFile(number, f"has {len(values)} values, but {name} has {_VALUES[name]}")
        yield _Record(number, name, values)


def _read_header(record: _Record) -> Envelope:
    if record.name != "ZHV":
        raise BadFile(record.line, "the file does not begin with a ZHV record")
    if record.values[1] != FLOW:
        raise BadFile(record.line, f"the flow is not {FLOW}")
    return Envelope(
        file_id=record.text(1, "file id (J1064)", _FILE_ID, mandatory=True),
        sender_role=record.text(3, "sender's role (J0001)", 1, mandatory=True),
        sender=record.text(4, "sender (J0002)", _MPID, mandatory=True),
        receiver_role=record.text(5, "receiver's role (J0001)", 1, mandatory=True),
        receiver=record.text(6, "receiver (J0002)", _MPID, mandatory=True),
        created_at=record.time(7, "creation time (J0280)"),
        test_flag=record.text(11, "test data flag (J1063)", _FLAG, mandatory=True),
    )


def _read_details(records: Sequence[_Record]) -> Iterator[Details]:
    """The details in each 510 and its 99Cs."""
    seen: set[str] = set()
    for contact, needs in _groups(records):
        details = _read_contact(contact, [_read_need(need) for need in needs])
        if details.mpan in seen:
            raise BadFile(contact.line, "repeats an MPAN")
        seen.add(details.mpan)
        yield details


def _groups(records: Sequence[_Record]) -> list[tuple[_Record, list[_Record]]]:
    """Each 510 with the 99Cs that follow it."""
    groups: list[tuple[_Record, list[_Record]]] = []
    for record in records:
        if record.name == "510":
            groups.append((record, []))
        elif record.name == "99C" and groups:
            groups[-1][1].append(record)
        else:
            raise BadFile(record.line, f"{record.name} cannot occur here")
    return groups


def _read_contact(record: _Record, needs: list[Need]) -> Details:
    try:
        mpan = Mpan.parse(record.values[0])
    except PydanticCustomError as error:
        raise BadFile(record.line, f"MPAN core (J0003): {error.message_template}") from None
    details = Details(
        mpan=mpan,
        contact_name=record.text(2, "contact name (J1884)", _NAME, mandatory=True),
        phones=record.texts(3, _PHONES, "phone number (J1720, J1885)", _PHONE),
        alternate_name=record.text(5, "alternate contact name (J1719)", _NAME),
        alternate_phones=record.texts(6, _PHONES, "alternate phone number (J1886, J1887)", _PHONE),
        premises_lines=record.texts(8, _LINES, "metering point address (J1036 to J1044)", _LINE),
        premises_postcode=record.text(17, "metering point postcode (J0263)", _POSTCODE),
        contact_lines=record.texts(18, _LINES, "contact address (J1874 to J1882)", _LINE),
        contact_postcode=record.text(27, "contact postcode (J1883)", _POSTCODE),
        lawful_basis=record.flag(28, "lawful basis (J2208)"),
        delete_all=record.flag(29, "delete all (J2210)"),
        needs=tuple(needs),
    )
    if needs and (details.delete_all or not details.lawful_basis):
        raise BadFile(record.line, str(_contradiction(details)))
    return details


def _read_need(record: _Record) -> Need:
    try:
        code = NeedCode.parse(record.values[0])
    except PydanticCustomError as error:
        raise BadFile(record.line, f"category (J1699): {error.message_template}") from None
    return Need(code, record.day(2, "expiry date (J2209)"), record.text(3, "additional information (J0012)", _NOTE))


def _check_trailer(record: _Record, envelope: Envelope, *, groups: int, contacts: int) -> None:
    if record.values[0] != envelope.file_id:
        raise BadFile(record.line, "the trailer's file id is not the header's")
    if record.number(2, "group count (J1067)") != groups:
        raise BadFile(record.line, f"the group count (J1067) is not the {groups} groups of the file")
    if record.number(4, "flow count (J1066)") != contacts:
        raise BadFile(record.line, f"the flow count (J1066) is not the {contacts} groups 510 of the file")
    record.time(5, "completion time (J1065)")


def _contradiction(details: Details) -> str | None:
    if not details.lawful_basis and details.needs:
        return "needs without a lawful basis (J2208)"
    if details.delete_all and details.needs:
        return "needs, although all needs are deleted (J2210)"
    if not details.delete_all and not details.needs:
        return "no needs, although needs are not deleted (J2210)"
    return None


def _header(envelope: Envelope) -> bytes:
    return _record(
        "ZHV",
        envelope.file_id,
        FLOW,
        envelope.sender_role,
        envelope.sender,
        envelope.receiver_role,
        envelope.receiver,
        _time(envelope.created_at),
        *("", "", ""),
        envelope.test_flag,
    )


def _contact(details: Details) -> bytes:
    return _record(
        "510",
        details.mpan,
        plain(details.contact_name, _NAME) or NAME_UNREADABLE,
        *_filled(details.phones, _PHONES, _PHONE),
        plain(details.alternate_name, _NAME),
        *_filled(details.alternate_phones, _PHONES, _PHONE),
        *_filled(details.premises_lines, _LINES, _LINE),
        plain(details.premises_postcode, _POSTCODE),
        *_filled(details.contact_lines, _LINES, _LINE),
        plain(details.contact_postcode, _POSTCODE),
        _flag(details.lawful_basis),
        _flag(details.delete_all),
    )


def _trailer(envelope: Envelope, groups: int, contacts: int) -> bytes:
    return _record("ZPT", envelope.file_id, str(groups), "", str(contacts), _time(envelope.created_at))


def _record(name: str, *values: str) -> bytes:
    return "|".join((name, *values, "\n")).encode(_ENCODING)


def _filled(texts: Sequence[str], count: int, longest: int) -> list[str]:
    """The texts, padded with empty values to the number in the layout. Raises `ValueError` if there are more."""
    if len(texts) > count:
        raise ValueError(f"more than {count} values")
    return [*(plain(text, longest) for text in texts), *[""] * (count - len(texts))]


def _flag(value: bool) -> str:  # noqa: FBT001 - the value is the point
    return "T" if value else "F"


@cache
def _day(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else ""


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(LONDON):%Y%m%d%H%M%S}"


def _parse(text: str, form: str) -> datetime:
    """Raises `ValueError`. `strptime` alone would accept fewer digits than the form has."""
    moment = datetime.strptime(text, form).replace(tzinfo=LONDON)
    if moment.strftime(form) != text:
        raise ValueError(form)
    return moment
