"""The regulator's figures: what was registered, added and removed, per fuel, from the change log."""

import csv
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.chart import bar_chart
from ops.local.layout import Layout
from ops.local.sample import mpan, mprn
from ops.report import Figures, account_of, as_csv, figures_of
from shared.domain.changes import Change, ChangeKind
from shared.domain.needs import categories
from tests.domain.samples import registration
from tests.export.world import ROOT, World

FIRST, LAST = date(2026, 10, 1), date(2026, 12, 31)
BOTH = {"mpans": ["2200999000017"], "mprns": ["9900000104"]}
ELECTRICITY = {"mpans": ["2200999000017"], "mprns": []}
NONE = {"mpans": [], "mprns": []}


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
    told = {
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
    return Change.model_validate_json(json.dumps(told))


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
    told = figures_of([account_of(reversed(changes), FIRST, LAST)])
    assert [row[:4] for row in told.values()] == [electricity, gas]
    for row in told.values():
        assert row.before + row.added - row.removed == row.registered


def test_codes_are_those_of_the_end() -> None:
    before = change(1, "2026-09-01", needs=[{"code": "02", "starts_on": "2026-09-01"}])
    after = change(2, "2026-11-01", needs=[{"code": "08", "starts_on": "2026-11-01"}])
    told = figures_of([account_of([before, after], FIRST, LAST)])["electricity"]
    assert {code: count for code, count in told.codes.items() if count} == {"08": 1}
    assert list(told.codes) == sorted(categories())


def test_the_csv_has_one_line_a_figure() -> None:
    told = {"electricity": Figures(1, 2, 2, 1, {"02": 2, "08": 0})}
    assert as_csv(told).splitlines() == [
        "fuel,figure,code,label,accounts",
        "electricity,before,,,1",
        "electricity,added,,,2",
        "electricity,removed,,,1",
        "electricity,registered,,,2",
        'electricity,registered_with_code,02,"Heart, lung & ventilator",2',
        "electricity,registered_with_code,08,Blind,0",
    ]


def test_the_chart_is_svg_with_a_bar_for_each_value() -> None:
    chart = ET.fromstring(bar_chart("On the register", ["electricity", "gas"], [("02 Heart & lung", [40, 10])]))  # noqa: S314
    bars = list(chart.iter("{http://www.w3.org/2000/svg}rect"))[3:]
    texts = [element.text for element in chart.iter("{http://www.w3.org/2000/svg}text")]
    assert [float(bar.get("width", "")) for bar in bars] == [510.0, 127.5]
    assert texts == ["On the register", "electricity", "gas", "02 Heart & lung", "40", "10"]
    assert ET.fromstring(bar_chart("Nobody", ["gas"], [])).tag.endswith("svg")  # noqa: S314


def ops(world: World, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        (sys.executable, "-m", "ops", *arguments),
        cwd=ROOT,
        env=world.child_environment(),
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


async def test_the_commands_read_the_register(emulators: Layout, tmp_path: Path) -> None:  # noqa: ARG001
    world = World(tmp_path)
    await world.tell(1, supply_points={"mpans": [mpan("10", 1)], "mprns": [mprn(1)]})
    await world.tell(2)
    await world.tell(3, needs=[{"code": "33", "ends_on": "2026-12-20"}, {"code": "32", "ends_on": "2027-06-01"}])
    world.at("2026-12-01 09:00")
    await world.withdraw(2)
    code, said = ops(world, "report", "2026-11-24..2026-12-31", "--out", str(tmp_path))
    assert code == 0, said
    assert said.splitlines()[:2] == [
        "electricity: 2 registered, 0 added, 1 removed",
        "gas: 1 registered, 0 added, 0 removed",
    ]
    rows = list(csv.DictReader((tmp_path / "register-2026-11-24-2026-12-31.csv").read_text().splitlines()))
    with_needs = [(row["fuel"], row["code"]) for row in rows if row["code"] and row["accounts"] != "0"]
    assert with_needs == [("electricity", code) for code in ("02", "32", "33")] + [("gas", "02")]
    assert (tmp_path / "register-2026-11-24-2026-12-31.svg").read_text().startswith("<svg")
    assert ops(world, "report", "2026-12-31..2026-11-24") == (
        1,
        "error: give a period as 2026-10-01..2026-12-31, first day first\n",
    )
