"""The CSV writer and reader: a golden file, round trips, and the errors for bad files."""

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.needs import NeedCode, categories
from shared.domain.supply_points import Mpan, Mprn
from shared.export.envelope import BadFile, Envelope
from shared.export.register_csv import COLUMNS, Address, Details, File, Need, read, write

GOLDEN = Path(__file__).parent / "golden" / "whole.csv"

WHOLE = File(
    Envelope("1XYGS00101", "SUPP", "SHPR", datetime(2026, 11, 24, 2, 5, tzinfo=UTC), "OPER"),
    (
        Details(
            supply_point=Mprn("9900000104"),
            contact_name='Siân "Sue" Example, Mrs',
            phones=("07700900123", "+44 7700 900124"),
            alternate_name="王伟",
            alternate_phones=("07700900456",),
            premises=Address(("1 Test Street", "Testtown"), "BS1 4DJ"),
            contact=Address(("Flat 2",), "BS2 8AA"),
            needs=(
                Need(NeedCode("02")),
                Need(NeedCode("29"), date(2029, 3, 14)),
                Need(NeedCode("33"), date(2027, 1, 31), "home; from hospital"),
            ),
        ),
        Details(supply_point=Mprn("9900000205")),
        Details(
            supply_point=Mpan("1000999001019"),
            contact_name="Mr C Example",
            premises=Address(("2 Test Street",), "BS1 4DJ"),
            needs=(Need(NeedCode("37")),),
        ),
    ),
)


def test_the_golden_file_is_written_byte_for_byte_and_read_back() -> None:
    golden = GOLDEN.read_bytes()
    assert write(WHOLE) == golden
    assert read(golden) == WHOLE


def test_an_empty_file_is_read() -> None:
    empty = File(WHOLE.envelope, ())
    assert read(write(empty)) == empty


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        pytest.param("Mrs C Example", "Mrs C Example", id="a letter first"),
        pytest.param("2 Test Street", "2 Test Street", id="a digit first"),
        pytest.param("Éire House", "Éire House", id="a letter of any script"),
        pytest.param("=HYPERLINK(1)", "'=HYPERLINK(1)", id="a formula"),
        pytest.param("-5 Hill Lane", "'-5 Hill Lane", id="a minus that is meant"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("@home", "'@home", id="at"),
        pytest.param(" =A1", "' =A1", id="a formula after a space"),
        pytest.param("\uff1dcmd()", "'\uff1dcmd()", id="full width equals"),
        pytest.param("\uff0d1", "'\uff0d1", id="full width minus"),
        pytest.param("\u22121", "'\u22121", id="the mathematical minus"),
        pytest.param("\u200b=cmd()", "'\u200b=cmd()", id="a formula after a zero-width space"),
        pytest.param("\ufeff=cmd()", "'\ufeff=cmd()", id="a formula after a byte order mark"),
        pytest.param("\u3000\u2060=cmd()", "'\u3000\u2060=cmd()", id="a formula after spaces of other kinds"),
        pytest.param("'t Hooft", "''t Hooft", id="an apostrophe of its own"),
        pytest.param("'=A1", "''=A1", id="an apostrophe before a formula"),
        pytest.param('a, "b"', 'a, "b"', id="what CSV quotes stays"),
        pytest.param("a  b", "a  b", id="spaces stay"),
    ],
)
def test_no_text_begins_as_a_formula_and_the_reader_gives_it_back(text: str, cell: str) -> None:
    address = Address((text,), "BS1 4DJ")
    details = WHOLE.details[2]._replace(contact_name=text, alternate_name=text, premises=address, contact=address)
    content = write(File(WHOLE.envelope, (details,)))
    row = next(csv.DictReader(io.StringIO(content.decode(), newline="")))
    columns = ("contact_name", "alternate_name", "premises_line_1", "contact_line_1")
    assert [row[column] for column in columns] == [cell] * 4
    assert read(content).details == (details,)


@pytest.mark.parametrize(
    "note",
    [
        "-5 minutes without oxygen",
        "=cmd()",
        "a | b",
        "||",
        "ends with |",
        "| 34=begins with one",
        "33=again",
        "a=b",
        " ",
    ],
)
def test_notes_follow_their_code_and_the_reader_gives_them_back(note: str) -> None:
    needs = (Need(NeedCode("02"), None, note), Need(NeedCode("33"), date(2027, 1, 31), note), Need(NeedCode("37")))
    details = WHOLE.details[2]._replace(needs=needs)
    content = write(File(WHOLE.envelope, (details,)))
    row = next(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert row["notes"] is not None
    assert row["notes"].startswith("02=")
    assert read(content).details == (details,)


def test_controls_which_the_api_refuses_become_spaces() -> None:
    file = File(WHOLE.envelope, (WHOLE.details[2]._replace(contact_name="a\r\nb\tc\u2028d"),))
    assert read(write(file)).details[0].contact_name == "a  b c d"


def _with(line: int, old: str, new: str) -> bytes:
    lines = write(WHOLE).decode().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    return "".join(lines).encode()


def _without(line: int) -> bytes:
    lines = write(WHOLE).splitlines(keepends=True)
    return b"".join([*lines[: line - 1], *lines[line:]])


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        pytest.param(b"\xff", 1, "is not UTF-8", id="not UTF-8"),
        pytest.param(
            write(WHOLE)[:-1],
            1,
            "the file does not begin with the names of the columns, or its last line has no line end",
            id="cut in the last line",
        ),
        pytest.param(
            _with(1, "record", "records"),
            1,
            "the file does not begin with the names of the columns, or its last line has no line end",
            id="other columns",
        ),
        pytest.param(_without(5), 4, "the file does not end with an end record", id="no end record"),
        pytest.param(
            _without(3), 4, "the end record's number is not the 2 supply points of the file", id="a line lost"
        ),
        pytest.param(_with(2, "set,", "set,,"), 2, "has 38 values, but there are 37 columns", id="a value too many"),
        pytest.param(_with(2, "1XYGS00101", "1XYGS00201"), 2, "has other file values than the end record", id="mixed"),
        pytest.param(_with(5, "2026-11-24T", "2026-11-24 at "), 5, "created_at is not a time (RFC 3339)", id="time"),
        pytest.param(_with(2, "set", "put"), 2, "record is neither set nor delete", id="record"),
        pytest.param(_with(2, "set", "delete"), 2, "a set has needs, a delete has none", id="a delete with needs"),
        pytest.param(_with(3, "delete", "set"), 3, "a set has needs, a delete has none", id="a set without needs"),
        pytest.param(_with(2, "mprn", "uprn"), 2, "supply_point_type is neither mpan nor mprn", id="type"),
        pytest.param(
            _with(2, "9900000104", "9900000105"),
            2,
            "supply_point: Check the MPRN: its last two digits do not match the others",
            id="check digits",
        ),
        pytest.param(_with(3, "9900000205", "9900000104"), 3, "repeats a supply point", id="twice"),
        pytest.param(
            _with(2, "02 29", "10 29"),
            2,
            "needs: Choose a need from the Priority Services categories (J1699)",
            id="code 10",
        ),
        pytest.param(_with(2, "2029-03-14", "2029-02-29"), 2, "needs: an end is not a date (ISO 8601)", id="date"),
    ],
)
def test_a_bad_file_is_named_by_line_and_reason(content: bytes, line: int, reason: str) -> None:
    with pytest.raises(BadFile) as raised:
        read(content)
    assert (raised.value.line, raised.value.reason) == (line, reason)


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=30)
_NEED = st.builds(
    Need, st.sampled_from(sorted(map(NeedCode, categories()))), st.none() | st.dates(), _TEXT | st.just("")
)
_ADDRESS = st.builds(Address, st.lists(_TEXT, max_size=9).map(tuple), st.just("BS1 4DJ"))
_DETAILS = st.builds(
    Details,
    supply_point=st.just(Mprn("9900000104")),
    contact_name=_TEXT,
    alternate_name=_TEXT,
    phones=st.just(("07700900123",)),
    alternate_phones=st.just(()),
    premises=_ADDRESS,
    contact=_ADDRESS,
    needs=st.lists(_NEED, max_size=4, unique_by=lambda need: need.code).map(tuple),
)
_TEXT_COLUMNS = [name for name in COLUMNS if name.endswith("_name") or "_line_" in name]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(_DETAILS)
def test_a_file_with_any_text_is_read_as_it_was_written_and_nothing_begins_as_a_formula(details: Details) -> None:
    file = File(WHOLE.envelope, (details,))
    content = write(file)
    assert read(content) == file
    row = next(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert all(not row[name] or row[name][0].isalnum() or row[name][0] == "'" for name in _TEXT_COLUMNS)


def test_the_columns_are_those_that_receivers_know() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 37
