"""Days of the export on real Firestore and Cloud Storage: plan, parts, manifest, release, and every way to stumble."""

import asyncio
import signal
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.verification import verify
from shared.domain import export_day as plans
from shared.domain.export_day import ExportStopped, Stage
from shared.errors import ClockOutOfStep
from shared.export.day_manifest import DayManifest
from shared.store.documents import Key
from tests.support.forks import Script, forks
from tests.support.register_world import World, london
from tools.local.layout import Layout
from tools.local.sample import mpan, mprn

GOLDEN = Path(__file__).parent / "golden" / "day"
MONDAY, TUESDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)


async def a_checked_day(world: World) -> dict[str, bytes]:
    """Sunday has four people; Monday has something of everything."""
    for number in (1, 2, 3, 4):
        await world.submit(number)
    await world.run("2026-11-23 02:05")
    await world.submit(
        1, needs=[{"code": "33", "ends_on": "2027-01-31", "note": "home | from hospital"}, {"code": "02"}]
    )
    await world.withdraw(2)
    await world.submit(3, sharing={"basis": "none", "recorded_on": "2026-11-23", "evidence": "call 2"})
    await world.submit(
        5,
        supply_points={"mpans": [mpan("22", 5)], "mprns": [mprn(5)]},
        primary_contact={"name": "Siân Ó Dónaill", "phones": ["07700900123", "07700900124"]},
        alternate_contact={"name": "王伟", "phones": ["07700900456"], "relationship": "carer"},
    )
    await world.submit(6, supply_points={"mpans": [mpan("39", 6)], "mprns": []})
    await world.submit(7)
    await world.withdraw(7)
    return await world.run("2026-11-24 02:05")


async def test_a_checked_day_is_written_as_it_should_be(emulators: Layout, tmp_path: Path) -> None:  # noqa: ARG001
    world = World(tmp_path, first_day=date(2026, 11, 22))
    files = await a_checked_day(world)
    manifest = DayManifest.model_validate_json(files["2026-11-23/r1/manifest.json"])
    made = {
        name.removeprefix("2026-11-23/r1/"): content.replace(f"{manifest.created_at:%Y%m%d%H%M%S}".encode(), b"<time>")
        for name, content in files.items()
        if name.startswith("2026-11-23") and name.endswith((".txt", ".csv"))
    }
    csv_time = manifest.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()
    made = {name: content.replace(csv_time, b"<time>") for name, content in made.items()}
    golden = {p.relative_to(GOLDEN).as_posix(): p.read_bytes() for p in GOLDEN.rglob("*") if p.is_file()}
    assert made == golden
    rows = {
        row.recipient: (row.counted, row.sets, row.deletes, {str(k): n for k, n in row.withheld.items()})
        for row in manifest.recipients
        if row.counted
    }
    assert rows == {
        "EELC": (4, 1, 2, {"released": 1}),
        "SHPR": (1, 1, 0, {}),
        "SWEB": (1, 1, 0, {}),
        "unroutable": (1, 0, 0, {"unroutable": 1}),
    }
    assert (manifest.counted, manifest.written, manifest.sets, manifest.deletes, manifest.withheld) == (7, 5, 3, 2, 2)
    assert verify(world.download(MONDAY, 1), world.public_key).faults == []


async def test_recipients_with_nothing_have_a_row_and_no_file_and_a_quiet_day_is_released(world: World) -> None:
    files = await world.run("2026-11-24 02:05")
    assert sorted(files) == [f"2026-11-23/r1/{name}" for name in ("manifest.json", "manifest.json.sig", "released")]
    manifest = DayManifest.model_validate_json(files["2026-11-23/r1/manifest.json"])
    assert {row.counted for row in manifest.recipients} == {0}
    assert {"EELC", "SHPR", "unroutable"} < {row.recipient for row in manifest.recipients}


async def test_a_day_closes_at_two_and_not_before(world: World) -> None:
    await world.submit(1)
    assert await world.run("2026-11-24 01:59") == {}
    assert await world.released() == []
    await world.run("2026-11-24 02:00")
    assert await world.released() == [MONDAY]


async def test_a_slot_in_the_future_closes_nothing(world: World) -> None:
    with pytest.raises(ClockOutOfStep):
        await world.days.advance(london("2026-11-24 02:05"))
    assert world.files() == {}


async def test_missed_days_are_made_oldest_first_each_with_its_own_state(world: World) -> None:
    await world.submit(1)
    world.at("2026-11-24 09:00")
    await world.submit(1, needs=[{"code": "08"}])
    world.at("2026-11-25 09:00")
    await world.withdraw(1)
    files = await world.run("2026-11-26 02:05")
    sent = [files[f"{day}/r1/D0225/EELC-1.txt"].decode().splitlines()[1:-1] for day in (MONDAY, TUESDAY, WEDNESDAY)]
    assert [[line.split("|")[1] for line in lines[1:]] for lines in sent] == [["02"], ["08"], []]
    assert sent[2][0].endswith("|T|T|")
    assert await world.released() == [MONDAY, TUESDAY, WEDNESDAY]
    times = [DayManifest.model_validate_json(files[f"{day}/r1/manifest.json"]).created_at for day in (MONDAY, TUESDAY)]
    assert times[0] < times[1], "receivers may order files by their creation time"


async def test_a_day_is_cut_into_parts_that_together_hold_everyone_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PART_SUPPLY_POINTS", 3)
    for number in range(1, 9):
        await world.submit(number)
    files = await world.run("2026-11-24 02:05")
    parts = [files[f"2026-11-23/r1/D0225/EELC-{part}.txt"].decode().splitlines() for part in (1, 2, 3)]
    sent = [line.split("|")[1] for lines in parts for line in lines if line.startswith("510")]
    assert [len([line for line in lines if line.startswith("510")]) for lines in parts] == [3, 3, 2]
    assert sorted(sent) == [mpan("10", number) for number in range(1, 9)]
    assert [lines[0].split("|")[1] for lines in parts] == ["1XY1000101", "1XY1000201", "1XY1000301"]
    assert verify(world.download(MONDAY, 1), world.public_key).faults == []


async def test_repeats_and_two_workers_at_once_give_the_same_bytes_and_one_manifest(world: World) -> None:
    for number in (1, 2):
        await world.submit(number)
    await world.submit(3, supply_points={"mpans": [mpan("22", 3)], "mprns": []})
    world.at("2026-11-24 02:05")
    slot = london("2026-11-24 02:05")
    await asyncio.gather(*(world.days.advance(slot) for _ in range(3)))
    works = [world.take() for _ in range(len(world.published))]
    assert len(works) >= 3
    await asyncio.gather(*(world.parts.write(work) for work in works))
    first, generations = world.files(), world.generations()
    await asyncio.gather(*(world.parts.write(work) for work in works), world.days.advance(slot))
    assert (world.files(), world.generations()) == (first, generations)
    assert await world.released() == [MONDAY]
    await check_against_the_feed(world)


async def check_against_the_feed(world: World) -> None:
    """The files of Monday are what its feed and its plan say, and nothing else is in its folder."""
    kept = await world.exports.get(MONDAY)
    assert kept is not None
    plan = kept.state
    assert plan.stage is Stage.RELEASED
    expected = {}
    for part in await world.exports.parts(plan):
        content, result = await world.parts._render(plan, part)
        assert result == part.result
        if content is not None:
            expected[f"{MONDAY}/r{plan.revision}/{plans_path(part)}"] = content
    files = {name: content for name, content in world.files().items() if name.startswith(f"{MONDAY}/r{plan.revision}/")}
    others = {f"{MONDAY}/r{plan.revision}/{name}" for name in ("manifest.json", "manifest.json.sig", "released")}
    assert {name: content for name, content in files.items() if name not in others} == expected
    assert others < set(files)
    assert verify(world.download(MONDAY, plan.revision), world.public_key).faults == []


def plans_path(part: Any) -> str:
    return f"D0225/{part.recipient}-{part.number}.txt"


@pytest.mark.parametrize(
    "where",
    [
        "before put EELC-1.txt",
        "after put EELC-1.txt",
        "before store result",
        "after store result",
        "before put manifest.json.sig",
        "after put manifest.json.sig",
        "before put manifest.json",
        "after put manifest.json",
        "before store releasing",
        "after store releasing",
        "before put released",
        "after put released",
        "before store released",
        "after store released",
    ],
)
async def test_a_worker_killed_anywhere_costs_a_repetition_only(world: World, where: str) -> None:
    for number in (1, 2, 3):
        await world.submit(number)
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    work = world.published.pop()
    assert await killed(world, where, work.decode()) == -signal.SIGKILL
    before = world.generations()
    world.published.append(work)
    await world.work()
    await world.run("2026-11-24 03:05")
    assert before.items() <= world.generations().items(), "what was written before the kill is not written again"
    await check_against_the_feed(world)


@pytest.mark.parametrize(
    "where", [f"{when} store {what}" for what in ("planning", "parts", "planned") for when in ("before", "after")]
)
async def test_a_planner_killed_anywhere_costs_a_repetition_only(world: World, where: str) -> None:
    await world.submit(1)
    world.at("2026-11-24 02:05")
    assert await killed(world, where, london("2026-11-24 02:05").isoformat()) == -signal.SIGKILL
    await world.run("2026-11-24 03:05")
    await check_against_the_feed(world)


async def killed(world: World, where: str, work: str) -> int:
    """How the child ended."""
    script, output, errors = Script("tests.export.killed", (where, work)), world.folder / "out", world.folder / "errors"
    child = forks().start(script, world.child_environment(), output, errors)
    status = await asyncio.to_thread(child.wait)
    assert not errors.read_text()
    return status


async def test_a_changed_byte_in_the_bucket_stops_the_day_and_those_after_it(world: World) -> None:
    await world.submit(1)
    await world.submit(2, supply_points={"mpans": [mpan("22", 2)], "mprns": []})
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    await world.parts.write(world.take())
    name = next(name for name in world.files() if name.endswith(".txt"))
    content = world.files()[name]
    world.objects.blob(name).upload_from_string(content.replace(b"Person", b"Parson"))
    await world.work()
    assert await world.released() == []
    assert not [name for name in world.files() if "manifest" in name or "released" in name]
    sentence = (
        f"{name} has changed since the export wrote it. Nothing is released. Find out who changed the bucket, then run "
        "psr export revise 2026-11-23"
    )
    assert await world.stopped(MONDAY) == sentence
    with pytest.raises(ExportStopped) as stopped:
        await world.run("2026-11-25 02:05")
    assert stopped.value.sentence == sentence
    assert await world.released() == []
    await world.days.revise(MONDAY)
    files = await world.run("2026-11-25 03:05")
    assert await world.released() == [MONDAY, TUESDAY]
    assert files[name.replace("/r1/", "/r2/")].count(b"Person") == 1
    assert verify(world.download(MONDAY, 1), None).faults == ["there is no manifest.json: the day is not complete"]


async def test_another_object_in_the_way_is_not_overwritten(world: World) -> None:
    await world.submit(1)
    world.objects.blob("2026-11-23/r1/D0225/EELC-1.txt").upload_from_string(b"somebody else's")
    files = await world.run("2026-11-24 02:05")
    assert files == {"2026-11-23/r1/D0225/EELC-1.txt": b"somebody else's"}
    assert (await world.stopped(MONDAY) or "").startswith(
        "2026-11-23/r1/D0225/EELC-1.txt already exists with other content"
    )


async def test_an_object_changed_after_its_manifest_is_found_by_verify_and_stops_the_release(world: World) -> None:
    await world.submit(1)
    world.use(world.bucket, hold_supply_points=1)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    for number in range(2, 9):
        await world.submit(number)
    await world.run("2026-11-25 02:05")
    name = "2026-11-24/r1/D0225/EELC-1.txt"
    world.objects.blob(name).upload_from_string(world.files()[name].replace(b"Person 2", b"Person 3"))
    assert verify(world.download(TUESDAY, 1), world.public_key).faults == [
        "D0225/EELC-1.txt is not the file of the manifest: size or SHA-256 differ"
    ]
    with pytest.raises(ExportStopped) as stopped:
        await world.days.release_held(TUESDAY, "it is right")
    assert stopped.value.sentence.startswith(f"{name} has changed since the export wrote it")
    assert await world.released() == [MONDAY]


async def test_a_feed_entry_written_after_the_day_closed_stops_it(world: World) -> None:
    await world.submit(1)
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    (entry,) = await world.documents.page("export_feed", equal=("file", "EELC|2026-11-23"))
    fields = entry.fields | {"size": 1}
    await world.documents.commit([world.documents.put(Key("export_feed", entry.document_id), fields)])
    await world.work()
    assert await world.released() == []
    assert await world.stopped(MONDAY) == (
        "a feed entry of EELC-1 was written after the day had closed. Nothing is released. Find the instance that has "
        "a wrong clock or was frozen, then run psr export revise 2026-11-23: the new revision includes the entry"
    )
    await world.days.revise(MONDAY)
    files = await world.run("2026-11-24 03:05")
    assert "2026-11-23/r2/released" in files


async def test_a_feed_that_shrinks_after_the_plan_stops_the_day(world: World) -> None:
    await world.submit(1)
    await world.submit(2)
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    entry = (await world.documents.page("export_feed", equal=("file", "EELC|2026-11-23")))[0]
    moved = entry.fields | {"file": "EELC|2026-11-22"}
    await world.documents.commit([world.documents.put(Key("export_feed", entry.document_id), moved)])
    await world.work()
    assert await world.stopped(MONDAY) == (
        "EELC-1 was planned with 2 supply points, but its feed has 1. Nothing is released. Find out who deletes "
        "documents of export_feed"
    )


async def test_a_recipient_that_the_table_lost_stops_the_day_before_it_is_planned(world: World) -> None:
    await world.submit(1)
    entry = (await world.documents.page("export_feed", equal=("file", "EELC|2026-11-23")))[0]
    lost = entry.fields | {"file": "GONE|2026-11-23"}
    write = world.documents.put(Key("export_feed", "00000000-GONE-2026-11-23"), lost)
    await world.documents.commit([write])
    with pytest.raises(ExportStopped):
        await world.run("2026-11-24 02:05")
    assert await world.stopped(MONDAY) == (
        "1 feed entries are for recipients that the recipient table lacks (GONE). Restore the rows. If an MPID has "
        "changed or a recipient no longer gets data, add a row with the route former instead (docs/export.md shows "
        "it). Then deploy"
    )
    assert world.files() == {}
    back = entry.fields | {"file": "EELC|2026-11-22"}
    await world.documents.commit([world.documents.put(Key("export_feed", "00000000-GONE-2026-11-23"), back)])
    await world.run("2026-11-24 03:05")
    assert await world.released() == [MONDAY]


async def test_the_oldest_unreleased_day_is_found_far_back(world: World) -> None:
    first = MONDAY - timedelta(days=100)
    assert await world.exports.oldest_unreleased(first, MONDAY) == first
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    assert await world.exports.oldest_unreleased(first, MONDAY + timedelta(days=70)) == TUESDAY
    assert await world.exports.oldest_unreleased(first, MONDAY) is None
