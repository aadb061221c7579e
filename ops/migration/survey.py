"""A first pass over a source file, before any of it is published: whether all of it can be read, and which
accounts are in it more than once with different records.
"""

from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from ops.migration.records import Reading, Record, records
from ops.migration.scratch import scratch_database
from tools.errors import CommandError

_BLOCK_BYTES = 1024 * 1024
_ROWS_AT_ONCE = 1000
_DIGEST_BYTES = 16


class Survey(NamedTuple):
    """A file that can be read: `lines` == `headers` + `records` + `blank`.

    `repeated` is how many accounts have several records that differ, `complete` whether the last line has a line break.
    """

    lines: int
    headers: int
    records: int
    blank: int
    repeated: int
    complete: bool


class Ends(NamedTuple):
    """The physical lines of a file, and whether the last one has a line break."""

    lines: int
    complete: bool


def physical_lines(file: Path) -> Ends:
    """Count the lines of a file by its bytes: line feeds and, in CSV, carriage returns."""
    lines = 0
    last = b""
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            lines += block.count(b"\n")
            if file.suffix == ".csv":
                lines += block.count(b"\r") - block.count(b"\r\n") - (last == b"\r" and block.startswith(b"\n"))
            last = block[-1:]
    complete = last in (b"", b"\n") or (last == b"\r" and file.suffix == ".csv")
    return Ends(lines if complete else lines + 1, complete)


def survey(
    file: Path, source: str, ends: Ends, repeated: Callable[[int, int], None], progress: Callable[[int], None]
) -> Survey:
    """Read a file to its end, in flat memory.

    `repeated` gets each line of an account whose records differ: the account as a number from 1, and the line.
    `progress` gets the number of lines. Raises `CommandError` if a line cannot be read, or lines and records do not add
    up.
    """
    reading = Reading()
    with scratch_database() as database:
        database.execute("CREATE TABLE records (account BLOB, record BLOB, line INTEGER)")
        database.execute("BEGIN")
        read = records(file, source, reading)
        while rows := list(islice(read, _ROWS_AT_ONCE)):
            database.executemany("INSERT INTO records VALUES (?, ?, ?)", map(_row, rows))
            progress(reading.lines)
        progress(reading.lines)
        _refuse_wrong(file, reading)
        _refuse_what_does_not_add_up(file, reading, ends)
        accounts = 0
        for accounts, lines in enumerate(_differing(database), 1):
            for line in lines:
                repeated(accounts, line)
    return Survey(reading.lines, reading.headers, reading.records, reading.blank, accounts, ends.complete)


def _row(record: Record) -> tuple[bytes | None, bytes, int]:
    account = None if record.account_id is None else sha256(record.account_id.encode()).digest()[:_DIGEST_BYTES]
    return account, sha256(record.data).digest()[:_DIGEST_BYTES], record.line


def _differing(database: Connection) -> Iterator[list[int]]:
    """The lines of each account whose records differ, in the order of the file."""
    database.execute("CREATE INDEX by_account ON records (account, record, line)")
    rows = database.execute(
        "SELECT account, line FROM records JOIN ("
        " SELECT account, MIN(line) AS first FROM records WHERE account IS NOT NULL"
        " GROUP BY account HAVING MIN(record) <> MAX(record)"
        ") USING (account) ORDER BY first, line"
    )
    for _, group in groupby(rows, key=lambda row: row[0]):
        yield [line for _, line in group]


def _refuse_wrong(file: Path, reading: Reading) -> None:
    if not reading.wrong:
        return
    named = "; ".join(f"line {number}: {why}" for number, why in reading.first_wrong.items())
    more = reading.wrong - len(reading.first_wrong)
    raise CommandError(
        f"{file.name} cannot be read. {named}{f'; and {more:,} more lines' if more else ''}. "
        "Correct these lines where they come from. Nothing was published by this run"
    )


def _refuse_what_does_not_add_up(file: Path, reading: Reading, ends: Ends) -> None:
    if reading.lines != ends.lines or reading.lines != reading.headers + reading.records + reading.blank:
        raise CommandError(
            f"{file.name} has {ends.lines:,} lines, of which {reading.lines:,} were read: {reading.headers} with names "
            f"of columns, {reading.records:,} records, {reading.blank:,} blank. Nothing was published by this run. "
            "Check that nobody writes to the file"
        )
