"""The household in a CSV file of a migration."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ops.migration.household import HOUSEHOLD_COLUMNS
from ops.migration.records import records
from shared.domain.registration import RegistrationInput
from shared.errors import InvalidContent
from shared.parsing import parse

ROW = {
    "account_id": "C-1",
    "recorded_at": "2026-11-01T00:00:00Z",
    "mpans": "1000999001019",
    "address": "1 Test Street",
    "postcode": "BS1 4DJ",
    "name": "Ann Example",
    "needs": "02",
    "basis": "none",
    "basis_recorded_on": "2026-01-01",
    "basis_evidence": "call 1",
}


def event(folder: Path, **cells: str) -> dict[str, Any]:
    """The event of a row."""
    file = folder / "c.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, [*ROW, *cells])
        writer.writeheader()
        writer.writerow(ROW | cells)
    (record,) = records(file, "//s")
    found: dict[str, Any] = json.loads(record.data)
    return found


@pytest.mark.parametrize(
    ("cells", "household"),
    [
        pytest.param(
            {"occupants": "1950 | 2015 not_disabled_or_ill|75_or_over=2026-01-31 disabled_or_ill"},
            {
                "occupants": [
                    {"birth_year": 1950},
                    {"birth_year": 2015, "disabled_or_ill": False},
                    {"age_band": "75_or_over", "as_of": "2026-01-31", "disabled_or_ill": True},
                ]
            },
            id="occupants",
        ),
        pytest.param(
            {"supported": "no", "can_top_up": "yes", "owns_home": ""},
            {"supported": False, "can_top_up": True},
            id="yes, no and not known",
        ),
        pytest.param(
            {"temporary_circumstances": "pregnancy=2027-01-31| bereavement=2026-12-31"},
            {
                "temporary_circumstances": [
                    {"kind": "pregnancy", "until": "2027-01-31"},
                    {"kind": "bereavement", "until": "2026-12-31"},
                ]
            },
            id="temporary circumstances",
        ),
        pytest.param({"temporary_circumstances": "none"}, {"temporary_circumstances": []}, id="none"),
    ],
)
def test_the_cells_of_a_household_become_facts(
    tmp_path: Path, cells: dict[str, str], household: dict[str, Any]
) -> None:
    data = event(tmp_path, **cells)["data"]
    assert data["household"] == household
    parse(json.dumps(data).encode(), RegistrationInput)


@pytest.mark.parametrize(
    ("cells", "pointer"),
    [
        pytest.param({"occupants": "old"}, "/household/occupants/0/birth_year", id="no year"),
        pytest.param({"occupants": "1950|"}, "/household/occupants/1/birth_year", id="an occupant without an age"),
        pytest.param({"occupants": "1950 ill"}, "/household/occupants/0/disabled_or_ill", id="another word"),
        pytest.param({"occupants": "old=2026-01-31"}, "/household/occupants/0/age_band", id="no band"),
        pytest.param({"occupants": "75_or_over="}, "/household/occupants/0/as_of", id="no day"),
        pytest.param({"occupants": "١٩٥٠"}, "/household/occupants/0/birth_year", id="other digits"),
        pytest.param({"occupants": "1" * 5000}, "/household/occupants/0/birth_year", id="too many digits"),
        pytest.param({"can_top_up": "maybe"}, "/household/can_top_up", id="neither yes nor no"),
        pytest.param(
            {"temporary_circumstances": "pregnancy"}, "/household/temporary_circumstances/0/until", id="no end"
        ),
    ],
)
def test_a_cell_that_cannot_be_read_is_left_for_the_consumer_to_refuse(
    tmp_path: Path, cells: dict[str, str], pointer: str
) -> None:
    with pytest.raises(InvalidContent) as refused:
        parse(json.dumps(event(tmp_path, **cells)["data"]).encode(), RegistrationInput)
    assert pointer in [error.pointer for error in refused.value.errors]


def test_a_row_without_a_household_has_the_event_of_a_file_without_its_columns(tmp_path: Path) -> None:
    without = event(tmp_path)
    assert without == event(tmp_path, **dict.fromkeys(HOUSEHOLD_COLUMNS, ""))
    assert without["id"] == "7a073f5fd01fd6f56d6c74700c19847cbcb051dc", "an id that was published may not change"
    assert "household" not in without["data"]


def test_rows_that_differ_in_the_household_are_different_events(tmp_path: Path) -> None:
    cells = [{}, {"can_top_up": "no"}, {"can_top_up": "yes"}, {"supported": "yes"}]
    assert len({event(tmp_path, **one)["id"] for one in cells}) == len(cells)
