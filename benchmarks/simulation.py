"""`python -m benchmarks.simulation`: the instances and the time that growth needs. Writes the tables of docs/scale.md.

Measured: the CPU of the last full run of the benchmarks. From the code: concurrency and limits. Assumed: a cloud's
vCPU, the waits for Firestore, and the routing (the less busy of two random instances). Requests arrive at random,
service times are exponential. Seeded: the same every time.
"""

import json
import re
from math import ceil
from pathlib import Path
from random import Random
from typing import NamedTuple

from shared.domain.export_day import PART_BYTES, PART_SUPPLY_POINTS
from shared.export.days import STOPS_AFTER_SECONDS
from shared.runtime.manifest import Resources, read_manifest
from tools.places import FUNCTIONS, ROOT

PAGE = ROOT / "docs" / "scale.md"
#: Firestore: start at 500 writes a second on a new collection, half as much again every five minutes.
RAMP_START, RAMP_FACTOR, RAMP_SECONDS = 500, 1.5, 300
#: Documents of a migrated customer with two fuels, counted (docs/cost.md), and those in the fullest collection.
WRITES_A_CUSTOMER = 6
WRITES_IN_A_COLLECTION = 2
#: An instance of `lookup` accepts so many batches, and refuses others with 503.
BATCHES_AT_ONCE = 4
#: Lines of a feed entry, the mean of the tour's customers (`benchmarks.storage`).
ENTRY_BYTES = 548
#: Cloud Scheduler calls once an hour, and again so many seconds after each failure (terraform/scheduler.tf).
RETRIES_AFTER = (30, 60, 120)
#: A cloud vCPU is half a core. Instances are added above this share of CPU.
_CLOUD = 2
_BUSY = 0.6
_HOUR = 3600
_SIMULATED_SECONDS = 600.0

_RESULTS = Path(__file__).parent / "results" / "figures.json"
_FIGURES = json.loads(_RESULTS.read_text(encoding="utf-8"))["figures"]


class Service(NamedTuple):
    """A kind of request: its function, the seconds of CPU and of waiting for Firestore, how many an instance takes."""

    function: str
    cpu: float
    waiting: float
    concurrency: int


class Waits(NamedTuple):
    """Seconds until an answer, median and 99th percentile, and the share of requests that instances refuse."""

    median: float
    p99: float
    refused: float


def _measured(*words: str) -> float:
    """The median of the one figure whose name has these words."""
    (median,) = [one["median"] for one in _FIGURES if all(part in one["name"] for part in words)]
    return float(median)


def _service(function: str, figure: str, waiting: float, at_most: int | None = None) -> Service:
    """CPU in the cloud, for what took the benchmarks' machine so many milliseconds. The wait is assumed."""
    concurrency = resources(function).concurrency
    return Service(function, _measured(figure) / 1000 * _CLOUD, waiting, min(concurrency, at_most or concurrency))


def resources(function: str) -> Resources:
    """Those of a function's manifest."""
    return read_manifest(FUNCTIONS / function).resources


MESSAGE = _service("consume_migration", "migration: CPU of a message here", 0.015)
LOOKUP = _service("lookup", "read one, 16 connections: CPU here", 0.008)
BATCH = _service("lookup", "batch lookup of 1,000: CPU here", 0.100, BATCHES_AT_ONCE)
_KINDS = {"a message of the migration": MESSAGE, "a single lookup": LOOKUP, "a batch of 1,000 supply points": BATCH}


def planned_a_second() -> float:
    """Feed entries that `export_daily` plans in the cloud: all the time of the benchmarks' machine counts as CPU."""
    written = _measured("export: files written ÷", "paged reads")
    whole = _measured("export: planned and written ÷", "paged reads")
    return _measured("export: supply points here") / (1 - whole / written) / _CLOUD


def ramp(target: float, customers: int) -> tuple[float, float]:
    """Seconds until a rate of messages is reached under the ramp rule, and until so many customers are migrated."""
    rate, done, seconds, reached = RAMP_START / WRITES_IN_A_COLLECTION, 0.0, 0.0, 0.0
    while done < customers:
        if rate < target:
            reached = seconds + RAMP_SECONDS
        step = min(RAMP_SECONDS, (customers - done) / min(rate, target))
        done += min(rate, target) * step
        seconds += step
        rate *= RAMP_FACTOR
    return reached, seconds


def instances(service: Service, rate: float) -> int:
    """Instances of one vCPU that keep their CPU at most so busy, and have a place for each request."""
    for_cpu = rate * service.cpu / _BUSY
    for_places = rate * (service.cpu / _BUSY + service.waiting) / service.concurrency
    return max(1, ceil(max(for_cpu, for_places)))


def waits(service: Service, rate: float, count: int) -> Waits:
    """The waits with so many instances: the CPU of an instance serves one request at a time."""
    chance, routing = Random(1), Random(2)  # noqa: S311 - repeatable
    free = [0.0] * count
    ends: list[list[float]] = [[] for _ in free]
    now, refused, times = 0.0, 0, []
    while now < _SIMULATED_SECONDS:
        now += chance.expovariate(rate)
        two = [routing.randrange(count) for _ in range(2)]
        for one in two:
            ends[one] = [end for end in ends[one] if end > now]
        chosen = min(two, key=lambda one: len(ends[one]))
        if len(ends[chosen]) >= service.concurrency:
            refused += 1
            continue
        free[chosen] = max(now, free[chosen]) + chance.expovariate(1 / service.cpu)
        end = free[chosen] + chance.expovariate(1 / service.waiting)
        ends[chosen].append(end)
        times.append(end - now)
    times.sort()
    return Waits(times[len(times) // 2], times[int(len(times) * 0.99)], refused / (refused + len(times)))


def scheduled(work: float, run: float) -> tuple[int, float]:
    """How many runs of at most `run` seconds so much work needs, and the seconds from the first slot to its end."""
    runs = max(1, ceil(work / run))
    hours, retries = divmod(runs - 1, 1 + len(RETRIES_AFTER))
    begins = hours * _HOUR + retries * run + sum(RETRIES_AFTER[:retries])
    return runs, begins + work - (runs - 1) * run


def supply_points_a_part() -> int:
    """Of the usual entry."""
    return min(PART_SUPPLY_POINTS, PART_BYTES // ENTRY_BYTES)


def tables() -> list[list[str]]:
    """The tables of docs/scale.md. The first line of each identifies it."""
    return [_requests(), _migration(), _export(), _loads(), _most()]


def _requests() -> list[str]:
    rows = ["| request | CPU in the cloud | wait for Firestore (assumed) | at once in an instance |"]
    rows.append("| --- | ---: | ---: | ---: |")
    for name, one in _KINDS.items():
        rows.append(f"| {name} | {1000 * one.cpu:.1f} ms | {1000 * one.waiting:.0f} ms | {one.concurrency} |")
    return rows


def _migration() -> list[str]:
    rows = ["| messages/s at most | writes/s | full rate after | whole migration | instances |"]
    rows.append("| ---: | ---: | ---: | ---: | ---: |")
    for target in (100, 300, 500, 1_000, 2_000):
        reached, whole = ramp(target, 5_000_000)
        rows.append(
            f"| {target:,} | {target * WRITES_A_CUSTOMER:,} | {reached / 60:.0f} min | {whole / _HOUR:.1f} h "
            f"| {instances(MESSAGE, target)} |"
        )
    return rows


def _export() -> list[str]:
    rows = ["| supply points of a recipient | parts | planning | runs of `export_daily` | planned by |"]
    rows.append("| ---: | ---: | ---: | ---: | ---: |")
    for count in (100_000, 1_000_000, 5_000_000, 10_000_000, 20_000_000):
        work = count / planned_a_second()
        runs, seconds = scheduled(work, STOPS_AFTER_SECONDS)
        hours, minutes = divmod(2 * 60 + 5 + ceil(seconds / 60), 60)
        parts = ceil(count / supply_points_a_part())
        rows.append(f"| {count:,} | {parts:,} | {work / 60:.0f} min | {runs} | {hours:02}:{minutes:02} |")
    return rows


def _loads() -> list[str]:
    rows = ["| load | requests/s | instances | p50 | p99 | refused |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    cases = (
        ("200,000 changes a day, four fifths in ten hours", MESSAGE, 4.5, None),
        ("the same, busiest minute of the year (10 times)", MESSAGE, 45.0, None),
        ("single lookups, call centre at its busiest", LOOKUP, 200.0, None),
        ("outage: batch lookups of 1,000", BATCH, 10.0, None),
        ("regional outage: batch lookups of 1,000", BATCH, 50.0, None),
        ("its first seconds, before instances are added", BATCH, 50.0, resources(BATCH.function).min_instances),
    )
    for name, service, rate, started in cases:
        count = started or instances(service, rate)
        met = waits(service, rate, count)
        median, worst = 1000 * met.median, 1000 * met.p99
        rows.append(f"| {name} | {rate:g} | {count} | {median:.0f} ms | {worst:.0f} ms | {100 * met.refused:.1f} % |")
    return rows


def _most() -> list[str]:
    rows = ["| function at its most instances | instances | requests/s at 60 % CPU |", "| --- | ---: | ---: |"]
    for name, one in _KINDS.items():
        count = resources(one.function).max_instances
        rows.append(f"| `{one.function}`: {name} | {count} | {count * _BUSY / one.cpu:,.0f} |")
    return rows


def page_with_tables(page: str) -> str:
    """A page with its tables replaced by those with the same first line."""
    for table in tables():
        old = re.compile(rf"^{re.escape(table[0])}\n(?:\|.*\n)+", re.MULTILINE)
        page, found = old.subn(lambda _, new=table: "\n".join(new) + "\n", page)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"{found} tables begin with {table[0]}")
    return page


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
