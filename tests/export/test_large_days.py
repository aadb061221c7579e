"""Days with hundreds of parts for one recipient: planned over several runs, written by many workers, released."""

import asyncio
import itertools
import math
import uuid

import pytest

from ops.verification import verify
from shared.domain import export_day as plans
from shared.domain.export_day import Stage
from shared.errors import Unavailable
from shared.export import d0225, days, planner
from shared.export.day_manifest import DayManifest
from shared.store import exports
from shared.store.documents import Documents, Key
from shared.store.values import Value
from tests.export.samples import sent
from tests.support.register_world import FIRST_DAY, World, london

_WORKERS = 20


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One supply point a part, few ids a page, and counts that end early."""
    monkeypatch.setattr(plans, "PART_SUPPLY_POINTS", 1)
    monkeypatch.setattr(exports, "_PLAN_PAGE", 15)
    monkeypatch.setattr(exports, "_COUNT_AT_MOST", 30)
    monkeypatch.setattr(days, "_MESSAGES_AT_ONCE", 30)


async def fill(world: World, count: int) -> None:
    """So many supply points of one recipient in the feed of the first day."""
    entries = [sent(number, day=FIRST_DAY) for number in range(count)]
    writes = []
    for entry in entries:
        text = entry.model_dump_json()
        fields: dict[str, Value] = {"file": entry.file, "size": len(text), "state": text}
        writes.append(world.documents.put(Key("export_feed", f"{uuid.uuid4()}-EELC-{FIRST_DAY}"), fields))
    await world.documents.commit(writes)


async def work_at_once(world: World) -> None:
    """Do all published work with many workers, some of it twice."""
    works = [world.take() for _ in range(len(world.published))]
    at_once = asyncio.Semaphore(_WORKERS)

    async def work(each: object) -> None:
        async with at_once:
            await world.parts.write(each)  # type: ignore[arg-type]

    await asyncio.gather(*(work(each) for each in [*works, *works[::21]]))


@pytest.mark.parametrize("count", [70, pytest.param(210, marks=pytest.mark.soak)])
async def test_many_parts_of_one_recipient_are_planned_in_steps_written_at_once_and_released(
    world: World, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    await fill(world, count)
    world.at("2026-11-24 02:05")
    slot = london("2026-11-24 02:05")
    readings = itertools.chain(3 * [math.inf], itertools.repeat(0.0))  # three runs are out of time after a page
    monkeypatch.setattr(planner, "monotonic", lambda: next(readings))
    stopped = 0
    while not world.published:
        try:
            await world.days.advance(slot)
        except Unavailable:
            stopped += 1
    assert stopped == 3, "each run continues where the one before it stopped"
    monkeypatch.undo()
    assert len(world.published) == count
    await work_at_once(world)
    kept = await world.exports.get(FIRST_DAY)
    assert kept is not None
    assert (kept.state.stage, kept.state.parts, kept.state.counted) == (Stage.RELEASED, count, count)
    assert len(kept.state.model_dump_json()) < 2_000, "the day's document does not grow with its parts"
    folder = world.download(FIRST_DAY, 1)
    assert verify(folder, world.public_key).faults == []
    manifest = DayManifest.model_validate_json((folder / "manifest.json").read_bytes())
    files = [file for row in manifest.recipients for file in row.files]
    assert len({file.file_id for file in files}) == count
    mpans = [one.mpan for file in files for one in d0225.read((folder / file.path).read_bytes()).details]
    assert len(set(mpans)) == len(mpans) == count


async def test_a_day_with_more_parts_than_file_ids_can_number_stops_with_its_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(world, 5)
    world.at("2026-11-24 02:05")
    monkeypatch.setattr(planner, "HIGHEST_PART", 4)
    with pytest.raises(plans.ExportStopped):
        await world.days.advance(london("2026-11-24 02:05"))
    assert await world.stopped(FIRST_DAY) == (
        "EELC has more than 4 parts: a file id has room for no more. Report it to the developers"
    )
    assert world.published == []


async def test_two_planners_at_once_store_one_plan_that_holds_everyone_once(world: World) -> None:
    await fill(world, 130)
    world.at("2026-11-24 02:05")
    slot = london("2026-11-24 02:05")
    await asyncio.gather(*(world.days.advance(slot) for _ in range(3)))
    kept = await world.exports.get(FIRST_DAY)
    assert kept is not None
    parts = await world.exports.parts(kept.state)
    assert [part.number for part in parts] == list(range(1, 131))
    assert [part.from_id for part in parts[1:]] == [part.before_id for part in parts[:-1]]
    assert (parts[0].from_id, parts[-1].before_id) == (None, None)
    assert {len(await world.exports.missing(kept.state)), kept.state.parts} == {130}


async def test_a_day_whose_feed_grows_while_it_is_planned_is_stopped_and_planned_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(world, 3)
    world.at("2026-11-24 02:05")
    original = Documents.count

    async def count_before_one_more(self: Documents, *arguments: object, **options: object) -> int:
        counted = await original(self, *arguments, **options)  # type: ignore[arg-type]
        await fill(world, 1)
        return counted

    monkeypatch.setattr(Documents, "count", count_before_one_more)
    with pytest.raises(plans.ExportStopped):
        await world.days.advance(london("2026-11-24 02:05"))
    monkeypatch.setattr(Documents, "count", original)
    assert await world.stopped(FIRST_DAY) == (
        "the whole day has 3 supply points, but its parts together have 4. The feed of a closed day does not change: "
        "find out who else writes to export_feed"
    )
    await world.days.advance(london("2026-11-24 02:05"))
    kept = await world.exports.get(FIRST_DAY)
    assert kept is not None
    assert (kept.state.stage, kept.state.revision, kept.state.parts, kept.state.counted) == (Stage.PLANNED, 2, 4, 4)
