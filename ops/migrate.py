"""`psr migrate`: check a file of customers, publish it, and show the outcome of each."""

import asyncio
import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.migration.checking import Rules
from ops.migration.following import Following
from ops.migration.journal import Journal, only_publisher
from ops.migration.progress import progress
from ops.migration.publishing import Ramp, publish_file
from ops.migration.reconciling import MISSING, Reconciliation, reconcile
from ops.migration.records import Record
from ops.migration.replacing import replacing
from ops.migration.survey import Survey, physical_lines, survey
from ops.migration.work_list import Outcome, WorkList, work_list
from ops.running import run
from shared.clock import Clock
from shared.policy import Policy
from shared.settings import SettingsError, settings
from tools.errors import CommandError

app = typer.Typer(no_args_is_help=True)

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="NDJSON (.ndjson, .jsonl) or CSV (.csv).")]
_Source = Annotated[str, typer.Option(help="CloudEvents source of the rows of a CSV file.")]
_Report = Annotated[
    Path | None,
    typer.Option(dir_okay=False, metavar="FILE.csv", help="Write the faults here: line, account, field, code, word."),
]
_SOURCE = "//old-platform/customers"
_SHOWN = 20
_INTERRUPTED = 130


@app.command()
def check(file: _File, source: _Source = _SOURCE, report: _Report = None) -> None:
    """Check a file against the contract, and publish nothing.

    Needs no deployment and no credentials. Fails if the consumer would refuse a record for an account that is not
    registered yet.
    """
    _refuse_same(file, report)
    surveyed = _surveyed(file, source)
    with work_list(report) as work, progress("checked", surveyed.records) as show:
        outcomes = _rules().check_file(file, source, work.add, show)
    Console().print(_table("Check", dict(outcomes.most_common())))
    _print_words(work)
    if refused := sum(count for name, count in outcomes.items() if name != "accepted"):
        raise CommandError(f"{refused:,} of {surveyed.records:,} records would be refused{_see(report)}")


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
        try:
            journal = _publish_rest(file, source, journal, Ramp(start=rate, ceiling=max(rate, ceiling)))
        except KeyboardInterrupt:
            done = Journal.of(file, source).published
            _stop(f"{done:,} records of {file.name} are published. To continue after them, run the command again.")
    print(f"{journal.published:,} records published. `psr migrate status {file}` shows their outcomes.")
    if journal.too_large:
        numbers = ", ".join(map(str, journal.too_large[:_SHOWN]))
        raise CommandError(f"{len(journal.too_large)} records are larger than a message can be (numbers {numbers})")


@app.command()
def status(file: _File, source: _Source = _SOURCE, report: _Report = None) -> None:
    """Show the outcome of every record that was published from a file.

    Fails while the outcome of any record is missing.
    """
    _refuse_same(file, report)
    journal = Journal.of(file, source)
    if not journal.published:
        raise CommandError(f"nothing of {file.name} has been published: psr migrate publish {file}")
    surveyed = _surveyed(file, source)
    listing = file.with_name(f"{file.name}.missing.csv")
    first: list[str] = []
    with work_list(report) as work, replacing(listing) as text, progress("looked up", journal.published) as show:
        rows = csv.writer(text)
        rows.writerow(("record", "account_id"))

        def each(record: Record, outcome: Outcome) -> None:
            work.add(record, outcome)
            if outcome.name == MISSING:
                rows.writerow((record.number, record.account_id))
                if len(first) < _SHOWN:
                    first.append(f"missing: record {record.number}, account {record.account_id or '?'}")

        found = run(lambda: reconcile(file, source, journal, each, show))
    Console().print(_reconciled(found))
    _print_words(work)
    if found.missing:
        print(*first, sep="\n")
        raise CommandError(
            f"{found.missing:,} records are neither applied nor quarantined yet, see {listing.name}; "
            "if this stays, publish again with --restart"
        )
    listing.unlink(missing_ok=True)
    if unpublished := surveyed.records - journal.published:
        raise CommandError(f"{unpublished:,} records are not published yet: psr migrate publish {file}")


def _publish_rest(file: Path, source: str, journal: Journal, ramp: Ramp) -> Journal:
    """Publish the records that are not published yet, and show how far Pub/Sub and the consumer are."""
    surveyed = _surveyed(file, source)
    journal.keep(file)
    following = Following()
    with progress("published", surveyed.records, journal.published) as show:

        def confirmed(now: Journal, requests: Sequence[Sequence[Record]]) -> None:
            following.add(requests)
            show(now.published, str(following))

        async def publish_and_follow() -> Journal:
            follower = asyncio.create_task(following.run())
            try:
                return await publish_file(file, source, journal, ramp, confirmed)
            finally:
                follower.cancel()

        return run(publish_and_follow)


def _rules() -> Rules:
    """The policy and clock of the deployment in the environment; without one, the defaults and this machine's clock."""
    try:
        config = settings()
    except SettingsError:
        return Rules(Policy(), Clock())
    return Rules(config, config.clock())


def _stop(sentence: str) -> None:
    print(f"stopped: {sentence}", file=sys.stderr)
    raise typer.Exit(_INTERRUPTED)


def _refuse_same(file: Path, report: Path | None) -> None:
    if report and report.resolve() == file.resolve():
        raise CommandError(f"the report would replace {file.name}: choose another file")


def _see(report: Path | None) -> str:
    return f", see {report}" if report else ". `--report FILE.csv` lists them"


def _surveyed(file: Path, source: str) -> Survey:
    """Read the whole file first, and say what is in it. Raises `CommandError` if it cannot be read."""
    ends = physical_lines(file)
    listing = file.with_name(f"{file.name}.repeated.csv")
    first: list[int] = []
    with replacing(listing) as text, progress("read", ends.lines) as show:
        rows = csv.writer(text)
        rows.writerow(("account", "line"))

        def repeated(account: int, line: int) -> None:
            rows.writerow((account, line))
            if len(first) <= _SHOWN:
                first.append(line)

        found = survey(file, source, ends, repeated, show)
    names = f"{found.headers} with names of columns, " if found.headers else ""
    print(f"{found.lines:,} lines: {names}{found.records:,} records, {found.blank:,} blank.")
    if not found.complete and found.headers:
        _warn("the last line has no line break at its end. Check that the file is whole.")
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


def _table(title: str, counts: Mapping[str, int]) -> Table:
    table = Table("What", "Records", title=title)
    for what, count in counts.items():
        table.add_row(what, f"{count:,}")
    return table


def _reconciled(found: Reconciliation) -> Table:
    sent = {"sent": found.sent, "duplicate": found.duplicates}
    table = _table("Migration", sent | dict(sorted(found.outcomes.items())))
    table.add_section()
    table.add_row("accounted for", f"{found.duplicates + found.outcomes.total() - found.missing:,}")
    return table


def _print_words(work: WorkList) -> None:
    """The words that are unknown, the most frequent first."""
    if not work.words:
        return
    table = Table("Field", "Unknown word", "Records")
    for (field, word), count in work.words.most_common(_SHOWN):
        table.add_row(field, escape(word), f"{count:,}")
    Console().print(table)
    if (more := len(work.words) - _SHOWN) > 0:
        print(f"and {more:,} more words, which `--report FILE.csv` lists.")
