"""Which revision of a day is released: who decides, and when the next one starts."""

from datetime import date
from hashlib import sha256

import pytest

from ops.export_status import DayStatus, status_of
from ops.verification import verify
from shared.domain import export_day as plans
from shared.domain.export_day import Stage
from shared.errors import Unavailable
from shared.export import planner
from shared.export.day_manifest import Released
from shared.export.days import AlreadyReleased, NotHeld
from shared.store.objects import Bucket
from tests.support.register_world import World, london
from tools.local.sample import mpan

MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)


async def test_a_day_unlike_those_before_it_is_written_and_waits_for_a_person(world: World) -> None:
    for number in range(1, 7):
        await world.submit(number)
    world.use(world.bucket, hold_deletes=3)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    for number in range(1, 5):
        await world.withdraw(number)
    world.at("2026-11-25 09:00")
    await world.submit(9)
    files = await world.run("2026-11-26 02:05")
    assert await world.released() == [MONDAY]
    assert "2026-11-24/r1/manifest.json" in files
    assert not [name for name in files if name.startswith(("2026-11-24/r1/released", "2026-11-25"))]
    kept = await world.exports.get(TUESDAY)
    assert kept is not None
    assert (kept.state.stage, kept.state.held_because) == (
        Stage.HELD,
        "4 deletes, more than 5 times the usual 0 (median of the 1 days before)",
    )
    await world.run("2026-11-26 03:05")
    assert await world.released() == [MONDAY]
    await world.days.release_held(TUESDAY, "the block of flats was pulled down")
    files = await world.run("2026-11-26 04:05")
    assert await world.released() == [MONDAY, TUESDAY, WEDNESDAY]
    release = Released.model_validate_json(files["2026-11-24/r1/released"])
    assert release.because == "the block of flats was pulled down"
    assert verify(world.download(TUESDAY, 1), world.public_key).faults == []
    again = await world.days.release_held(TUESDAY, "the block of flats was pulled down")
    assert again.stage is Stage.RELEASED
    with pytest.raises(NotHeld):
        await world.days.release_held(TUESDAY, "another reason")


async def test_only_a_held_day_can_be_released_and_only_an_unreleased_one_revised(world: World) -> None:
    await world.submit(1)
    with pytest.raises(NotHeld):
        await world.days.release_held(MONDAY, "why not")
    await world.run("2026-11-24 02:05")
    with pytest.raises(NotHeld):
        await world.days.release_held(MONDAY, "why not")
    with pytest.raises(AlreadyReleased):
        await world.days.revise(MONDAY)


async def test_a_change_of_the_tables_before_release_starts_revision_two_next_to_one(world: World) -> None:
    await world.submit(1)
    await world.submit(2, supply_points={"mpans": [mpan("22", 2)], "mprns": []})
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    old = [world.take() for _ in range(2)]
    await world.parts.write(old[0])
    world.use(world.bucket, test_data_flag="TR01")
    with pytest.raises(Unavailable):
        await world.parts.write(old[1])
    files = await world.run("2026-11-24 03:05")
    assert {name.rpartition("/")[0] for name in files} == {f"2026-11-23/{n}" for n in ("r1/D0225", "r2/D0225", "r2")}
    assert b"|TR01|" in files["2026-11-23/r2/D0225/EELC-1.txt"]
    assert files["2026-11-23/r2/D0225/EELC-1.txt"].startswith(b"ZHV|1XY1000102|")
    await world.parts.write(old[1])
    assert world.files() == files, "the work of the first revision is no longer needed"


async def test_a_day_that_is_to_be_revised_waits_for_its_next_revision_and_cannot_be_released(world: World) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    for number in range(2, 9):
        await world.submit(number)
    world.use(world.bucket, hold_supply_points=1)
    await world.run("2026-11-25 02:05")
    revised = await world.days.revise(TUESDAY)
    assert (revised.stage, revised.held_because) == (Stage.REVISED, None)
    waits = "waits for the next run of the schedule"
    assert status_of(TUESDAY, revised, 0, None) == DayStatus(TUESDAY, 1, "revised", None, 0, 7, waits)
    with pytest.raises(NotHeld):
        await world.days.release_held(TUESDAY, "it is right")
    assert await world.stopped(TUESDAY) is None
    await world.run("2026-11-25 03:05")
    await world.days.release_held(TUESDAY, "it is right")
    assert [name for name in world.files("2026-11-24/") if name.endswith("released")] == ["2026-11-24/r2/released"]


async def test_a_held_day_is_released_as_it_was_written_by_a_command_that_has_other_tables(world: World) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    for number in range(2, 9):
        await world.submit(number)
    world.use(world.bucket, hold_supply_points=1)
    await world.run("2026-11-25 02:05")
    manifest = world.files("2026-11-24/")["2026-11-24/r1/manifest.json"]
    world.use(world.bucket, test_data_flag="TR01", supplier_mpid="ELSE")
    await world.days.release_held(TUESDAY, "it is right")
    released = Released.model_validate_json(world.files("2026-11-24/")["2026-11-24/r1/released"])
    assert released.manifest_sha256 == sha256(manifest).hexdigest()
    assert verify(world.download(TUESDAY, 1), world.public_key).faults == []


class Meddling(Bucket):
    """As a manifest is written, somebody starts the day's next revision."""

    def __init__(self, world: World) -> None:
        super().__init__(world.objects)
        self._world = world

    async def put(self, path: str, content: bytes, content_type: str) -> None:
        await super().put(path, content, content_type)
        if path == "2026-11-23/r1/manifest.json":
            await self._world.days.revise(MONDAY)


async def test_one_revision_of_a_day_is_released_however_late_the_next_begins(world: World) -> None:
    await world.submit(1)
    world.use(Meddling(world))
    files = await world.run("2026-11-24 02:05")
    assert "2026-11-23/r1/manifest.json" in files
    files = await world.run("2026-11-24 03:05")
    assert [name for name in files if name.endswith("released")] == ["2026-11-23/r2/released"]
    assert await world.released() == [MONDAY]


async def test_after_release_nothing_is_made_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.submit(1)
    files = await world.run("2026-11-24 02:05")
    monkeypatch.setattr(plans, "RENDERER_VERSION", 99)
    world.use(world.bucket, test_data_flag="TR01")
    assert await world.run("2026-11-24 03:05") == files


async def test_a_new_renderer_before_release_starts_the_next_revision(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.submit(1)
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    world.published.clear()
    monkeypatch.setattr(plans, "RENDERER_VERSION", 99)
    monkeypatch.setattr(planner, "RENDERER_VERSION", 99)
    files = await world.run("2026-11-24 03:05")
    assert "2026-11-23/r2/released" in files
