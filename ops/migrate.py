"""`ops migrate`: publish a file of customers, and tell what became of each."""

import csv
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops.errors import CommandError
from ops.migration.journal import Journal
from ops.migration.publishing import Ramp, publish_file
from ops.migration.reconciling import Reconciliation, reconcile
from ops.migration.records import records
from ops.running import run

app = typer.Typer(help="Migrate customers from an old platform.", no_args_is_help=True)

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
        float, typer.Option(min=1, help="Messages a second at first; grows by half every 5 minutes.")
    ] = 500,
    ceiling: Annotated[float, typer.Option(min=1, help="Most messages a second.")] = 10_000,
    restart: Annotated[
        bool, typer.Option("--restart", help="From the beginning, whatever was published before.")
    ] = False,
) -> None:
    """Publish every record of a file to the migration consumer. A run that was stopped goes on where it was."""
    journal = Journal.of(file, source, restart=restart)
    if journal.published:
        print(f"{journal.published:,} records are published already; going on after them.")
    total = sum(1 for _ in records(file, source))
    with _progress() as bar:
        task = bar.add_task("published", total=total, completed=journal.published)
        ramp = Ramp(start=rate, ceiling=max(rate, ceiling))

        def show(now: Journal) -> None:
            bar.update(task, completed=now.published)

        journal = run(lambda: publish_file(file, source, journal, ramp, show))
    print(f"{journal.published:,} records published. `ops migrate status {file}` tells what becomes of them.")
    if journal.too_large:
        numbers = ", ".join(map(str, journal.too_large[:_SHOWN]))
        raise CommandError(f"{len(journal.too_large)} records are larger than a message can be (numbers {numbers})")


@app.command()
def status(file: _File, source: _Source = _SOURCE) -> None:
    """Tell what became of every record that was published from a file. Fails while any is missing."""
    journal = Journal.of(file, source)
    if not journal.published:
        raise CommandError(f"nothing of {file.name} has been published: ops migrate publish {file}")
    missing = file.with_name(f"{file.name}.missing.csv")
    with _progress() as bar, missing.open("w", encoding="utf-8", newline="") as text:
        task = bar.add_task("looked up", total=journal.published)
        rows = csv.writer(text)
        rows.writerow(("record", "account_id"))
        found = run(
            lambda: reconcile(
                file,
                source,
                journal,
                lambda record: rows.writerow((record.number, record.account_id)),
                lambda done: bar.advance(task, done),
            )
        )
    Console().print(_table(found))
    if found.missing:
        for number, account_id in islice(csv.reader(missing.read_text(encoding="utf-8").splitlines()), 1, _SHOWN + 1):
            print(f"missing: record {number}, account {account_id or '?'}")
        raise CommandError(
            f"{found.missing:,} records are neither applied nor quarantined yet, see {missing.name}; "
            "if this stays, publish again with --restart"
        )
    missing.unlink()
    if unpublished := sum(1 for _ in islice(records(file, source), journal.published, None)):
        raise CommandError(f"{unpublished:,} records are not published yet: ops migrate publish {file}")


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
    return Progress(*columns, console=Console(stderr=True))
