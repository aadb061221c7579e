"""Days of the export on real Firestore and Cloud Storage: plan, parts, manifest, release, and every way to stumble."""

from pathlib import Path

import pytest

from ops.local.layout import Layout
from ops.local.sample import mpan
from shared.export import d0225
from shared.export.envelope import Envelope
from shared.export.manifest import Manifest
from tests.export.world import World, london


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    return World(tmp_path)


async def test_a_closed_day_becomes_a_file_a_manifest_and_a_release(world: World) -> None:
    await world.tell(1)
    await world.tell(2, supply_points={"mpans": [mpan("22", 2)], "mprns": []})
    files = await world.run("2026-11-24 02:05")
    assert sorted(files) == [
        "2026-11-23/r1/D0225/EELC-1.txt",
        "2026-11-23/r1/D0225/SWEB-1.txt",
        "2026-11-23/r1/manifest.json",
        "2026-11-23/r1/manifest.json.sig",
        "2026-11-23/r1/released",
    ]
    manifest = Manifest.model_validate_json(files["2026-11-23/r1/manifest.json"])
    assert (manifest.counted, manifest.written, manifest.withheld) == (2, 2, 0)
    told = d0225.read(files["2026-11-23/r1/D0225/EELC-1.txt"])
    assert told.envelope == Envelope("2611231011", "SUPP", "EELC", london("2026-11-24 02:05"), "OPER")
    assert [(one.mpan, one.contact_name, one.needs) for one in told.details] == [
        (mpan("10", 1), "Person 1", (d0225.Need("02"),))
    ]
