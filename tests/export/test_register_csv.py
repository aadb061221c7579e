"""The CSV writer and reader: a golden file, round trips, and what a reader is told about a bad file."""

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
    ("text", "written"),
    [
        pytest.param("=HYPERLINK(1)", "HYPERLINK(1)", id="a formula"),
        pytest.param("+-@ =A1", "A1", id="a formula in disguise"),
        pytest.param("a\r\nb\tc", "a b c", id="lines and tabs"),
        pytest.param('a, "b"', 'a, "b"', id="what CSV quotes stays"),
    ],
)
def test_text_is_made_safe(text: str, written: str) -> None:
    file = File(WHOLE.envelope, (WHOLE.details[2]._replace(contact_name=text),))
    assert read(write(file)).details[0].contact_name == written


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
            "the file does not begin with the names of the columns, or its last line does not end",
            id="cut in the last line",
        ),
        pytest.param(
            _with(1, "record", "records"),
            1,
            "the file does not begin with the names of the columns, or its last line does not end",
            id="other columns",
        ),
        pytest.param(_without(5), 4, "the file does not end with an end record", id="no end record"),
        pytest.param(
            _without(3), 4, "the end record's number is not the 2 supply points of the file", id="a line lost"
        ),
        pytest.param(_with(2, "set,", "set,,"), 2, "has 38 values, there are 37 columns", id="a value too many"),
        pytest.param(
            _with(2, "1XYGS00101", "1XYGS00201"), 2, "belongs to another file than the end record", id="mixed"
        ),
        pytest.param(_with(5, "2026-11-24T", "2026-11-24 at "), 5, "created_at is not a time (RFC 3339)", id="time"),
        pytest.param(_with(2, "set", "put"), 2, "record is neither set nor delete", id="record"),
        pytest.param(_with(2, "set", "delete"), 2, "a set has needs, a delete has none", id="a delete with needs"),
        pytest.param(_with(3, "delete", "set"), 3, "a set has needs, a delete has none", id="a set without needs"),
        pytest.param(_with(2, "mprn", "uprn"), 2, "supply_point_type is neither mpan nor mprn", id="type"),
        pytest.param(
            _with(2, "9900000104", "9900000105"), 2, "supply_point has wrong MPRN check digits", id="check digits"
        ),
        pytest.param(_with(3, "9900000205", "9900000104"), 3, "names a supply point for the second time", id="twice"),
        pytest.param(
            _with(2, "02 29", "10 29"), 2, "needs: is not a live Priority Services category (J1699)", id="code 10"
        ),
        pytest.param(_with(2, "2029-03-14", "2029-02-29"), 2, "needs: an end is not a date (ISO 8601)", id="date"),
    ],
)
def test_a_bad_file_is_named_by_line_and_reason(content: bytes, line: int, reason: str) -> None:
    with pytest.raises(BadFile) as raised:
        read(content)
    assert (raised.value.line, raised.value.reason) == (line, reason)


_TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
_NEED = st.builds(Need, st.sampled_from(sorted(map(NeedCode, categories()))), st.none() | st.dates(), _TEXT)
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


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(_DETAILS)
def test_whatever_the_text_the_file_can_be_read_and_writing_it_again_changes_nothing(details: Details) -> None:
    content = write(File(WHOLE.envelope, (details,)))
    file = read(content)
    assert write(file) == content
    assert [(n.code, n.ends_on) for n in file.details[0].needs] == [(n.code, n.ends_on) for n in details.needs]


def test_the_columns_are_those_that_receivers_know() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 37
