"""Print what a command found: as a table that nothing cuts, or as JSON."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from pydantic_core import to_json

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def print_json(value: Any) -> None:
    """Print models, named values and dates as JSON."""
    print(to_json(value, indent=2).decode())


def print_table(*rows: Sequence[object]) -> None:
    """Print a row of headings and others, each column as wide as its widest value, on a terminal or into a pipe."""
    texts = [[str(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def one_or_many(count: int, what: str) -> str:
    """`1 record`, `2,000 records`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
