"""Tables change only in ways that stored data survives: the rules of docs/tables.md, against every released table."""

import csv
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from shared import data
from tests.compatibility.snapshot import RELEASES
from tools.places import ROOT

Rows = list[dict[str, str]]
#: The columns that identify a row of each table.
KEYS = {
    "distributors.csv": ("distributor_id",),
    "legacy_needs.csv": ("term",),
    "need_labels.csv": ("code", "catalogue"),
    "needs.csv": ("code",),
    "recipients.csv": ("profile", "recipient_id"),
    "services.csv": ("service",),
    "wordings.csv": ("version", "language"),
}
#: Tables of texts for callers: no stored data depends on them.
TEXTS = {"field_errors.csv", "field_prompts.csv", "labels.csv"}
#: Rows that may be missing, by table and key, with the date: each was removed as docs/tables.md requires.
GONE: dict[tuple[str, str], str] = {}
NAMES = sorted(folder.name for folder in RELEASES.iterdir())


def table(folder: Path, name: str) -> Rows:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def by_key(rows: Rows, columns: tuple[str, ...]) -> dict[str, dict[str, str]]:
    return {" ".join(row[column].casefold() for column in columns): row for row in rows}


def recipients_in(folder: Path) -> dict[str, str]:
    """The fuel of each recipient, distributors and former ones included."""
    rows = table(folder, "recipients.csv")
    (fuel,) = {row["supply_points"] for row in rows if row["route"] == "distributor"}
    fuels = {row["mpid"]: fuel for row in table(folder, "distributors.csv")}
    return fuels | {row["recipient_id"]: row["supply_points"] for row in rows if row["recipient_id"]}


def broken_rules(before: Path, now: Path) -> list[str]:
    """The faults of the tables in `now` for data that was stored with those in `before`, one sentence each."""
    found = []
    for name, columns in KEYS.items():
        rows = table(now, name)
        old, new = by_key(table(before, name) if (before / name).exists() else [], columns), by_key(rows, columns)
        counts = Counter(" ".join(row[column].casefold() for column in columns) for row in rows)
        found += [f"{name}: {key} has more than one row" for key, count in counts.items() if count > 1]
        if name != "recipients.csv":
            found += [f"{name}: {key} is gone" for key in old if key not in new and (name, key) not in GONE]
        if name in ("legacy_needs.csv", "need_labels.csv", "wordings.csv"):
            found += [f"{name}: {key} has changed" for key in old if key in new and new[key] != old[key]]
        if name == "needs.csv":
            found += [
                f"{name}: {key} has become temporary"
                for key, row in old.items()
                if row["temporary"] == "no" and new.get(key, row)["temporary"] == "yes"
            ]
    now_fuels = recipients_in(now)
    for recipient, fuel in recipients_in(before).items():
        if recipient not in now_fuels and ("recipients.csv", recipient) not in GONE:
            found.append(f"recipients.csv: {recipient} is not a recipient any more")
        elif now_fuels.get(recipient, fuel) != fuel:
            found.append(f"recipients.csv: {recipient} has another fuel")
    return found


@pytest.mark.parametrize("release", NAMES)
def test_the_tables_keep_all_that_data_of_a_release_needs(release: str) -> None:
    assert broken_rules(RELEASES / release / "tables", data.FOLDER) == [], "see docs/tables.md"


def test_every_table_has_a_rule_and_is_part_of_every_snapshot() -> None:
    names = {path.name for path in data.FOLDER.glob("*.csv")}
    assert names == set(KEYS) | TEXTS
    for release in NAMES:
        assert {path.name for path in (RELEASES / release / "tables").iterdir()} <= names
    page = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z_]+\.csv)`", page)) == names


def without(start: str) -> Callable[[str], str]:
    return lambda text: "".join(line for line in text.splitlines(keepends=True) if not line.startswith(start))


def replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


@pytest.mark.parametrize(
    ("name", "change", "broken"),
    [
        ("needs.csv", without("08,"), ["needs.csv: 08 is gone"]),
        ("needs.csv", replacing("\n08,", "\n98,"), ["needs.csv: 08 is gone"]),
        ("needs.csv", replacing("\n08,no,", "\n08,yes,"), ["needs.csv: 08 has become temporary"]),
        ("needs.csv", replacing("\n08,no,no,both,3,no\n", "\n08,no,yes,both,1,yes\n"), []),
        ("needs.csv", lambda text: f"{text}98,yes,no,both,3,no\n", []),
        ("needs.csv", lambda text: f"{text}08,no,no,both,3,no\n", ["needs.csv: 08 has more than one row"]),
        ("legacy_needs.csv", without("nebuliser,"), ["legacy_needs.csv: nebuliser is gone"]),
        (
            "legacy_needs.csv",
            replacing("\nnebuliser,01\n", "\nnebuliser,02\n"),
            ["legacy_needs.csv: nebuliser has changed"],
        ),
        ("legacy_needs.csv", lambda text: f"{text}steam tent,01\n", []),
        (
            "distributors.csv",
            without("10,"),
            ["distributors.csv: 10 is gone", "recipients.csv: EELC is not a recipient any more"],
        ),
        ("distributors.csv", replacing("EELC", "EENW"), ["recipients.csv: EELC is not a recipient any more"]),
        ("distributors.csv", replacing("UK Power Networks", "Another Operator"), []),
        ("recipients.csv", without("gas shipper"), ["recipients.csv: SHPR is not a recipient any more"]),
        ("recipients.csv", replacing("SHPR", "SHP2"), ["recipients.csv: SHPR is not a recipient any more"]),
        ("recipients.csv", replacing(",mprn,every,", ",mpan,every,"), ["recipients.csv: SHPR has another fuel"]),
        ("recipients.csv", replacing("all,explicit_consent ", "01 02,explicit_consent "), []),
    ],
)
def test_a_change_that_stored_data_does_not_survive_is_found(
    tmp_path: Path, name: str, change: Callable[[str], str], broken: list[str]
) -> None:
    shutil.copytree(data.FOLDER, tmp_path / "now")
    changed = tmp_path / "now" / name
    text = changed.read_text(encoding="utf-8")
    changed.write_text(change(text), encoding="utf-8")
    assert changed.read_text(encoding="utf-8") != text
    assert broken_rules(data.FOLDER, tmp_path / "now") == broken
