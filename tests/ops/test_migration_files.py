"""Source files of a migration: a line is read as what it is, or refused by its number before anything is published."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.migration.csv_lines import LONGEST_CELL, csv_lines
from ops.migration.journal import Journal, journal_path, only_publisher
from ops.migration.records import LARGEST_BYTES, records
from ops.migration.survey import Survey, physical_lines, survey
from tests.ops.migration_files import HEADER, line, lines_file, written
from tests.support.commands import psr
from tools.errors import CommandError

SOURCE = "//s"


def surveyed(file: Path) -> tuple[Survey, list[tuple[int, int]]]:
    repeated: list[tuple[int, int]] = []
    found = survey(file, SOURCE, physical_lines(file), lambda *one: repeated.append(one), lambda _: None)
    return found, repeated


def events(file: Path) -> list[bytes]:
    return [record.data for record in records(file, SOURCE)]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        pytest.param(line(2, '"Bob'), "a quote opens a cell and none closes it on the same line", id="opening quote"),
        pytest.param(line(2, 'Zoe"'), "there is a quote in a cell that is not in quotes", id="closing quote"),
        pytest.param(line(2, 'Bo"b'), "there is a quote in a cell that is not in quotes", id="quote in the middle"),
        pytest.param(line(2, ' "Bob"'), "there is a quote in a cell that is not in quotes", id="space before a quote"),
        pytest.param(line(2, '"Bob" Test'), "text follows the quote that closes a cell", id="text after a quote"),
        pytest.param(line(2, '"Bob "the" Test"'), "text follows the quote that closes a cell", id="quotes not doubled"),
        pytest.param(line(2, needs='"'), "a quote opens a cell and none closes it", id="a quote alone at the end"),
        pytest.param(line(2, '"Bob\nTest"'), "a quote opens a cell and none closes it", id="line break in quotes"),
        pytest.param(line(2, "Bob\rTest"), "the line ends with CR and the first with LF", id="CR without quotes"),
        pytest.param(line(2) + "\r", "the line ends with CR LF and the first with LF", id="another line ending"),
        pytest.param(line(2, "B\0b"), "the line holds a NUL character", id="NUL"),
        pytest.param(line(2, "x" * (LONGEST_CELL + 1)), "a cell is longer than 131,072 characters", id="long cell"),
        pytest.param(line(2, "x" * 9_000_000), "the line is longer than 8,388,608 characters", id="long line"),
    ],
)
def test_a_line_that_is_no_csv_is_named_before_anything_is_published(tmp_path: Path, wrong: str, why: str) -> None:
    file = lines_file(tmp_path, line(1), wrong, *(line(number) for number in range(3, 40)))
    with pytest.raises(CommandError, match=rf"c\.csv cannot be read\. line 3: {why}"):
        surveyed(file)
    with pytest.raises(CommandError, match=rf"c\.csv, line 3: {why}"):
        list(records(file, SOURCE))


def test_every_wrong_line_is_counted_and_the_first_are_named(tmp_path: Path) -> None:
    file = lines_file(tmp_path, *(line(number, '"Bob' if number % 2 else "Ann") for number in range(1, 21)))
    with pytest.raises(CommandError, match=r"line 2: .*; line 4: .*; line 10: .*; and 5 more lines\. ") as refused:
        surveyed(file)
    assert "line 12" not in str(refused.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["no mark", "byte order mark"])
@pytest.mark.parametrize("last", [True, False], ids=["line break at the end", "none at the end"])
def test_line_endings_marks_and_blank_lines_make_no_difference(tmp_path: Path, end: str, mark: str, last: bool) -> None:  # noqa: FBT001
    usual = lines_file(tmp_path, line(1), line(2, '"Bob, ""B"" Test"'), line(3))
    lines = [HEADER, line(1), "", line(2, '"Bob, ""B"" Test"'), "  ", line(3)]
    file = written(tmp_path, mark + end.join(lines) + (end if last else ""), "other.csv")

    assert events(file) == events(usual)
    assert [record.line for record in records(file, SOURCE)] == [2, 4, 6]
    found, _ = surveyed(file)
    assert found == Survey(lines=6, headers=1, records=3, blank=2, repeated=0, complete=last)
    assert json.loads(events(file)[1])["data"]["primary_contact"]["name"] == 'Bob, "B" Test'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(HEADER.encode("utf-16"), "is UTF-16. Save it as UTF-8", id="UTF-16"),
        pytest.param(HEADER.encode("utf-16-le"), "line 1: the line holds a NUL character", id="UTF-16 without a mark"),
        pytest.param(b"", "columns that are missing or not known: account_id, ", id="empty"),
        pytest.param(f"{HEADER},needs\n", "columns that are named more than once: needs", id="repeated column"),
        pytest.param(f"{HEADER},\n", r"columns that are missing or not known: \(no column name\)", id="no name"),
        pytest.param(HEADER.replace(",", ";"), r"not known: account_id, .*, \(no column name\)", id="semicolons"),
        pytest.param(line(1, "Mrs Example"), r"not known: account_id, .*, \(no column name\)", id="no header"),
        pytest.param(f'{HEADER},"phones\n', "line 1: a quote opens a cell", id="quote in the header"),
    ],
)
def test_a_file_without_its_columns_is_refused_and_no_cell_shown(
    tmp_path: Path, content: str | bytes, why: str
) -> None:
    file = written(tmp_path, content)
    with pytest.raises(CommandError, match=why) as refused:
        surveyed(file)
    assert "Example" not in str(refused.value)


def test_a_row_of_another_length_says_so_in_its_event(tmp_path: Path) -> None:
    file = lines_file(tmp_path, line(1), line(2).rsplit(",", 2)[0], f"{line(3)},more,and more")
    whole, short, long = map(json.loads, events(file))
    assert not whole["data"].keys() & {"missing_cells", "surplus_cells"}
    assert short["data"]["missing_cells"] == 2
    assert long["data"]["surplus_cells"] == ["more", "and more"]


@pytest.mark.parametrize("name", ["c.csv", "c.ndjson"])
def test_a_file_that_is_not_utf_8_is_refused_with_line_and_byte(tmp_path: Path, name: str) -> None:
    lines = [HEADER, line(1, "Ren\u00e9e"), line(2, "Ren\u00e9e"), line(3)] if name == "c.csv" else ["{}"] * 4
    lines[2] = line(2, "Ren\u00e9e")
    content = [one.encode("cp1252" if number == 2 else "utf-8") for number, one in enumerate(lines)]
    file = written(tmp_path, b"\n".join(content), name)
    byte = line(2, "Ren\u00e9e").index("\u00e9") + 1
    with pytest.raises(CommandError, match=rf"{name} cannot be read\. line 3: byte {byte} of the line is not UTF-8\. "):
        surveyed(file)
    with pytest.raises(CommandError, match=rf"{name}, line 3: byte {byte} of the line is not UTF-8"):
        events(file)


def test_a_line_that_no_message_can_hold_may_be_cut_within_a_character(tmp_path: Path) -> None:
    file = written(tmp_path, "{}\n" + "x" * (LARGEST_BYTES + 1) + "\u00e9\n", "c.ndjson")
    assert surveyed(file)[0].records == 2


def test_services_given_go_into_the_event_and_a_file_without_them_keeps_its_ids(tmp_path: Path) -> None:
    rows = ["password=2026-01-31|gas_safety_check = 2026-02-01", "braille", ""]
    lines = [f"{HEADER},services", *(f"{line(number)},{services}" for number, services in enumerate(rows))]
    found = [json.loads(event) for event in events(written(tmp_path, "".join(f"{one}\n" for one in lines)))]
    assert [event["data"].get("services") for event in found] == [
        {
            "arranged": [
                {"service": "password", "delivered_on": "2026-01-31"},
                {"service": "gas_safety_check", "delivered_on": "2026-02-01"},
            ]
        },
        {"arranged": [{"service": "braille", "delivered_on": ""}]},  # the consumer refuses it at its place
        None,
    ]
    (without,) = events(lines_file(tmp_path, line(2)))
    assert json.loads(without)["id"] == found[2]["id"]


def test_lines_of_ndjson_add_up_too(tmp_path: Path) -> None:
    file = written(tmp_path, '{"a": 1}\r\n\n{not JSON\r{}\n  \n{"a": "\r"}', "c.ndjson")
    found, _ = surveyed(file)
    assert found == Survey(lines=5, headers=0, records=3, blank=2, repeated=0, complete=False)


def test_a_file_that_grows_while_it_is_read_does_not_add_up(tmp_path: Path) -> None:
    file = lines_file(tmp_path, line(1))
    ends = physical_lines(file)
    file.write_text(f"{file.read_text()}{line(2)}\n")
    with pytest.raises(CommandError, match=r"c\.csv has 2 lines, of which 3 were read: .*Nothing was published"):
        survey(file, SOURCE, ends, lambda *_: None, lambda _: None)


_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=12)


@settings(deadline=None)
@given(st.lists(st.lists(_CELL, min_size=2, max_size=4), min_size=1, max_size=4), st.sampled_from(["\n", "\r\n", "\r"]))
def test_all_that_python_writes_as_csv_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str
) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    file = written(tmp_path_factory.mktemp("csv"), text.getvalue())
    assert [(one.cells, one.wrong) for one in csv_lines(file)] == [(row, None) for row in rows]


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(0, 100))
def test_a_stray_quote_anywhere_is_named_by_its_line(
    tmp_path_factory: pytest.TempPathFactory, number: int, place: int
) -> None:
    lines = [line(1), line(2, '"Bob, Test"'), line(3, '""'), line(4, '"A ""B"""'), line(5)]
    lines[number - 1] = f'{lines[number - 1][:place]}"{lines[number - 1][place:]}'
    with pytest.raises(CommandError, match=rf"cannot be read. line {number + 1}: "):
        surveyed(lines_file(tmp_path_factory.mktemp("csv"), *lines))


def test_accounts_with_records_that_differ_are_found_by_their_lines(tmp_path: Path) -> None:
    rows = [line(1), line(2), line(1), line(1, needs="08"), "", line(3), line(2), line(4, needs="22"), line(4)]
    found, repeated = surveyed(lines_file(tmp_path, *rows))
    assert found.repeated == 2
    assert repeated == [(1, 2), (1, 4), (1, 5), (2, 9), (2, 10)]


def test_an_event_without_an_account_is_no_repeat(tmp_path: Path) -> None:
    found, _ = surveyed(written(tmp_path, "{not JSON\n[1]\n[2]\n", "c.ndjson"))
    assert found.repeated == 0


def test_a_stray_quote_ends_publish_with_its_line_and_no_journal(tmp_path: Path) -> None:
    names = {2: '"Bob', 20: 'Zoe"'}
    file = lines_file(tmp_path, *(line(number, names.get(number, "Ann")) for number in range(1, 31)))
    answer = psr("migrate", "publish", file)
    assert answer.returncode == 1
    assert "error: c.csv cannot be read. line 3: a quote opens" in answer.stderr
    assert "; line 21: there is a quote in a cell" in answer.stderr
    assert not journal_path(file).exists()
    assert "Traceback" not in answer.stderr


def test_a_second_publisher_of_a_file_reads_who_the_first_is(tmp_path: Path) -> None:
    file = lines_file(tmp_path, line(1))
    with only_publisher(file):
        answer = psr("migrate", "publish", file)
    assert answer.returncode == 1
    assert "error: c.csv is being published to" in answer.stderr
    assert "already (process " in answer.stderr
    with only_publisher(file):
        pass


def test_journals_that_are_written_at_once_are_each_written_whole(tmp_path: Path) -> None:
    file = lines_file(tmp_path, line(1))
    kept = Journal.of(file, SOURCE)

    def keep(number: int) -> int:
        kept.model_copy(update={"published": number, "message_ids": ["x" * 10] * number}).keep(file)
        return len(Journal.of(file, SOURCE).message_ids)

    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(keep, range(1, 200)))) == 199
    journal = Journal.of(file, SOURCE)
    assert journal.published == len(journal.message_ids) > 0
    assert {path.name for path in tmp_path.iterdir()} == {file.name, journal_path(file).name}


def test_a_journal_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    file = lines_file(tmp_path, line(1))
    journal_path(file).write_text('{"size": 1')
    with pytest.raises(CommandError, match=r"is not a journal\. Publish with --restart"):
        Journal.of(file, SOURCE)
