"""Which day's file a change is in: at the edges of days, across midnight, with clocks that are wrong."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from ops.verification import verify
from shared.errors import ClockOutOfStep, SupplyPointHeld, Unavailable
from shared.export.day_manifest import DayManifest
from shared.store.commits import CommitConflict
from shared.store.documents import Documents
from shared.store.registrations import Registrations
from tests.support.register_world import World, london
from tools.local.layout import Layout
from tools.local.sample import mpan

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2026-11-23T23:59:59.999+00:00", "2026-11-23", id="a millisecond before midnight"),
        pytest.param("2026-11-24T00:00:00.000+00:00", "2026-11-24", id="midnight"),
        pytest.param("2027-03-28T00:59:59.999+00:00", "2027-03-28", id="23 hours: before the hour that is left out"),
        pytest.param("2027-03-28T22:59:59.999+00:00", "2027-03-28", id="23 hours: a millisecond before midnight"),
        pytest.param("2027-03-28T23:00:00.000+00:00", "2027-03-29", id="23 hours: midnight"),
        pytest.param("2026-10-24T22:59:59.999+00:00", "2026-10-24", id="the day before the 25 hours"),
        pytest.param("2026-10-24T23:00:00.000+00:00", "2026-10-25", id="25 hours: their midnight"),
        pytest.param("2026-10-25T00:30:00.000+00:00", "2026-10-25", id="25 hours: the hour that comes twice, first"),
        pytest.param("2026-10-25T01:30:00.000+00:00", "2026-10-25", id="25 hours: the hour that comes twice, again"),
        pytest.param("2026-10-25T23:59:59.999+00:00", "2026-10-25", id="25 hours: a millisecond before midnight"),
        pytest.param("2026-10-26T00:00:00.000+00:00", "2026-10-26", id="25 hours: midnight"),
        pytest.param("2028-02-29T23:59:59.999+00:00", "2028-02-29", id="leap day"),
    ],
)
async def test_a_change_is_in_its_own_days_file(
    instant: str,
    day: str,
    emulators: Layout,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    own = date.fromisoformat(day)
    world = World(tmp_path, first_day=own - timedelta(days=1))
    world.clock.still = datetime.fromisoformat(instant)
    await world.submit(1)
    world.clock.still = None
    files = await world.run(f"{own + timedelta(days=2)} 02:05")
    counted = {
        name[:10]: DayManifest.model_validate_json(content).counted
        for name, content in files.items()
        if name.endswith("manifest.json")
    }
    assert counted == {f"{own + timedelta(days=off)}": int(off == 0) for off in (-1, 0, 1)}


@pytest.mark.parametrize(
    ("made", "dated"),
    [
        pytest.param("2026-10-25T00:30:00+00:00", "2026-10-25T00:30:00+00:00", id="the first time: its own time"),
        pytest.param("2026-10-25T01:30:00+00:00", "2026-10-25T02:00:00+00:00", id="the second time: the hour's end"),
    ],
)
async def test_files_made_in_the_hour_that_comes_twice_are_read_back_with_the_time_of_their_manifest(
    made: str,
    dated: str,
    emulators: Layout,  # noqa: ARG001
    tmp_path: Path,
) -> None:
    """A backlog of two days that an operator exports by hand in that hour."""
    world = World(tmp_path, first_day=date(2026, 10, 22))
    await world.submit(1)
    world.at("2026-10-23 09:00")
    await world.submit(1, needs=[{"code": "08"}])
    world.clock.still = datetime.fromisoformat(made)
    await world.days.advance(world.clock.still)
    await world.work()
    folders = [world.download(date(2026, 10, day), 1) for day in (22, 23)]
    assert [verify(folder, world.public_key).faults for folder in folders] == [[], []]
    times = [DayManifest.model_validate_json((f / "manifest.json").read_bytes()).created_at for f in folders]
    assert times == [datetime.fromisoformat(dated), datetime.fromisoformat(dated) + timedelta(seconds=1)]


async def test_a_supply_point_that_changes_hands_within_a_day_is_in_its_file_once_with_the_new_holder(
    world: World,
) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    await world.withdraw(1)
    await world.submit(2, supply_points=taken_from(1))
    files = await world.run("2026-11-25 02:05")
    assert files["2026-11-24/r1/D0225/EELC-1.txt"].count(b"\n510|") == 1
    assert world.at_networks() == {("EELC", mpan("10", 1)): ("Person 2", ("02",))}


@pytest.mark.parametrize(
    ("released", "taken", "days"),
    [
        pytest.param("2026-11-24 23:59:59.900", "2026-11-25 00:00:00.100", ["T", "F"], id="the later clock takes it"),
        pytest.param(
            "2026-11-25 00:00:00.100", "2026-11-24 23:59:59.900", [None, "F"], id="the earlier clock takes it"
        ),
        pytest.param("2026-11-25 00:00:00.100", "2026-11-25 00:00:00.100", [None, "F"], id="both after midnight"),
        pytest.param("2026-11-24 23:59:59.900", "2026-11-24 23:59:59.900", ["F", None], id="both before midnight"),
    ],
)
async def test_across_midnight_in_either_order_the_network_ends_with_the_new_holder(
    world: World, released: str, taken: str, days: list[str | None]
) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    world.clock.still = london(released)
    await world.withdraw(1)
    world.clock.still = london(taken)
    await world.submit(2, supply_points=taken_from(1))
    world.clock.still = None
    files = await world.run("2026-11-26 02:05")
    assert [delete_flag(files, day) for day in ("2026-11-24", "2026-11-25")] == days
    assert world.at_networks() == {("EELC", mpan("10", 1)): ("Person 2", ("02",))}


def delete_flag(files: dict[str, bytes], day: str) -> str | None:
    """J2210 of the day's one supply point."""
    content = files.get(f"{day}/r1/D0225/EELC-1.txt")
    return content.decode().splitlines()[1].split("|")[-2] if content else None


def taken_from(number: int) -> dict[str, list[str]]:
    return {"mpans": [mpan("10", number)], "mprns": []}


async def test_there_and_back_within_a_day_ends_with_who_holds_it(world: World) -> None:
    await world.submit(1)
    await world.withdraw(1)
    await world.submit(2, supply_points=taken_from(1))
    with pytest.raises(SupplyPointHeld):
        await world.submit(1)
    await world.withdraw(2)
    await world.submit(1, needs=[{"code": "08"}])
    await world.run("2026-11-24 02:05")
    assert world.at_networks() == {("EELC", mpan("10", 1)): ("Person 1", ("08",))}


async def test_the_last_need_that_ends_takes_the_registration_out_of_that_days_file(world: World) -> None:
    await world.submit(1, needs=[{"code": "33", "ends_on": "2026-11-24"}])
    await world.run("2026-11-24 02:05")
    world.at("2026-11-25 00:15")
    await world.apply_due_dates(1)
    files = await world.run("2026-11-26 02:05")
    assert [delete_flag(files, day) for day in ("2026-11-23", "2026-11-24", "2026-11-25")] == ["F", None, "T"]
    assert world.at_networks() == {}


class Meets(Documents):
    """Something happens as each commit is sent: a time that the clock jumps to, and whether somebody was faster."""

    def __init__(self, world: World, meets: Iterable[tuple[str, bool]]) -> None:
        super().__init__(world.name, "(default)", world.clock)
        self._world = world
        self._meets = iter(meets)

    async def commit(self, writes: Any) -> datetime:
        until, conflict = next(self._meets, (None, False))
        if until is not None:
            self._world.clock.jump_to(london(until))
        if conflict:
            raise CommitConflict
        return await super().commit(writes)


async def feed_days(world: World) -> list[str]:
    return [str(entry.fields["file"]) for entry in await world.documents.page("export_feed")]


async def test_an_attempt_after_midnight_is_stored_under_the_new_day(world: World) -> None:
    world.at("2026-11-23 23:59:58")
    world.store = Registrations(Meets(world, [("2026-11-24 00:00:01", True)]), world.identity, world.settings)
    await world.submit(1)
    assert await feed_days(world) == ["EELC|2026-11-24"]


@pytest.mark.parametrize(
    ("until", "stored"),
    [
        pytest.param("2026-11-24 00:09:00", ["EELC|2026-11-24"], id="nine minutes"),
        pytest.param("2026-11-24 00:11:00", [], id="eleven minutes"),
        pytest.param("2026-11-24 03:00:00", [], id="three hours"),
    ],
)
async def test_a_request_that_was_frozen_is_not_tried_again_after_ten_minutes(
    world: World, until: str, stored: list[str]
) -> None:
    world.at("2026-11-23 23:59:30")
    world.store = Registrations(Meets(world, [(until, True)]), world.identity, world.settings)
    if stored:
        await world.submit(1)
    else:
        with pytest.raises(Unavailable):
            await world.submit(1)
    assert await feed_days(world) == stored


async def test_an_instance_frozen_during_a_commit_is_logged_and_stops_the_day_until_it_is_revised(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.at("2026-11-23 23:59:30")
    world.store = Registrations(Meets(world, [("2026-11-24 03:00:00", False)]), world.identity, world.settings)
    await world.submit(1)
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["day"] for line in lines if line["event"] == "CHANGE_STORED_LATE"] == ["2026-11-23"]
    await world.run("2026-11-24 03:05")
    assert "was written after the day had closed" in (await world.stopped(MONDAY) or "")
    await world.days.revise(MONDAY)
    await world.run("2026-11-24 04:05")
    assert world.at_networks() == {("EELC", mpan("10", 1)): ("Person 1", ("02",))}


@pytest.mark.parametrize(
    "off",
    [timedelta(minutes=2), timedelta(minutes=-2), timedelta(days=365), timedelta(days=-365)],
    ids=["two minutes fast", "two minutes slow", "a year fast", "a year slow"],
)
async def test_an_instance_whose_clock_is_off_writes_nothing(world: World, off: timedelta) -> None:
    await world.submit(1)
    fresh = Documents(world.name, "(default)", world.clock)
    world.store = Registrations(fresh, world.identity, world.settings)
    world.documents = fresh
    world.use(world.bucket)
    with freeze_time(datetime.now(UTC) + off, tick=True, real_asyncio=True, ignore=["grpc"]):
        with pytest.raises(ClockOutOfStep):
            await world.submit(2)
        with pytest.raises(ClockOutOfStep):
            await world.days.advance(london("2026-11-23 02:05"))
    assert await feed_days(world) == ["EELC|2026-11-23"]


async def test_a_clock_within_a_minute_is_believed(world: World) -> None:
    world.store = Registrations(Documents(world.name, "(default)", world.clock), world.identity, world.settings)
    with freeze_time(datetime.now(UTC) + timedelta(seconds=50), tick=True, real_asyncio=True, ignore=["grpc"]):
        await world.submit(1)
    assert await feed_days(world) == ["EELC|2026-11-23"]


async def test_a_day_stored_beyond_tomorrow_is_not_built_upon(world: World) -> None:
    world.clock.still = london("2026-11-26 09:00")
    await world.submit(1)
    world.clock.still = london("2026-11-24 23:59")
    with pytest.raises(ClockOutOfStep):
        await world.withdraw(1)
    world.clock.still = london("2026-11-25 00:00")
    await world.withdraw(1)
    assert await feed_days(world) == ["EELC|2026-11-26"]
