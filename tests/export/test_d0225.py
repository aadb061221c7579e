"""The D0225 writer and reader: golden files, round trips, and the errors for bad files."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.clock import LONDON
from shared.domain.needs import categories
from shared.domain.supply_points import mpan_check_digit
from shared.export.d0225 import Details, File, Need, read, write
from shared.export.envelope import BadFile, Envelope
from shared.export.text import plain

GOLDEN = Path(__file__).parent / "golden"

ENVELOPE = Envelope("1XY1000101", "SUPP", "EELC", datetime(2026, 11, 23, 2, 5, tzinfo=LONDON), "OPER")
WHOLE = File(
    ENVELOPE,
    (
        Details(
            mpan="1000999001019",
            contact_name="Mrs A Example",
            phones=("07700900123", "+44 7700 900124"),
            alternate_name="Mr B Nominee",
            alternate_phones=("07700900456",),
            premises_lines=("1 Test Street", "Testtown"),
            premises_postcode="BS1 4DJ",
            contact_lines=("Flat 2", "9 Other Road", "Elsewhere"),
            contact_postcode="BS2 8AA",
            needs=(Need("02"), Need("29", date(2029, 3, 14)), Need("33", date(2027, 1, 31), "home from hospital")),
        ),
        Details(mpan="1099900000070", contact_name="NOT APPLICABLE", delete_all=True),
    ),
)


def test_the_golden_file_is_written_byte_for_byte_and_read_back() -> None:
    golden = (GOLDEN / "whole.d0225.txt").read_bytes()
    assert write(WHOLE) == golden
    assert read(golden) == WHOLE


def test_every_510_has_29_values_and_every_99c_three() -> None:
    pipes = [(line[:3], line.count("|")) for line in write(WHOLE).decode().splitlines()]
    assert pipes == [("ZHV", 12), ("510", 30), ("99C", 4), ("99C", 4), ("99C", 4), ("510", 30), ("ZPT", 6)]


def test_a_published_style_example_with_lf_or_crlf_is_read() -> None:
    example = (GOLDEN / "example.d0225.txt").read_bytes()
    file = read(example)
    assert [details.mpan for details in file.details] == ["1000999001019", "1099900000070"]
    assert file.details[0].needs == (Need("02"), Need("29", date(2029, 3, 14)))
    assert file.details[1].delete_all
    assert read(example.replace(b"\n", b"\r\n")) == file


def test_an_empty_file_is_read() -> None:
    assert read(write(File(ENVELOPE, ()))) == File(ENVELOPE, ())


@pytest.mark.parametrize(
    ("instant", "written"),
    [
        pytest.param(datetime(2026, 7, 1, 1, 5, tzinfo=UTC), "20260701020500", id="summer time"),
        pytest.param(datetime(2026, 11, 24, 2, 5, tzinfo=UTC), "20261124020500", id="winter time"),
        pytest.param(
            datetime(2027, 3, 28, 1, 0, tzinfo=UTC), "20270328020000", id="just after the hour that does not exist"
        ),
    ],
)
def test_times_are_london_times(instant: datetime, written: str) -> None:
    header = write(File(ENVELOPE._replace(created_at=instant), ())).decode().splitlines()[0]
    assert header.split("|")[7] == written


@pytest.mark.parametrize(
    "instant",
    [
        pytest.param(datetime(2026, 10, 25, 0, 0, tzinfo=UTC), id="as the hour that comes twice begins"),
        pytest.param(datetime(2026, 10, 25, 0, 59, 59, tzinfo=UTC), id="as it ends for the first time"),
        pytest.param(datetime(2026, 10, 25, 2, 0, tzinfo=UTC), id="as it ends for the second time"),
        pytest.param(datetime(2027, 3, 28, 1, 0, tzinfo=UTC), id="just after the hour that does not exist"),
    ],
)
def test_a_creation_time_is_read_back_as_it_was_written(instant: datetime) -> None:
    file = File(ENVELOPE._replace(created_at=instant), ())
    assert read(write(file)).envelope.created_at == instant


@pytest.mark.parametrize(
    "instant", [datetime(2026, 10, 25, 1, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 59, 59, tzinfo=UTC)]
)
def test_a_creation_time_that_would_be_read_as_an_hour_earlier_is_refused(instant: datetime) -> None:
    with pytest.raises(ValueError, match="second of the two equal hours"):
        write(File(ENVELOPE._replace(created_at=instant), ()))


@pytest.mark.parametrize(
    ("given_text", "longest", "written"),
    [
        pytest.param("Mrs A Example", 50, "Mrs A Example", id="plain text stays"),
        pytest.param("a|b\r\nc\td", 50, "a b c d", id="separators and controls"),
        pytest.param("Siân Ó Dónaill", 50, "Sian O Donaill", id="accents"),
        pytest.param("王伟", 50, "WangWei", id="another script"),
        pytest.param("Flat “2” – ½", 50, 'Flat "2" - 1/2', id="typography"),
        pytest.param("¦ │ ｜", 50, "", id="what looks like a pipe"),
        pytest.param("Æ" * 40, 50, "Ae" * 25, id="cut where romanising makes it longer"),
        pytest.param("x" * 60, 50, "x" * 50, id="cut"),
        pytest.param("\u202egnirts", 50, "gnirts", id="override of direction"),
    ],
)
def test_text_is_made_safe(given_text: str, longest: int, written: str) -> None:
    assert plain(given_text, longest) == written


def test_a_mandatory_name_of_which_nothing_can_be_shown_is_said_to_be_unreadable() -> None:
    file = read(write(File(ENVELOPE, (WHOLE.details[0]._replace(contact_name="|"),))))
    assert file.details[0].contact_name == "NAME NOT READABLE"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"lawful_basis": False}, id="needs without a lawful basis"),
        pytest.param({"delete_all": True}, id="needs where all are deleted"),
        pytest.param({"needs": ()}, id="neither needs nor deletion"),
        pytest.param({"lawful_basis": False, "needs": ()}, id="no lawful basis and no deletion"),
        pytest.param({"phones": ("1", "2", "3")}, id="three phones"),
        pytest.param({"premises_lines": ("x",) * 10}, id="ten address lines"),
    ],
)
def test_the_writer_refuses_what_contradicts_itself(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        write(File(ENVELOPE, (WHOLE.details[0]._replace(**change),)))


def _line(number: int, old: str, new: str) -> bytes:
    lines = write(WHOLE).decode().splitlines(keepends=True)
    assert old in lines[number - 1]
    lines[number - 1] = lines[number - 1].replace(old, new, 1)
    return "".join(lines).encode()


def _without(*numbers: int) -> bytes:
    lines = write(WHOLE).splitlines(keepends=True)
    return b"".join(line for number, line in enumerate(lines, start=1) if number not in numbers)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        pytest.param(b"", 1, "the file is empty", id="empty"),
        pytest.param(write(WHOLE)[:-1], 7, "the last line has no line end", id="cut in the last line"),
        pytest.param(_without(7), 6, "the file does not end with a ZPT record", id="no trailer"),
        pytest.param(_without(1), 1, "the file does not begin with a ZHV record", id="no header"),
        pytest.param(_line(1, "D0225002", "D0225001"), 1, "the flow is not D0225002", id="other version"),
        pytest.param(_line(1, "1XY1000101", "1XY10001011"), 1, "file id (J1064) is longer than 10 characters", id="id"),
        pytest.param(_line(1, "|SUPP", "|"), 1, "sender (J0002) is empty", id="no sender"),
        pytest.param(
            _line(1, "20261123", "20261323"),
            1,
            "creation time (J0280) is not a date and time (ccyymmddhhmmss)",
            id="month 13",
        ),
        pytest.param(_line(2, "510|", "511|"), 2, "is of an unknown group", id="unknown group"),
        pytest.param(_line(2, "|T|F|", "|T|F"), 2, "does not end with a pipe", id="no trailing pipe"),
        pytest.param(_line(2, "|T|F|", "|T|F||"), 2, "has 30 values, but 510 has 29", id="a value too many"),
        pytest.param(_line(3, "99C|02||", "99C|02|"), 3, "has 2 values, but 99C has 3", id="a value too few"),
        pytest.param(
            _line(2, "1000999001019", "1000999001018"),
            2,
            "MPAN core (J0003): Check the MPAN: its last digit does not match the others",
            id="check digit",
        ),
        pytest.param(_line(2, "Mrs A Example", ""), 2, "contact name (J1884) is empty", id="no name"),
        pytest.param(
            _line(2, "Mrs A", "x" * 50), 2, "contact name (J1884) is longer than 50 characters", id="long name"
        ),
        pytest.param(_line(2, "|T|F|", "|Y|F|"), 2, "lawful basis (J2208) is neither T nor F", id="not a boolean"),
        pytest.param(_line(2, "|T|F|", "|F|F|"), 2, "needs without a lawful basis (J2208)", id="no lawful basis"),
        pytest.param(
            _line(2, "|T|F|", "|T|T|"), 2, "needs, although all needs are deleted (J2210)", id="needs and deletion"
        ),
        pytest.param(
            _line(3, "02", "10"),
            3,
            "category (J1699): Choose a need from the Priority Services categories (J1699)",
            id="code 10",
        ),
        pytest.param(
            _line(4, "20290314", "20290229"), 4, "expiry date (J2209) is not a date (ccyymmdd)", id="29 February"
        ),
        pytest.param(_line(4, "20290314", "2029314"), 4, "expiry date (J2209) is not a date (ccyymmdd)", id="7 digits"),
        pytest.param(_line(5, "home", "h\xf4me"), 5, "has characters that are not ASCII", id="not ASCII"),
        pytest.param(_line(6, "1099900000070", "1000999001019"), 6, "repeats an MPAN", id="the same MPAN twice"),
        pytest.param(_without(2), 2, "99C cannot occur here", id="needs of nobody"),
        pytest.param(_line(7, "1XY1000101", "1XY1000102"), 7, "the trailer's file id is not the header's", id="ids"),
        pytest.param(_without(3), 6, "the group count (J1067) is not the 4 groups of the file", id="a line lost"),
        pytest.param(
            _line(7, "||2|", "||3|"), 7, "the flow count (J1066) is not the 2 groups 510 of the file", id="flows"
        ),
        pytest.param(_line(7, "|5|", "|five|"), 7, "group count (J1067) is not a number", id="not a number"),
    ],
)
def test_a_bad_file_is_named_by_line_and_reason(content: bytes, line: int, reason: str) -> None:
    with pytest.raises(BadFile) as raised:
        read(content)
    assert (raised.value.line, raised.value.reason) == (line, reason)


def test_a_header_in_the_middle_is_named() -> None:
    lines = write(WHOLE).splitlines(keepends=True)
    with pytest.raises(BadFile, match="line 4: ZHV cannot occur here"):
        read(b"".join([*lines[:3], lines[0], *lines[3:]]))


_TEXT = st.text(max_size=60)
_CODES = st.sampled_from(sorted(categories()))
_NEEDS = st.lists(
    st.builds(Need, _CODES, st.none() | st.dates(date(1950, 1, 1), date(2199, 12, 31)), _TEXT), max_size=5
)


@st.composite
def _details(draw: st.DrawFn) -> Details:
    body = f"{draw(st.integers(10, 38))}{draw(st.integers(0, 10**10 - 1)):010d}"
    needs = tuple(draw(_NEEDS))
    return Details(
        mpan=f"{body}{mpan_check_digit(body)}",
        contact_name=draw(_TEXT),
        phones=tuple(draw(st.lists(_TEXT, max_size=2))),
        alternate_name=draw(_TEXT),
        alternate_phones=tuple(draw(st.lists(_TEXT, max_size=2))),
        premises_lines=tuple(draw(st.lists(_TEXT, max_size=9))),
        premises_postcode=draw(_TEXT),
        contact_lines=tuple(draw(st.lists(_TEXT, max_size=9))),
        contact_postcode=draw(_TEXT),
        delete_all=not needs,
        needs=needs,
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_details(), max_size=4, unique_by=lambda details: details.mpan))
def test_a_file_with_any_text_can_be_read_and_writing_it_again_changes_nothing(details: list[Details]) -> None:
    content = write(File(ENVELOPE, tuple(details)))
    file = read(content)
    assert write(file) == content
    assert [(d.mpan, d.delete_all, [n.code for n in d.needs]) for d in file.details] == [
        (d.mpan, d.delete_all, [n.code for n in d.needs]) for d in details
    ]
