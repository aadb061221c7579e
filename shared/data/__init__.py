"""The industry's tables as data files, so that a change of the market is a change of a row."""

import csv
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a comma-separated table in this folder, by column name."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
