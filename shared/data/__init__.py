"""The industry's tables as data files, so that a change in the market is a change of a row."""

import csv
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent


class TableError(ValueError):
    """A table has a fault. The message names the table, the row and the fault."""


def text(name: str) -> str:
    """The text of a table in this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a comma-separated table in this folder, by column name. A cell is on one line.

    Raises `TableError` if a row has more or fewer cells than the table has columns.
    """
    names, *lines = csv.reader(text(name).splitlines(), strict=True)
    for number, cells in enumerate(lines, 2):
        if len(cells) != len(names):
            raise TableError(f"{name}, line {number}: has {len(cells)} cells, and the table has {len(names)} columns")
        yield dict(zip(names, cells, strict=True))
