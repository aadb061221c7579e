"""Needs codes (DTC J1699): which live, which carry an end, and when code 29 ends."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared import data
from shared.data import TableError
from shared.domain.needs import (
    Need,
    NeedCode,
    NeedInput,
    birthday,
    categories,
    end_of,
    labels,
    medically_dependent,
    outage_tier,
)
from tools.places import ROOT

LIVE = [
    "01",
    "02",
    "03",
    "04",
    "08",
    "09",
    "12",
    "14",
    "15",
    "17",
    "18",
    "19",
    "20",
    "22",
    "23",
    "24",
    "25",
    "26",
    "27",
    "28",
    "29",
    "30",
    "31",
    "32",
    "33",
    "34",
    "35",
    "36",
    "37",
]
NEVER_USED = ["05", "06", "07", "11", "13", "16", "21"]
TEMPORARY = {"29", "32", "33", "34"}


def test_the_table_holds_the_29_live_codes() -> None:
    assert list(categories()) == LIVE
    assert set(labels()) == set(LIVE)
    assert {code for code, category in categories().items() if category.temporary} == TEMPORARY
    assert {code for code, category in categories().items() if category.medically_dependent} == {
        *("01", "02", "03", "04", "12", "23", "24", "25")
    }


@pytest.mark.parametrize("code", LIVE)
def test_accepts_every_live_code(code: str) -> None:
    assert NeedCode.parse(code) == code


@pytest.mark.parametrize("code", [*NEVER_USED, "10", "00", "38", "99", "1", "001", "", " 01", "०१", "A1"])
def test_refuses_code_10_the_gaps_and_what_is_no_code(code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NeedInput.model_validate({"code": code})
    assert [(e["loc"], e["type"]) for e in refused.value.errors()] == [(("code",), "need_code_unknown")]


@pytest.mark.parametrize("code", sorted(TEMPORARY - {"29"}))
def test_a_temporary_need_carries_its_end(code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NeedInput.model_validate({"code": code})
    assert refused.value.errors()[0]["type"] == "temporary_psr_does_not_have_end_date"
    need = NeedInput(code=NeedCode(code), ends_on=date(2027, 1, 31))
    assert end_of(need, young_child_until_birthday=6) == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("need", "code"),
    [
        pytest.param({"code": "29"}, "birth_date_missing", id="29 without a birth date"),
        pytest.param(
            {"code": "29", "youngest_child_born_on": "2024-05-01", "ends_on": "2030-05-01"},
            "end_is_computed",
            id="29 with an end of its own",
        ),
        pytest.param(
            {"code": "02", "youngest_child_born_on": "2024-05-01"}, "birth_date_not_wanted", id="02 with a birth date"
        ),
        pytest.param({"code": "02", "ends_on": "2024-02-30"}, "date_parsing", id="a day that is not"),
        pytest.param({"code": "02", "note": "two\nlines"}, "control_character", id="a line break in the note"),
        pytest.param({"code": "02", "note": "x" * 201}, "string_too_long", id="a note of 201 characters"),
        pytest.param({"code": "02", "until": "2027-01-31"}, "extra_forbidden", id="an unknown field"),
    ],
)
def test_refuses_a_need_that_breaks_a_rule(need: dict[str, str], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NeedInput.model_validate_json(json.dumps(need))
    assert [e["type"] for e in refused.value.errors()] == [code]


def test_a_lasting_need_may_carry_an_end() -> None:
    assert NeedInput(code=NeedCode("22"), ends_on=date(2027, 1, 31)).ends_on == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("born", "until", "ends"),
    [
        ("2024-05-01", 6, "2030-05-01"),
        ("2024-05-01", 5, "2029-05-01"),
        pytest.param("2024-02-29", 6, "2030-03-01", id="leap day, common year"),
        pytest.param("2022-02-28", 6, "2028-02-28", id="the day before, leap year"),
        pytest.param("2026-12-31", 5, "2031-12-31", id="New Year's Eve"),
    ],
)
def test_code_29_ends_on_the_birthday_that_is_set(born: str, until: int, ends: str) -> None:
    need = NeedInput(code=NeedCode("29"), youngest_child_born_on=date.fromisoformat(born))
    assert end_of(need, young_child_until_birthday=until) == date.fromisoformat(ends)


def test_a_leap_day_birthday_in_a_leap_year_is_the_leap_day() -> None:
    assert birthday(date(2024, 2, 29), 4) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("codes", "tier", "dependent"),
    [
        ([], None, False),
        (["14"], 3, False),
        (["14", "26"], 2, False),
        (["14", "25"], 2, True),
        (["14", "25", "02"], 1, True),
    ],
)
def test_the_most_urgent_need_decides(codes: list[str], tier: int | None, dependent: bool) -> None:  # noqa: FBT001
    needs = [NeedCode(code) for code in codes]
    assert (outage_tier(needs), medically_dependent(needs)) == (tier, dependent)


def test_what_was_told_leaves_out_a_computed_end() -> None:
    born = date(2024, 5, 1)
    need = Need(code=NeedCode("29"), starts_on=date(2026, 1, 1), ends_on=date(2030, 5, 1), youngest_child_born_on=born)
    assert need.submitted == NeedInput(code=NeedCode("29"), youngest_child_born_on=born)


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Tables of the test's own."""
    shutil.copytree(data.FOLDER, tmp_path / "data")
    monkeypatch.setattr(data, "FOLDER", tmp_path / "data")
    for table in (categories, labels):
        table.cache_clear()
    yield tmp_path / "data"
    for table in (categories, labels):
        table.cache_clear()


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        pytest.param("10,no,no,both,3,no", "need_labels.csv: has no label for 10, which needs.csv has", id="no label"),
        pytest.param("10,maybe,no,both,3,no", "needs.csv, code 10: temporary must be yes or no", id="maybe"),
        pytest.param("10,no,no,both,4,no", "needs.csv, code 10: outage_tier must be 1 or 2 or 3", id="another tier"),
        pytest.param("10,no,no", "needs.csv, line 31: has 3 cells, and the table has 6 columns", id="cells missing"),
    ],
)
def test_a_code_that_is_not_whole_is_refused_when_the_table_loads(tables: Path, row: str, fault: str) -> None:
    with (tables / "needs.csv").open("a") as file:
        file.write(f"{row}\n")
    with pytest.raises(TableError) as refused:
        categories()
    assert str(refused.value) == fault


def test_a_registration_may_have_as_many_needs_as_there_are_codes(tables: Path) -> None:
    """In a process of its own: limits are set when the models are imported."""
    code = "from shared import data; from pathlib import Path; import sys; data.FOLDER = Path(sys.argv[1]); "
    code += "from shared.domain.registration import RegistrationInput as I; "
    code += "print(I.model_json_schema()['properties']['needs']['maxItems'])"
    for name, row in {"needs.csv": "38,no,no,both,3,no", "need_labels.csv": "38,DTC 16,Needs a hand"}.items():
        (tables / name).write_text(f"{(tables / name).read_text()}{row}\n")
    done = subprocess.run((sys.executable, "-c", code, tables), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(LIVE) + 1}\n"
