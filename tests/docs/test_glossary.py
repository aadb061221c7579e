"""The glossary (docs/glossary.md) is sorted, short, and has every term that the code defines."""

import ast
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.domain.needs import categories

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "glossary.md"
SOURCES = [path for folder in ("shared", "functions", "ops") for path in sorted((ROOT / folder).rglob("*.py"))]
#: Enumerations whose values people meet in the API, in files, in logs and at the command line.
ENUMERATIONS = (
    "CampaignState",
    "ChangeKind",
    "Disposition",
    "Fuel",
    "Article9Condition",
    "QuarantineStatus",
    "Send",
    "Stage",
    "Status",
    "Withheld",
)


class Entry(NamedTuple):
    """A row of one of the glossary's tables."""

    term: str
    meaning: str
    source: str
    more: str


def tables() -> list[list[Entry]]:
    """The rows of each table, without its heading."""
    blocks = re.findall(r"(?:^\|.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        [Entry(*(cell.strip() for cell in row.strip("|\n").split("|"))) for row in block.splitlines()[2:]]
        for block in blocks
    ]


ENTRIES = [entry for table in tables() for entry in table]


def plain(term: str) -> str:
    return term.strip("`").replace("_", " ").casefold()


def values() -> list[tuple[str, str]]:
    """Each value of the enumerations, by the name of its enumeration."""
    found: list[tuple[str, str]] = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name in ENUMERATIONS:
                members = [member.value for member in node.body if isinstance(member, ast.Assign)]
                found += [(node.name, str(ast.literal_eval(member))) for member in members]
    return found


def items() -> set[str]:
    """The flows and data items of the DTC that the code names."""
    named = {item for path in SOURCES for item in re.findall(r"\b[DJ]\d{4}\b", path.read_text(encoding="utf-8"))}
    assert {"D0225", "J1699"} <= named
    return named


def explained() -> set[str]:
    """The flows and data items of the glossary, those between the ends of a range too."""
    found: set[str] = set()
    for entry in ENTRIES:
        if re.fullmatch(r"[DJ]\d{4}(–J\d{4})?", entry.term):
            first, last = entry.term[1:5], entry.term[-4:]
            found |= {f"{entry.term[0]}{number:04d}" for number in range(int(first), int(last) + 1)}
    return found


@pytest.mark.parametrize("table", tables(), ids=["terms", "items"])
def test_terms_are_in_alphabetical_order_and_appear_once(table: list[Entry]) -> None:
    assert len(table) > 20
    assert not [(one.term, other.term) for one, other in pairwise(table) if plain(one.term) >= plain(other.term)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.term)
def test_term_has_one_short_sentence_and_a_page_that_exists(entry: Entry) -> None:
    assert entry.meaning[0] == entry.meaning[0].upper()
    assert re.findall(r"[.!?](?=\s|$)", entry.meaning) == ["."]
    assert entry.meaning.endswith(".")
    assert len(entry.meaning) <= 130
    (target,) = re.findall(r"^\[[^\]]+\]\(([^)#]+)\)$", entry.more)
    assert (PAGE.parent / target).is_file()


def test_every_enumeration_is_found() -> None:
    assert {name for name, _ in values()} == set(ENUMERATIONS)


@pytest.mark.parametrize(("enumeration", "value"), values())
def test_every_value_of_an_enumeration_is_a_term(enumeration: str, value: str) -> None:
    assert plain(value) in {plain(entry.term) for entry in ENTRIES}, f"add the {enumeration} to docs/glossary.md"


def test_every_flow_and_data_item_that_the_code_names_is_explained() -> None:
    assert sorted(items() - explained()) == []


def test_the_temporary_needs_are_those_of_the_table() -> None:
    (entry,) = (entry for entry in ENTRIES if entry.term == "Temporary need")
    assert re.findall(r"\d\d", entry.meaning) == [code for code, one in categories().items() if one.temporary]
