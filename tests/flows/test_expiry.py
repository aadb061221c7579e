"""Runs of `expire_needs` on a register of their own: order, boundaries, repeats, kills, and what networks get."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.clock import rfc3339
from shared.domain.changes import Change
from shared.domain.due_dates import SOURCE
from shared.errors import ClockOutOfStep, InternalError, Unavailable
from shared.flows import expiry
from shared.flows.expiry import Expiry
from shared.log import Event
from shared.store.commits import CommitUnanswered
from shared.store.documents import Documents, Key
from shared.store.due_dates import DueDate, DueDates
from tests.support.register_world import World, london
from tools.local.layout import Layout
from tools.local.log_lines import entries, faults
from tools.local.processes import LOOPBACK, Child, free_ports
from tools.places import FUNCTIONS, ROOT

NOTHING = {
    "needs": 0,
    "without_needs": 0,
    "closed": 0,
    "reviews": 0,
    "follow_ups": 0,
    "skipped": 0,
    "ending_soon": 0,
    "reviews_waiting": 0,
    "follow_ups_waiting": 0,
}


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    return World(tmp_path)


def ends(*days: str) -> list[dict[str, str]]:
    """Needs that end on these days; the codes are those that may."""
    return [{"code": code, "ends_on": day} for code, day in zip(("32", "33", "34", "02"), days, strict=False)]


async def run(world: World, slot: str, documents: Documents | None = None) -> dict[str, int]:
    """Run the job for a slot, with the clock at its time."""
    if london(slot) > world.clock.now():
        world.at(slot)
    service = world.service_over(documents) if documents else world.service
    return dict(await Expiry(service).advance(london(slot)))


async def codes(world: World, *numbers: int) -> list[list[str]]:
    states = [await world.store.get(world.store.registration_id(world.account_id(number))) for number in numbers]
    return [[str(need.code) for need in state.registration.needs] for state in states if state]


async def changes(world: World) -> list[Change]:
    """The changes that the job wrote."""
    stored = [one async for page in world.documents.pages("changes") for one in page]
    every = [Change.model_validate_json(one.state) for one in stored]
    return [change for change in every if change.origin.source == SOURCE]


@pytest.mark.parametrize(
    ("slot", "left"),
    [
        pytest.param("2027-03-28 00:15", [["32"], ["32"]], id="an hour before a day of 23 hours"),
        pytest.param("2027-03-29 00:15", [[], ["32"]], id="in summer time, when it is still yesterday in UTC"),
        pytest.param("2027-10-31 00:15", [[], ["32"]], id="before a day of 25 hours"),
        pytest.param("2027-11-01 00:15", [[], []], id="after it"),
    ],
)
async def test_days_are_londons(world: World, slot: str, left: list[list[str]]) -> None:
    await world.submit(1, needs=ends("2027-03-28"))
    await world.submit(2, needs=ends("2027-10-31"))
    await run(world, slot)
    assert await codes(world, 1, 2) == left


async def test_a_run_does_everything_that_is_due_counts_it_and_leaves_the_rest(world: World) -> None:
    await world.submit(1, needs=[*ends("2026-12-06"), {"code": "08"}])
    await world.submit(2, needs=ends("2026-12-06", "2026-12-05"))
    await world.submit(3, needs=ends("2026-12-07"))
    await world.submit(4, needs=ends("2027-01-06"))
    await world.submit(5, needs=ends("2027-01-07"))
    await world.submit(6, needs=[], status="pending")
    await world.submit(7)
    await world.submit(8, needs=ends("2026-12-01"))
    await world.withdraw(8)
    assert await run(world, "2026-12-07 00:15") == {
        **NOTHING,
        "needs": 3,
        "without_needs": 1,
        "follow_ups": 1,
        "ending_soon": 2,
        "follow_ups_waiting": 1,
    }
    assert await codes(world, *range(1, 9)) == [["08"], [], ["32"], ["32"], ["32"], [], ["02"], ["32"]]
    assert await run(world, "2026-12-07 02:15") == {**NOTHING, "ending_soon": 2, "follow_ups_waiting": 1}
    assert await run(world, "2027-11-23 00:15") == {
        **NOTHING,
        "needs": 3,
        "without_needs": 3,
        "reviews": 1,
        "follow_ups": 1,
        "reviews_waiting": 1,
        "follow_ups_waiting": 2,
    }


async def test_the_oldest_are_first_for_any_ids(world: World) -> None:
    days = [date(2026, 11, 24) + timedelta(days=number * 7 % 20) for number in range(20)]
    for number, day in enumerate(days):
        await world.submit(number, needs=ends(day.isoformat()))
    pages = [page async for page in DueDates(world.documents).pages(DueDate.NEED_ENDS, date(2026, 12, 10))]
    by_id = {world.store.registration_id(world.account_id(number)): day for number, day in enumerate(days)}
    assert [by_id[one] for page in pages for one in page] == sorted(day for day in days if day <= date(2026, 12, 10))


async def test_the_last_need_that_ends_is_a_delete_in_that_days_file(world: World) -> None:
    await world.submit(1, needs=ends("2026-11-24"))
    await world.submit(2, needs=[*ends("2026-11-24"), {"code": "08"}])
    await run(world, "2026-11-24 00:15")
    await run(world, "2026-11-25 00:15")
    files = await world.run("2026-11-26 02:05")
    details = {day: files.get(f"{day}/r1/D0225/EELC-1.txt", b"").decode() for day in ("2026-11-24", "2026-11-25")}
    assert details["2026-11-24"] == "", "a need lasts until the end of its last day"
    flags = [line.split("|")[-2] for line in details["2026-11-25"].splitlines() if line.startswith("510|")]
    assert sorted(flags) == ["F", "T"]
    assert [name for name, _ in world.at_networks().values()] == ["Person 2"]


async def test_runs_of_one_slot_at_once_write_each_change_once(world: World) -> None:
    for number in range(20):
        await world.submit(number, needs=ends("2026-11-24"))
    world.at("2026-11-25 00:15")
    done = await asyncio.gather(*(run(world, "2026-11-25 00:15") for _ in range(3)))
    assert sum(each["needs"] for each in done) == 20
    assert len(await changes(world)) == 20


async def test_an_amendment_between_read_and_write_counts(world: World) -> None:
    """The run reads that a need has ended. Before it writes, the customer extends the need."""

    class Overtaken(Documents):
        async def commit(self, writes: Any) -> Any:
            if not overtaken:
                overtaken.append(True)
                await world.submit(1, needs=ends("2027-06-30"))
            return await super().commit(writes)

    overtaken: list[bool] = []
    await world.submit(1, needs=ends("2026-11-24"))
    world.at("2026-11-25 00:15")
    documents = Overtaken(world.name, "(default)", world.clock)
    assert await run(world, "2026-11-25 00:15", documents) == NOTHING
    assert await codes(world, 1) == [["32"]]


async def test_a_slot_whose_day_has_not_begun_changes_nothing(world: World) -> None:
    await world.submit(1, needs=ends("2026-11-23"))
    world.at("2026-11-23 23:59")
    with pytest.raises(ClockOutOfStep):
        await Expiry(world.service).advance(london("2026-11-24 00:15"))
    assert await changes(world) == []


async def test_one_broken_registration_does_not_stop_the_others(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    await world.submit(1, needs=ends("2026-11-24"))
    await world.submit(2, needs=ends("2026-11-25"))
    broken = world.store.registration_id(world.account_id(1))
    stored = await world.documents.get(Key("registrations", broken))
    assert stored is not None
    await world.documents.commit(
        [world.documents.put(Key("registrations", broken), {**stored.fields, "state": '{"of": "another form"}'})]
    )
    with pytest.raises(InternalError):
        await run(world, "2026-11-26 00:15")
    assert await codes(world, 2) == [[]]
    said = {line["event"]: line for line in map(json.loads, capfd.readouterr().out.splitlines())}
    assert said[Event.REGISTRATION_SKIPPED.name]["registration_id"] == broken
    assert said[Event.DAY_PASSED.name]["skipped"] == 1


async def test_a_run_that_takes_too_long_stops_and_the_next_continues(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.submit(1, needs=ends("2026-11-24"))
    monkeypatch.setattr(expiry, "STOPS_AFTER_SECONDS", 0.0)
    with pytest.raises(Unavailable):
        await run(world, "2026-11-25 00:15")
    assert await codes(world, 1) == [["32"]]
    monkeypatch.undo()
    assert (await run(world, "2026-11-25 00:15"))["needs"] == 1


async def test_a_database_that_does_not_answer_ends_the_run(world: World) -> None:
    class Silent(Documents):
        async def commit(self, _writes: Any) -> Any:
            raise CommitUnanswered

    await world.submit(1, needs=ends("2026-11-24"))
    with pytest.raises(Unavailable):
        await run(world, "2026-11-25 00:15", Silent(world.name, "(default)", world.clock))
    assert (await run(world, "2026-11-25 00:15"))["needs"] == 1


Serve = Callable[[World], Child]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts the function under its real server, in a world."""
    started: list[Child] = []

    def start(world: World) -> Child:
        (port,) = free_ports(1)
        sockets = tmp_path / f"sockets-{port}"
        sockets.mkdir()
        environment = {
            **world.child_environment(),
            "PYTHONPATH": str(ROOT),
            "FUNCTION_USE_ASGI": "true",
            "XDG_RUNTIME_DIR": str(sockets),
        }
        command = [sys.executable, "-m", "functions_framework", "--target", "main", "--source", "main.py"]
        command += ["--host", LOOPBACK, "--port", str(port)]
        log = tmp_path / "expire_needs.log"
        child = Child("expire_needs", command, port, log, environment, FUNCTIONS / "expire_needs")
        started.append(child)
        child.start()
        child.wait_until_ready()
        return child

    yield start
    for child in started:
        child.end()


async def call(child: Child, slot: str) -> httpx.Response:
    headers = {"X-CloudScheduler-ScheduleTime": rfc3339(london(slot))}
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(f"http://{LOOPBACK}:{child.port}", headers=headers)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + 30
    while not await condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def test_a_run_killed_half_way_is_finished_by_the_next_and_a_third_changes_nothing(
    world: World, serve: Serve, tmp_path: Path
) -> None:
    numbers = range(120)
    await asyncio.gather(*(world.submit(number, needs=ends("2026-11-24")) for number in numbers))
    world.at("2026-11-25 00:15")
    first = serve(world)
    running = asyncio.create_task(call(first, "2026-11-25 00:15"))

    async def half_done() -> bool:
        return await world.documents.count("changes", "kind", ["amended"]) >= 1

    await until(half_done)
    first.kill()
    with pytest.raises(httpx.TransportError):
        await running
    second = serve(world)
    answer = await call(second, "2026-11-25 00:15")
    left = answer.json()["needs"]
    assert (answer.status_code, answer.json()) == (200, {**NOTHING, "needs": left, "without_needs": left})
    assert 0 < left < len(numbers)
    again = await call(second, "2026-11-25 00:15")
    assert (again.status_code, again.json()) == (200, NOTHING)
    written = await changes(world)
    assert len({change.registration_id for change in written}) == len(written) == len(numbers)
    assert not any(await codes(world, *numbers))
    ahead = await call(second, "2026-11-26 00:15")
    assert (ahead.status_code, ahead.json()["type"]) == (503, "/problems/clock-out-of-step")
    logged = list(entries(tmp_path, ["expire_needs"]))
    assert [fault for entry in logged for fault in faults(entry)] == []
    assert [entry["needs"] for entry in logged if entry["event"] == Event.DAY_PASSED.name] == [left, 0]
