"""The doctor on messages that wait for a person, and on the last day's export."""

import re
import socket
import time
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from ops.doctor import work
from ops.doctor.command import _within
from ops.doctor.finding import Finding, State
from shared.domain.delivery import Delivery
from shared.domain.export_day import Stage
from shared.errors import GivenUp, InvalidContent, RegistrationUnknown
from shared.settings import Settings
from shared.store.documents import Key
from shared.store.objects import Bucket
from shared.store.quarantine import Quarantine
from tests.ops.findings import faults
from tests.support.register_world import World, london
from tools.local.layout import Layout
from tools.local.processes import LOOPBACK


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    return World(tmp_path)


async def exported(world: World, **changes: Any) -> Finding:
    config: Settings = world.settings.model_copy(update=changes)
    (found,) = await work.last_export(world.exports, world.bucket, config, world.clock.now())
    faults([found])
    return found


async def test_messages_that_wait_in_quarantine(world: World) -> None:
    quarantine = world.service.part(Quarantine)

    async def says() -> list[str]:
        return [finding.line for finding in await work.quarantined(quarantine, world.settings, world.clock.now())]

    def delivery(number: int) -> Delivery:
        return Delivery("t", "s", str(number), london("2026-11-23 09:00"), {}, b"{}", 1)

    nothing = "none waits for a person; the alert dead_letters_waiting covers those still in Pub/Sub"
    assert await says() == [nothing, "empty"]
    world.clock.still = london("2026-11-23 09:00")
    await quarantine.put(delivery(1), RegistrationUnknown())
    world.clock.still = london("2026-11-24 09:00")
    await quarantine.put(delivery(2), InvalidContent())
    listed = "1 parked, 1 failed, the oldest since 2026-11-23 09:00: `psr quarantine list`"
    assert await says() == [nothing, listed]
    world.clock.still = london("2026-12-09 09:00")
    await quarantine.put(delivery(3), GivenUp())
    assert await says() == [
        ("1 given up on and not applied: `psr quarantine list --problem given-up` (docs/runbooks/dead_letters.md)"),
        (
            "1 parked, 2 failed, the oldest since 2026-11-23 09:00; some are parked for more than 14 days: "
            "replay_parked does not work (docs/runbooks/job_missing.md)"
        ),
    ]


async def test_an_export_that_is_due_late_and_released(world: World) -> None:
    await world.submit(1)
    said = [await exported(world, export_first_day=None), await exported(world)]
    world.at("2026-11-24 05:59")
    said.append(await exported(world))
    world.at("2026-11-24 06:00")
    said.append(await exported(world))
    await world.days.advance(london("2026-11-24 06:00"))
    said.append(await exported(world))
    await world.work()
    said.append(await exported(world))
    assert [(finding.state, finding.line) for finding in said] == [
        (State.NOT_CHECKED, "PSR_EXPORT_FIRST_DAY is not set here"),
        (State.OK, "no day has closed yet; the first is 2026-11-23"),
        (State.OK, "2026-11-23 is not planned yet; it is due by 06:00"),
        (
            State.FAILING,
            (
                "2026-11-23 is not planned; it was due on 2026-11-24 06:00: "
                "`psr schedule run export_daily` does no harm (docs/runbooks/export_late.md)"
            ),
        ),
        (
            State.FAILING,
            (
                "2026-11-23 waits for 1 of 1 parts; it was due on 2026-11-24 06:00: "
                "`psr schedule run export_daily` does no harm (docs/runbooks/export_late.md)"
            ),
        ),
        (State.OK, "2026-11-23 is released: 1 files, 1 supply points"),
    ]


async def test_an_export_that_has_stopped(world: World) -> None:
    await world.submit(1)
    world.at("2026-11-24 02:05")
    await world.days.advance(london("2026-11-24 02:05"))
    (entry,) = await world.documents.page("export_feed", equal=("file", "EELC|2026-11-23"))
    late = world.documents.put(Key("export_feed", entry.document_id), entry.fields | {"size": 1})
    await world.documents.commit([late])
    await world.work()
    assert await world.stopped(date(2026, 11, 23)) is not None
    assert faults([await exported(world)]) == [
        (
            "2026-11-23 is stopped: a feed entry of EELC-1 was written after the day had closed. Nothing is released. "
            "Find the instance that has a wrong clock or was frozen, then run psr export revise 2026-11-23: the new "
            "revision includes the entry (docs/runbooks/export_stopped.md)"
        )
    ]


async def test_an_export_that_is_held(world: World) -> None:
    world.use(world.bucket, hold_supply_points=1)
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    for number in range(2, 9):
        await world.submit(number)
    await world.run("2026-11-25 02:05")
    kept = await world.exports.get(date(2026, 11, 24))
    assert kept is not None
    assert kept.state.stage is Stage.HELD
    assert faults([await exported(world)]) == [
        (
            f"2026-11-24 is on hold: {kept.state.held_because}; if that is right, "
            "`psr export release 2026-11-24 --reason …` (docs/runbooks/export_stopped.md)"
        )
    ]


async def test_a_storage_that_hangs_fails_soon(world: World) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    with socket.create_server((LOOPBACK, 0)) as silent:
        client = storage.Client(
            project=world.name,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": f"http://{LOOPBACK}:{silent.getsockname()[1]}"},
        )
        hangs = Bucket(client.bucket(world.name), seconds=0.2)
        check = partial(work.last_export, world.exports, hangs, world.settings, world.clock.now())
        began = time.monotonic()
        (found,) = await _within(20, "export", check)
    assert found.state is State.FAILING
    assert re.fullmatch(r"Cloud Storage does not answer \(\w+\) \(docs/runbooks/errors.md\)", found.line)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("released", "2026-11-23 is released, but 2026-11-23/r1/released is gone: find out who deletes objects"),
        (
            "manifest.json",
            "2026-11-23/r1/manifest.json is not the one that was released: find out who writes to the bucket",
        ),
    ],
)
async def test_an_export_whose_objects_are_gone(world: World, name: str, line: str) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    world.objects.blob(f"2026-11-23/r1/{name}").delete()
    assert faults([await exported(world)]) == [line]
