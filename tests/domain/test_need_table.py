"""The table of needs is complete, and limits follow it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import data
from shared.data import TableError
from shared.domain.needs import Category, categories, labels, live_codes
from tools.places import ROOT

LIVE = live_codes()
#: The line of needs.csv after the last one.
NEXT_LINE = len(categories()) + 2


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
        pytest.param(
            "10,no,no", f"needs.csv, line {NEXT_LINE}: has 3 cells, and the table has 6 columns", id="cells missing"
        ),
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
    for name, row in {"needs.csv": "98,no,no,both,3,no", "need_labels.csv": "98,DTC 99,Needs a hand"}.items():
        (tables / name).write_text(f"{(tables / name).read_text()}{row}\n")
    done = subprocess.run((sys.executable, "-c", code, tables), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(LIVE) + 1}\n"


def test_a_code_is_its_row(tables: Path) -> None:
    for name, row in {"needs.csv": "10,yes,no,gas,2,yes", "need_labels.csv": "10,DTC 99,Retired"}.items():
        (tables / name).write_text(f"{(tables / name).read_text()}{row}\n")
    first = categories()["01"]
    retired = categories()["10"]
    assert (first.temporary, first.medically_dependent, first.relevant_to) == (False, True, "electricity")
    assert (first.outage_tier, first.retired) == (1, False)
    assert retired == Category(
        "10", temporary=True, medically_dependent=False, relevant_to="gas", outage_tier=2, retired=True
    )
