"""`psr migrate`: publish a file of customers, and show the outcome of each."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops.migration.journal import Journal, only_publisher
from ops.migration.publishing import Ramp, publish_file
from ops.migration.reconciling import Reconciliation, reconcile
from ops.migration.records import Record
from ops.migration.replacing import replacing
from ops.migration.survey import Survey, physical_lines, survey
from ops.running import run
from tools.errors import CommandError

app = typer.Typer(no_args_is_help=True)

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON (.ndjson, .jsonl) or CSV (.csv).")]
_Source = Annotated[str, typer.Option(help="CloudEvents source of the rows of a CSV file.")]
_SOURCE = "//old-platform/customers"
_SHOWN = 20


@app.command()
def publish(
    file: _File,
    source: _Source = _SOURCE,
    *,
    rate: Annotated[
        float, typer.Option(min=1, help="Messages a second at the start. Grows by half every 5 minutes.")
    ] = 500,
    ceiling: Annotated[float, typer.Option(min=1, help="Highest number of messages a second.")] = 10_000,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Publish from the beginning, published records too."),
    ] = False,
) -> None:
    """Publish every record of a file to the migration consumer.

    A run continues where an earlier one stopped.
    """
    with only_publisher(file):
        journal = Journal.of(file, source, restart=restart)
        if journal.published:
            print(f"{journal.published:,} records are published already; continuing after them.")
        found = _surveyed(file, source)
        with _progress() as bar:
            task = bar.add_task("published", total=found.records, completed=journal.published)
            ramp = Ramp(start=rate, ceiling=max(rate, ceiling))

            def show(now: Journal) -> None:
                bar.update(task, completed=now.published)

            journal = run(lambda: publish_file(file, source, journal, ramp, show))
    print(f"{journal.published:,} records published. `psr migrate status {file}` shows their outcomes.")
    if journal.too_large:
        numbers = ", ".join(map(str, journal.too_large[:_SHOWN]))
        raise CommandError(f"{len(journal.too_large)} records are larger than a message can be (numbers {numbers})")


@app.command()
def status(file: _File, source: _Source = _SOURCE) -> None:
    """Show the outcome of every record that was published from a file.

    Fails while the outcome of any record is missing.
    """
    journal = Journal.of(file, source)
    if not journal.published:
        raise CommandError(f"nothing of {file.name} has been published: psr migrate publish {file}")
    surveyed = _surveyed(file, source)
    listing = file.with_name(f"{file.name}.missing.csv")
    first: list[str] = []
    with _progress() as bar, replacing(listing) as text:
        task = bar.add_task("looked up", total=journal.published)
        rows = csv.writer(text)
        rows.writerow(("record", "account_id"))

        def missing(record: Record) -> None:
            rows.writerow((record.number, record.account_id))
            if len(first) < _SHOWN:
                first.append(f"missing: record {record.number}, account {record.account_id or '?'}")

        found = run(lambda: reconcile(file, source, journal, missing, lambda done: bar.advance(task, done)))
    Console().print(_table(found))
    if found.missing:
        print(*first, sep="\n")
        raise CommandError(
            f"{found.missing:,} records are neither applied nor quarantined yet, see {listing.name}; "
            "if this stays, publish again with --restart"
        )
    listing.unlink(missing_ok=True)
    if unpublished := surveyed.records - journal.published:
        raise CommandError(f"{unpublished:,} records are not published yet: psr migrate publish {file}")


def _surveyed(file: Path, source: str) -> Survey:
    """Read the whole file first, and say what is in it. Raises `CommandError` if it cannot be read."""
    ends = physical_lines(file)
    listing = file.with_name(f"{file.name}.repeated.csv")
    first: list[int] = []
    with _progress() as bar, replacing(listing) as text:
        task = bar.add_task("checked", total=ends.lines)
        rows = csv.writer(text)
        rows.writerow(("account", "line"))

        def repeated(account: int, line: int) -> None:
            rows.writerow((account, line))
            if len(first) <= _SHOWN:
                first.append(line)

        found = survey(file, source, ends, repeated, lambda lines: bar.update(task, completed=lines))
    names = f"{found.headers} with names of columns, " if found.headers else ""
    print(f"{found.lines:,} lines: {names}{found.records:,} records, {found.blank:,} blank.")
    if not found.complete and found.headers:
        _warn("the last line has no line break at its end. Check that the file is whole.")
    if found.not_utf8:
        _warn(f"{found.not_utf8:,} records are not UTF-8. They are published, and fail into quarantine.")
    if not found.repeated:
        listing.unlink(missing_ok=True)
        return found
    lines = ", ".join([*map(str, first[:_SHOWN]), *(["…"] if len(first) > _SHOWN else [])])
    _warn(
        f"{found.repeated:,} accounts have more than one record, and the records differ: lines {lines}; "
        f"all of them are in {listing.name}. "
        "The newest record counts; records of one time keep the needs of both, and a review is due."
    )
    return found


def _warn(sentence: str) -> None:
    print(f"warning: {sentence}", file=sys.stderr)


def _table(found: Reconciliation) -> Table:
    table = Table("What", "Records", title="Migration")
    table.add_row("sent", f"{found.sent:,}")
    table.add_row("duplicate", f"{found.duplicates:,}")
    for outcome, count in sorted(found.outcomes.items()):
        table.add_row(outcome, f"{count:,}")
    table.add_section()
    table.add_row("accounted for", f"{found.duplicates + found.outcomes.total() - found.missing:,}")
    return table


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
