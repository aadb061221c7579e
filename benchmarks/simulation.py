"""`python -m benchmarks.simulation`: the instances that growth needs, from service times and the ramp rule.

A queue with as many places as instances times concurrency; requests arrive at random, service times are exponential
around the CPU that the last whole run of the benchmarks measured and an assumed wait. Prints the tables of
docs/scale.md. Seeded: the same every time.
"""

import heapq
import json
import random
from pathlib import Path
from typing import NamedTuple

#: Firestore: start at 500 writes a second on a new collection, half as much again every five minutes.
RAMP_START, RAMP_FACTOR, RAMP_SECONDS = 500, 1.5, 300
#: Documents of a migrated customer with two fuels, counted (docs/cost.md), and those in the fullest collection.
WRITES_A_CUSTOMER = 6
WRITES_IN_A_COLLECTION = 2


class Service(NamedTuple):
    """Seconds of CPU and of waiting for Firestore that a request takes; requests that an instance takes at once."""

    cpu: float
    waiting: float
    concurrency: int


_RESULTS = Path(__file__).parent / "results" / "figures.json"
_MEASURED = {one["name"]: one["median"] for one in json.loads(_RESULTS.read_text(encoding="utf-8"))["figures"]}
#: A cloud vCPU is half a core.
_CLOUD = 2


def _cpu(figure: str) -> float:
    """Seconds of CPU in the cloud for what took the benchmarks' machine so many milliseconds."""
    return float(_MEASURED[figure]) / 1000 * _CLOUD


#: The waits for Firestore are assumed.
MESSAGE = Service(cpu=_cpu("migration: CPU of a message here"), waiting=0.015, concurrency=40)
LOOKUP = Service(cpu=_cpu("read one, 16 connections: CPU here"), waiting=0.008, concurrency=40)
BATCH = Service(cpu=_cpu("batch lookup of 1,000: CPU here"), waiting=0.100, concurrency=4)


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


def instances(service: Service, rate: float, busy: float = 0.6) -> int:
    """Instances of one vCPU that keep the CPU at most so busy, and have a place for each request."""
    for_cpu = rate * service.cpu / busy
    for_places = rate * (service.cpu / busy + service.waiting) / service.concurrency
    return max(1, int(max(for_cpu, for_places) + 0.999))


def latency(service: Service, rate: float, count: int, seconds: float = 60.0) -> tuple[float, float]:
    """Median and 99th percentile in seconds with so many instances: the CPU of an instance serves one at a time."""
    chance = random.Random(1)  # noqa: S311 - repeatable
    free = [0.0] * count
    now, times = 0.0, []
    while now < seconds:
        now += chance.expovariate(rate)
        start = max(now, heapq.heappop(free))
        end = start + chance.expovariate(1 / service.cpu)
        heapq.heappush(free, end)
        times.append(end - now + chance.expovariate(1 / service.waiting))
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def main() -> None:
    """Print the tables."""
    print_migration()
    print_loads()


def print_migration() -> None:
    """How long a migration takes at a rate, and what it needs."""
    print("migration of 5,000,000 customers in a new database\n")
    print("| messages/s at most | writes/s | full rate after | whole migration | instances |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for target in (100, 300, 500, 1_000, 2_000):
        reached, whole = ramp(target, 5_000_000)
        print(
            f"| {target:,} | {target * WRITES_A_CUSTOMER:,} | {reached / 60:.0f} min | {whole / 3600:.1f} h "
            f"| {instances(MESSAGE, target)} |"
        )


def print_loads() -> None:
    """The instances that everyday and exceptional loads need, and how long their callers wait."""
    print("\n| load | requests/s | instances | p50 | p99 |")
    print("| --- | ---: | ---: | ---: | ---: |")
    cases = (
        ("200,000 changes a day, four fifths in ten hours", MESSAGE, 4.5),
        ("the same, busiest minute of the year (10 times)", MESSAGE, 45.0),
        ("single lookups, call centre at its busiest", LOOKUP, 200.0),
        ("outage: batch lookups of 1,000", BATCH, 10.0),
        ("regional outage: batch lookups of 1,000", BATCH, 50.0),
    )
    for name, service, rate in cases:
        count = instances(service, rate)
        median, worst = latency(service, rate, count)
        print(f"| {name} | {rate:g} | {count} | {1000 * median:.0f} ms | {1000 * worst:.0f} ms |")


if __name__ == "__main__":
    main()
