"""The lines of a CSV file as cells, read strictly: RFC 4180, and one record a line.

A cell cannot hold a line break, so a stray quote is wrong on its own line and swallows no other.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from tools.errors import CommandError

#: Characters.
LONGEST_CELL = 128 * 1024
_LONGEST_LINE = 8 * 1024 * 1024
_QUOTED = re.compile(r'"([^"]*(?:""[^"]*)*)"')
_NAMES = {"\n": "LF", "\r": "CR", "\r\n": "CR LF"}


class CsvLine(NamedTuple):
    """One physical line, counted from 1. A blank one has no cells; a `wrong` one says why it cannot be read."""

    number: int
    cells: list[str]
    wrong: str | None = None


def csv_lines(file: Path) -> Iterator[CsvLine]:
    """Every line of a file, in flat memory. A byte order mark of UTF-8 is left out.

    Raises `CommandError` if the file is UTF-16.
    """
    with file.open("rb") as start:
        if start.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise CommandError(f"{file.name} is UTF-16. Save it as UTF-8")
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        first_ending = ""
        number = 0
        while line := text.readline(_LONGEST_LINE):
            number += 1
            content = line.rstrip("\r\n")
            ending = line[len(content) :]
            first_ending = first_ending or ending
            try:
                _refuse_too_long(line, text)
                _refuse_unlike_the_first(ending, first_ending)
                _refuse_not_utf8(content)
                yield CsvLine(number, _cells(content))
            except ValueError as wrong:
                yield CsvLine(number, [], str(wrong))


def _refuse_too_long(line: str, text: TextIO) -> None:
    """Reads the rest of the line, if there is more. Raises `ValueError`."""
    rest = line
    while len(rest) == _LONGEST_LINE and not rest.endswith(("\n", "\r")):
        rest = text.readline(_LONGEST_LINE)
    if rest is not line:
        raise ValueError(f"the line is longer than {_LONGEST_LINE:,} characters")


def _refuse_unlike_the_first(ending: str, first_ending: str) -> None:
    """The last line may end without a line break. Raises `ValueError`."""
    if ending not in ("", first_ending):
        raise ValueError(
            f"the line ends with {_NAMES[ending]} and the first with {_NAMES[first_ending]}: "
            "a line break in a cell, or two files in one"
        )


def _refuse_not_utf8(content: str) -> None:
    """Raises `ValueError` for bytes that are not UTF-8, which are surrogates in the text."""
    if not content.isascii() and (wrong := not_utf8(content.encode("utf-8", "surrogateescape"))):
        raise ValueError(wrong)


def not_utf8(line: bytes) -> str | None:
    """The first byte of a line that is not UTF-8, counted from 1. None if the line is UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} of the line is not UTF-8"
    return None


def _cells(content: str) -> list[str]:
    """The cells of a line; none if it is blank. Raises `ValueError`."""
    if not content.strip():
        return []
    if "\0" in content:
        raise ValueError("the line holds a NUL character")
    cells = _split(content) if '"' in content else content.split(",")
    if len(content) > LONGEST_CELL and max(map(len, cells)) > LONGEST_CELL:
        raise ValueError(f"a cell is longer than {LONGEST_CELL:,} characters")
    return cells


def _split(content: str) -> list[str]:
    """The cells of a line with quotes. Raises `ValueError`."""
    cells = []
    start = 0
    while True:
        if content.startswith('"', start):
            quoted = _QUOTED.match(content, start)
            if quoted is None:
                raise ValueError("a quote opens a cell and none closes it on the same line")
            end = quoted.end()
            cells.append(quoted[1].replace('""', '"'))
            if content[end : end + 1] not in ("", ","):
                raise ValueError("text follows the quote that closes a cell")
        else:
            comma = content.find(",", start)
            end = comma if comma >= 0 else len(content)
            cells.append(content[start:end])
            if '"' in cells[-1]:
                raise ValueError("there is a quote in a cell that is not in quotes")
        if end == len(content):
            return cells
        start = end + 1
