"""`psr report`: the regulator's figures, and those of review campaigns, counted from the change log."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby, pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from ops.campaign_figures import CampaignFigures, CampaignTally
from ops.chart import Bar, bar_chart
from ops.output import AsJson, print_json
from ops.running import run
from ops.service_figures import ServiceFigures, ServiceTally
from shared.clock import last_closed_day
from shared.domain.changes import Change
from shared.domain.needs import categories, labels
from shared.domain.registration import Registration, Status
from shared.domain.supply_points import Fuel
from shared.store.documents import Collection
from shared.store.service import service
from tools.errors import WrongUsage

_PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
_FUELS = {Fuel.ELECTRICITY: "electricity", Fuel.GAS: "gas"}
#: Stands for the whole register next to its needs codes.
ANY = ""

#: The rows that count an account: for each fuel that it is registered for, `ANY` and each of its needs codes.
Counted = frozenset[tuple[Fuel, str]]


class Figures(NamedTuple):
    """A row of the report, in accounts: `before` + `added` - `removed` == `registered`. `code` may be `ANY`."""

    fuel: str
    code: str
    before: int
    added: int
    removed: int
    registered: int


def report(
    period: Annotated[str, typer.Argument(help="London days, both included: 2026-10-01..2026-12-31.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the CSV and the chart.")] = Path(),
    *,
    as_json: AsJson = False,
) -> None:
    """Count the figures for the regulator in a period.

    Writes a CSV file and a chart of accounts on the register by fuel and needs code, and CSV files of services and of
    review campaigns.
    """
    first, last = _days(period)
    out.mkdir(parents=True, exist_ok=True)
    register, services, campaigns = run(lambda: _counted_in(first, last))
    files = {
        f"register-{first}-{last}.csv": as_csv(register),
        f"register-{first}-{last}.svg": as_chart(register, first, last),
        f"services-{first}-{last}.csv": _table(services),
        f"campaigns-{first}-{last}.csv": _table(campaigns),
    }
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    if as_json:
        tables: dict[str, Sequence[NamedTuple]] = {"register": register, "services": services, "campaigns": campaigns}
        print_json({name: [row._asdict() for row in rows] for name, rows in tables.items()})
    else:
        _print_summary(register, campaigns)
        print(", ".join(str(out / name) for name in files))
    if last > last_closed_day(service().clock.now()):
        print(
            "The last day is not over: these figures will change. A day closes at 02:00 of the next.", file=sys.stderr
        )


def _print_summary(register: Iterable[Figures], campaigns: Iterable[CampaignFigures]) -> None:
    for row in register:
        if row.code == ANY:
            print(f"{row.fuel}: {row.registered:,} registered, {row.added:,} added, {row.removed:,} removed")
    for campaign in campaigns:
        figures = ", ".join(f"{value:,} {name}" for name, value in campaign._asdict().items() if name != "work")
        print(f"{campaign.work}: {figures}")


class Tally:
    """Adds accounts up one by one, in constant memory."""

    def __init__(self) -> None:
        self._before, self._added, self._removed, self._registered = (Counter[tuple[Fuel, str]]() for _ in range(4))

    def add(self, steps: list[Counted]) -> None:
        """Count one account: the rows that count it at the start of the period, and after each change in it."""
        self._before.update(steps[0])
        for earlier, later in pairwise(steps):
            self._added.update(later - earlier)
            self._removed.update(earlier - later)
        self._registered.update(steps[-1])

    def rows(self) -> list[Figures]:
        """The report: each fuel, and each fuel and live needs code."""
        counters = (self._before, self._added, self._removed, self._registered)
        keys = [(fuel, code) for fuel in _FUELS for code in (ANY, *sorted(categories()))]
        return [Figures(_FUELS[fuel], code, *(counter[fuel, code] for counter in counters)) for fuel, code in keys]


def versions_of(changes: Iterable[Change]) -> list[Change]:
    """The changes of one account that made versions, in their order."""
    return sorted((change for change in changes if change.made_a_version), key=lambda change: change.version)


def steps_of(versions: Sequence[Change], first: date, last: date) -> list[Counted]:
    """The rows that counted one account at the start of `first` and after each of its changes until `last`."""
    steps: list[Counted] = [frozenset()]
    for change in versions:
        counted = _counted(change.state.registration)
        if change.day < first:
            steps = [counted]
        elif change.day <= last:
            steps.append(counted)
    return steps


def as_csv(rows: Iterable[Figures]) -> str:
    """One line for each fuel, and for each fuel and needs code."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("fuel", "code", "label", "before", "added", "removed", "registered"))
    for row in rows:
        writer.writerow((row.fuel, row.code, _label(row.code), row.before, row.added, row.removed, row.registered))
    return text.getvalue()


def _table(rows: Sequence[ServiceFigures] | Sequence[CampaignFigures]) -> str:
    """CSV with a line for each row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0]._fields)
    writer.writerows(rows)
    return text.getvalue()


def as_chart(rows: list[Figures], first: date, last: date) -> str:
    """Accounts by needs code, the fuels side by side, as SVG. Codes that nobody had are left out."""
    fuels = list(_FUELS.values())
    by_key = {(row.code, row.fuel): row for row in rows}
    groups = {
        f"{code} {_label(code)}": [by_key[code, fuel] for fuel in fuels]
        for code in sorted(categories())
        if any(any(by_key[code, fuel][2:]) for fuel in fuels)
    }
    return bar_chart(
        f"Priority Services Register, {last:%-d %B %Y}",
        f"Accounts by needs code at the end of the day; added and removed since {first:%-d %B %Y}",
        [f"{row.fuel}, all codes: {_figures_text(row)}" for row in (by_key[ANY, fuel] for fuel in fuels)],
        [(label, [Bar(row.registered, _figures_text(row)) for row in group]) for label, group in groups.items()],
    )


def _figures_text(row: Figures) -> str:
    return f"{row.registered:,} (+{row.added:,} \N{MINUS SIGN}{row.removed:,})"


def _counted(registration: Registration) -> Counted:
    """The fuels that an account is on the register for, and its needs codes for each."""
    if registration.status is not Status.ACTIVE:
        return frozenset()
    fuels = {point.fuel for point in registration.supply_points.all()}
    codes = [ANY, *(str(need.code) for need in registration.needs)]
    return frozenset((fuel, code) for fuel in fuels for code in codes)


def _label(code: str) -> str:
    return next(iter(labels()[code].values())) if code != ANY else "all"


def _days(period: str) -> tuple[date, date]:
    match = _PERIOD.fullmatch(period)
    try:
        first, last = (date.fromisoformat(text) for text in match.groups()) if match else (date.max, date.min)
    except ValueError:
        first, last = date.max, date.min
    if first > last:
        raise WrongUsage("give a period as 2026-10-01..2026-12-31, first day first")
    return first, last


async def _counted_in(first: date, last: date) -> tuple[list[Figures], list[ServiceFigures], list[CampaignFigures]]:
    """Every table of the report, in one pass over the change log."""
    register, services, campaigns = Tally(), ServiceTally(first, last), CampaignTally(first, last)
    async for changes in _by_account():
        versions = versions_of(changes)
        register.add(steps_of(versions, first, last))
        services.add(versions)
        campaigns.add(changes, versions)
    return register.rows(), services.rows(), campaigns.rows()


async def _by_account() -> AsyncIterator[list[Change]]:
    """Each account's changes. Their ids begin with the registration's, so they come together, in pages."""
    gathered: list[Change] = []
    read = 0
    with Console(stderr=True).status("Reading the change log") as status:
        async for page in service().documents.pages(Collection.CHANGES):
            read += len(page)
            status.update(f"Reading the change log: {read:,} changes")
            for registration_id, changes in _grouped(Change.model_validate_json(stored.state) for stored in page):
                if gathered and gathered[0].registration_id != registration_id:
                    yield gathered
                    gathered = []
                gathered += changes
    if gathered:
        yield gathered


def _grouped(changes: Iterable[Change]) -> Iterator[tuple[str, list[Change]]]:
    for registration_id, group in groupby(changes, key=lambda change: change.registration_id):
        yield registration_id, list(group)
