"""The regulator's figures: what was registered, added and removed, per fuel, from the change log."""

import csv
import json
import random
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.chart import Bar, bar_chart
from ops.report import ANY, Figures, Tally, as_chart, as_csv, report, steps_of, versions_of
from ops.report import _counted_in as counted_in
from shared.domain.changes import Change, ChangeKind
from shared.domain.needs import categories
from shared.store.documents import Documents, Stored
from tests.support.commands import psr
from tests.support.register_world import World
from tests.support.registrations import registration
from tools.errors import CommandError
from tools.local.layout import Layout
from tools.local.sample import mpan, mprn

FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)
BOTH = {"mpans": ["2200999000017"], "mprns": ["9900000104"]}
ELECTRICITY = {"mpans": ["2200999000017"], "mprns": []}
NONE: dict[str, list[str]] = {"mpans": [], "mprns": []}
NIL = (0, 0, 0, 0)
SVG = "{http://www.w3.org/2000/svg}"


def change(version: int, day: str, kind: ChangeKind = ChangeKind.AMENDED, **registered: Any) -> Change:
    state = {
        "registration": json.loads(registration(version=version, **registered).model_dump_json()),
        "facts": {
            **dict.fromkeys(("profile", "premises", "sharing", "status", "supply_points"), FACT),
            "points": {},
        },
        "networks": {},
        "day": day,
    }
    counts = {
        "change_id": f"r-{version}",
        "registration_id": "r",
        "kind": kind,
        "version": version,
        "origin": {"actor": "a", "source": "s", "event_id": None, "event_time": "2026-11-23T09:00:00Z"},
        "recorded_at": "2026-11-23T09:00:00Z",
        "day": day,
        "fingerprint": "f",
        "state": state,
    }
    return Change.model_validate_json(json.dumps(counts))


FACT = {"time": datetime(2026, 11, 23, tzinfo=UTC).isoformat(), "source": "s", "id": "1"}


@pytest.mark.parametrize(
    ("changes", "electricity", "gas"),
    [
        pytest.param([], (0, 0, 0, 0), (0, 0, 0, 0), id="nobody"),
        pytest.param([change(1, "2026-09-30", supply_points=BOTH)], (1, 1, 0, 0), (1, 1, 0, 0), id="since before"),
        pytest.param([change(1, "2026-10-01", supply_points=BOTH)], (0, 1, 1, 0), (0, 1, 1, 0), id="on the first day"),
        pytest.param([change(1, "2026-12-31", supply_points=BOTH)], (0, 1, 1, 0), (0, 1, 1, 0), id="on the last day"),
        pytest.param([change(1, "2027-01-01", supply_points=BOTH)], (0, 0, 0, 0), (0, 0, 0, 0), id="the day after"),
        pytest.param(
            [
                change(1, "2026-09-01", supply_points=BOTH),
                change(2, "2026-11-01", ChangeKind.WITHDRAWN, status="withdrawn", supply_points=NONE),
            ],
            (1, 0, 0, 1),
            (1, 0, 0, 1),
            id="withdrawn",
        ),
        pytest.param(
            [change(1, "2026-09-01", supply_points=BOTH), change(2, "2026-11-01", supply_points=ELECTRICITY)],
            (1, 1, 0, 0),
            (1, 0, 0, 1),
            id="gas given up",
        ),
        pytest.param(
            [
                change(1, "2026-10-05", supply_points=ELECTRICITY),
                change(2, "2026-10-06", ChangeKind.WITHDRAWN, status="withdrawn", supply_points=NONE),
                change(3, "2026-10-07", ChangeKind.REGISTERED, supply_points=ELECTRICITY),
            ],
            (0, 1, 2, 1),
            (0, 0, 0, 0),
            id="there and back",
        ),
        pytest.param(
            [change(1, "2026-10-05", status="pending", needs=[], supply_points=BOTH)],
            (0, 0, 0, 0),
            (0, 0, 0, 0),
            id="pending",
        ),
        pytest.param(
            [
                change(1, "2026-09-05", supply_points=BOTH),
                change(1, "2026-11-05", ChangeKind.RESENT, status="withdrawn", supply_points=NONE),
            ],
            (1, 1, 0, 0),
            (1, 1, 0, 0),
            id="entries that made no version do not count",
        ),
    ],
)
def test_an_account_is_counted_by_fuel(
    changes: list[Change], electricity: tuple[int, ...], gas: tuple[int, ...]
) -> None:
    rows = counted(reversed(changes))
    every = [rows[fuel, ANY] for fuel in ("electricity", "gas")]
    assert [(row.before, row.registered, row.added, row.removed) for row in every] == [electricity, gas]
    for row in rows.values():
        assert row.before + row.added - row.removed == row.registered


def counted(*accounts: Iterable[Change]) -> dict[tuple[str, str], Figures]:
    tally = Tally()
    for changes in accounts:
        tally.add(steps_of(versions_of(changes), FIRST, LAST))
    return {(row.fuel, row.code): row for row in tally.rows()}


def test_each_code_is_counted_as_the_register_is() -> None:
    def needs(*codes: str) -> list[dict[str, str]]:
        return [{"code": code, "starts_on": "2026-09-01"} for code in codes]

    rows = counted(
        [change(1, "2026-09-01", needs=needs("02", "15")), change(2, "2026-11-01", needs=needs("08", "15"))],
        [change(1, "2026-11-01", needs=needs("15"))],
    )
    assert {code: row[2:] for (fuel, code), row in rows.items() if fuel == "electricity" and any(row[2:])} == {
        ANY: (1, 1, 0, 2),
        "02": (1, 0, 1, 0),
        "08": (0, 1, 0, 1),
        "15": (1, 1, 0, 2),
    }
    assert list(rows) == [(fuel, code) for fuel in ("electricity", "gas") for code in (ANY, *sorted(categories()))]


def test_the_csv_has_one_line_a_fuel_and_code() -> None:
    rows = [
        Figures("electricity", ANY, 1, 2, 1, 2),
        Figures("electricity", "02", 1, 0, 1, 0),
        Figures("gas", "23", *NIL),
    ]
    assert as_csv(rows).splitlines() == [
        "fuel,code,label,before,added,removed,registered",
        "electricity,,all,1,2,1,2",
        'electricity,02,"Heart, lung & ventilator",1,0,1,0',
        "gas,23,Medically dependent showering/bathing,0,0,0,0",
    ]


def test_the_chart_is_svg_with_a_bar_for_each_value() -> None:
    chart = drawn(
        bar_chart("A & B", "of <it>", ["electricity", "gas"], [("02 Heart & lung", [Bar(40, "40"), Bar(10, "10")])])
    )
    bars = [element for element in chart.iter(f"{SVG}rect") if element.get("class") == "bar"]
    assert [float(bar.get("width", "")) for bar in bars] == [450.0, 112.5]
    assert texts(chart) == ["A & B", "of <it>", "electricity", "gas", "02 Heart & lung", "40", "10"]
    assert texts(drawn(bar_chart("Nobody", "", ["gas"], [])))[-1] == "gas"


def test_the_chart_shows_additions_and_removals_and_leaves_out_codes_that_nobody_has() -> None:
    counts = {("electricity", ANY): (1_200, 34, 3, 1_231), ("electricity", "02"): (5, 0, 5, 0)}
    keys = [(fuel, code) for fuel in ("electricity", "gas") for code in (ANY, *sorted(categories()))]
    rows = [Figures(fuel, code, *counts.get((fuel, code), NIL)) for fuel, code in keys]
    assert texts(drawn(as_chart(rows, FIRST, LAST))) == [
        "Priority Services Register, 31 December 2026",
        "Accounts by needs code at the end of the day; added and removed since 1 October 2026",
        "electricity, all codes: 1,231 (+34 −3)",
        "gas, all codes: 0 (+0 −0)",
        "02 Heart, lung & ventilator",
        "0 (+0 −5)",
        "0 (+0 −0)",
    ]


def drawn(chart: str) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314 - our own


def texts(chart: ET.Element) -> list[str | None]:
    return [element.text for element in chart.iter(f"{SVG}text")]


class Model:
    """The figures of each account, kept by hand: no code of the register's."""

    def __init__(self) -> None:
        self.needs: dict[int, dict[str, str | None]] = {}
        self.fuels: dict[int, set[str]] = {}
        self.moves: list[tuple[str, set[tuple[str, str]], set[tuple[str, str]]]] = []

    def counted(self, number: int) -> set[tuple[str, str]]:
        codes = self.needs.get(number, {})
        return {(fuel, code) for fuel in self.fuels.get(number, ()) for code in (ANY, *codes) if codes}

    def set(self, day: str, number: int, fuels: set[str], needs: dict[str, str | None]) -> None:
        before = self.counted(number)
        self.fuels[number], self.needs[number] = fuels, needs
        self.moves.append((day, before, self.counted(number)))

    def rows(self, first: str, last: str) -> list[Figures]:
        fuels = ("electricity", "gas")
        totals = {(fuel, code): [0, 0, 0, 0] for fuel in fuels for code in (ANY, *sorted(categories()))}
        for day, before, after in self.moves:
            for sign, keys in ((1, after - before), (-1, before - after)):
                for key in keys:
                    if day <= last:
                        totals[key][3] += sign
                    if day < first:
                        totals[key][0] += sign
                    elif day <= last:
                        totals[key][1 if sign > 0 else 2] += 1
        return [Figures(fuel, code, *numbers) for (fuel, code), numbers in totals.items()]


async def some_days(world: World, model: Model, rng: random.Random) -> None:
    """Sixty days in which a dozen accounts come, change, lose needs with time, go and come back."""
    for passed in range(60):
        day = (date(2026, 11, 23) + timedelta(days=passed)).isoformat()
        world.at(f"{day} 10:00")
        for number in range(12):
            live = {code: end for code, end in model.needs.get(number, {}).items() if end is None or end >= day}
            if live != model.needs.get(number, {}):
                await world.apply_due_dates(number)
                model.set(day, number, model.fuels[number], live)
        for number in rng.sample(range(12), 3):
            if rng.random() < 0.25 and model.fuels.get(number):
                await world.withdraw(number)
                model.set(day, number, set(), {})
                continue
            fuels = set(rng.sample(("electricity", "gas"), rng.choice((1, 2))))
            codes = rng.sample(("02", "08", "15", "33", "32"), rng.choice((0, 1, 2, 3)))
            soon = (date.fromisoformat(day) + timedelta(days=rng.choice((0, 3, 9)))).isoformat()
            needs = {code: soon if code in ("33", "32") else None for code in codes}
            await world.submit(
                number,
                status="active" if needs else "pending",
                needs=[{"code": code, "ends_on": end} for code, end in needs.items()],
                supply_points={
                    "mpans": [mpan("10", number)] if "electricity" in fuels else [],
                    "mprns": [mprn(number)] if "gas" in fuels else [],
                },
            )
            model.set(day, number, fuels, needs)


class SmallPages(Documents):
    def pages(self, collection: str, **_: Any) -> AsyncIterator[list[Stored]]:
        return super().pages(collection, limit=7)


async def test_random_changes_are_counted_as_a_plain_model_counts_them(
    emulators: Layout,  # noqa: ARG001 - they run first
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, model = World(tmp_path), Model()
    await some_days(world, model, random.Random(20_261_231))
    small = SmallPages(world.name, "(default)", world.clock)
    monkeypatch.setattr("ops.report.service", lambda: world.service_over(small))
    for first, last in [
        ("2026-11-23", "2026-11-23"),
        ("2026-12-01", "2026-12-31"),
        ("2026-12-31", "2027-01-21"),
        ("2026-01-01", "2027-12-31"),
        ("2026-11-01", "2026-11-22"),
    ]:
        rows, _, _ = await counted_in(date.fromisoformat(first), date.fromisoformat(last))
        assert rows == model.rows(first, last), (first, last)


def ops(world: World, *arguments: str) -> tuple[int, str]:
    done = psr(*arguments, environment=world.child_environment())
    return done.returncode, done.stdout + done.stderr


async def test_the_commands_read_the_register(emulators: Layout, tmp_path: Path) -> None:  # noqa: ARG001
    world = World(tmp_path)
    await world.submit(1, supply_points={"mpans": [mpan("10", 1)], "mprns": [mprn(1)]})
    await world.submit(2)
    await world.submit(3, needs=[{"code": "33", "ends_on": "2026-12-20"}, {"code": "32", "ends_on": "2027-06-01"}])
    world.at("2026-12-01 09:00")
    await world.withdraw(2)
    code, said = ops(world, "report", "2026-11-24..2026-12-31", "--out", str(tmp_path))
    assert code == 0, said
    assert said.splitlines()[:2] == [
        "electricity: 2 registered, 0 added, 1 removed",
        "gas: 1 registered, 0 added, 0 removed",
    ]
    rows = list(csv.DictReader((tmp_path / "register-2026-11-24-2026-12-31.csv").read_text().splitlines()))
    assert {(row["fuel"], row["code"]): row["registered"] for row in rows if row["registered"] != "0"} == {
        ("electricity", ""): "2",
        ("electricity", "02"): "1",
        ("electricity", "32"): "1",
        ("electricity", "33"): "1",
        ("gas", ""): "1",
        ("gas", "02"): "1",
    }
    assert (tmp_path / "register-2026-11-24-2026-12-31.svg").read_text().startswith("<svg")
    for name, heading, lines in (
        ("services", "fuel,item,service,label,requested,offered,delivered,declined,receiving", 32),
        ("campaigns", "work,due,attempted,reached,escalated,attempts", 4),
    ):
        table = (tmp_path / f"{name}-2026-11-24-2026-12-31.csv").read_text().splitlines()
        assert (table[0], len(table)) == (heading, lines)
    assert "The last day is not over" in said


@pytest.mark.parametrize("period", ["2026-12-31..2026-11-24", "2026-02-30..2026-11-24", "2026-11-24", "a..b"])
def test_an_invalid_period_is_reported_in_one_line(period: str) -> None:
    with pytest.raises(CommandError, match="give a period"):
        report(period)
