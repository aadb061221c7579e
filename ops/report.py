"""`ops report`: the regulator's figures."""

import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ops.chart import bar_chart
from ops.errors import CommandError
from ops.running import run
from shared.domain.changes import Change
from shared.domain.needs import categories, labels
from shared.domain.registration import Registration, Status
from shared.domain.supply_points import Fuel
from shared.store.documents import documents

_PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})")
FUELS = {Fuel.ELECTRICITY: "electricity", Fuel.GAS: "gas"}


class Figures(NamedTuple):
    """One fuel's figures. `before + added - removed == registered`; `codes` are of those registered at the end."""

    before: int
    registered: int
    added: int
    removed: int
    codes: dict[str, int]


class Account(NamedTuple):
    """One account through a period: the fuels it is registered for, change by change; the first is from before it."""

    steps: list[frozenset[Fuel]]
    codes: frozenset[str]


def report(
    period: Annotated[str, typer.Argument(help="London days, both included: 2026-10-01..2026-12-31.")],
    out: Annotated[Path, typer.Option(help="Folder for the CSV and the chart.")] = Path(),
) -> None:
    """Per fuel: registered at the end of a period, added and removed in it, by needs code. As CSV and as a chart."""
    first, last = _days(period)
    told = run(lambda: _figures(first, last))
    out.mkdir(parents=True, exist_ok=True)
    name = f"register-{first}-{last}"
    (out / f"{name}.csv").write_text(as_csv(told), encoding="utf-8")
    (out / f"{name}.svg").write_text(as_chart(told, f"On the register, {last}"), encoding="utf-8")
    for fuel, row in told.items():
        print(f"{fuel}: {row.registered:,} registered, {row.added:,} added, {row.removed:,} removed")
    print(f"{out / name}.csv, {out / name}.svg")


def figures_of(accounts: Iterable[Account]) -> dict[str, Figures]:
    """The figures of a period."""
    before, added, removed, registered = (Counter[Fuel]() for _ in range(4))
    codes: dict[Fuel, Counter[str]] = {fuel: Counter() for fuel in Fuel}
    for account in accounts:
        before.update(account.steps[0])
        for earlier, later in zip(account.steps, account.steps[1:], strict=False):
            added.update(later - earlier)
            removed.update(earlier - later)
        registered.update(account.steps[-1])
        for fuel in account.steps[-1]:
            codes[fuel].update(account.codes)
    return {
        name: Figures(
            before[fuel],
            registered[fuel],
            added[fuel],
            removed[fuel],
            {code: codes[fuel][code] for code in sorted(categories())},
        )
        for fuel, name in FUELS.items()
    }


def account_of(changes: Iterable[Change], first: date, last: date) -> Account:
    """One account's changes, in any order, as it went through the days from `first` to `last`."""
    steps: list[frozenset[Fuel]] = [frozenset()]
    codes: frozenset[str] = frozenset()
    versions = sorted((change for change in changes if change.made_a_version), key=lambda change: change.version)
    for change in versions:
        if change.day > last:
            break
        registration = change.state.registration
        if change.day < first:
            steps = [_fuels(registration)]
        else:
            steps.append(_fuels(registration))
        codes = frozenset(str(need.code) for need in registration.needs)
    return Account(steps, codes)


def as_csv(told: dict[str, Figures]) -> str:
    """One line a figure."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("fuel", "figure", "code", "label", "accounts"))
    for fuel, row in told.items():
        for name in ("before", "added", "removed", "registered"):
            writer.writerow((fuel, name, "", "", getattr(row, name)))
        for code, count in row.codes.items():
            writer.writerow((fuel, "registered_with_code", code, _label(code), count))
    return text.getvalue()


def as_chart(told: dict[str, Figures], title: str) -> str:
    """Accounts by needs code, the fuels side by side, as SVG."""
    bars = [
        (f"{code} {_label(code)}", [row.codes[code] for row in told.values()])
        for code in sorted(categories())
        if any(row.codes[code] for row in told.values())
    ]
    return bar_chart(title, list(told), bars)


def _fuels(registration: Registration) -> frozenset[Fuel]:
    """The fuels that an account is on the register for."""
    if registration.status is not Status.ACTIVE:
        return frozenset()
    return frozenset(point.fuel for point in registration.supply_points.all())


def _label(code: str) -> str:
    return list(labels()[code].values())[-1]


def _days(period: str) -> tuple[date, date]:
    match = _PERIOD.fullmatch(period)
    try:
        first, last = (date.fromisoformat(text) for text in match.groups()) if match else (date.max, date.min)
    except ValueError:
        first, last = date.max, date.min
    if first > last:
        raise CommandError("give a period as 2026-10-01..2026-12-31, first day first")
    return first, last


async def _figures(first: date, last: date) -> dict[str, Figures]:
    """Changes come account by account, since their ids begin with the registration's: memory stays flat."""
    accounts = [account_of(changes, first, last) async for changes in _by_account()]
    return figures_of(accounts)


async def _by_account() -> AsyncIterator[list[Change]]:
    gathered: list[Change] = []
    async for page in documents().pages("changes"):
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
