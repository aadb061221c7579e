"""The export of many supply points: memory stays flat, and most of the time is Firestore's."""

import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from shared.domain.export_day import Stage
from shared.domain.feed import FeedEntry
from shared.store.documents import Key
from tests.export.samples import sent
from tests.export.world import FIRST_DAY, ROOT, World
from tools.local.layout import Layout

_WRITES = 500


async def export_of(folder: Path, supply_points: int) -> dict[str, Any]:
    """The memory and time of a separate process for a day of so many supply points."""
    world = World(folder)
    sample = sent(1, day=FIRST_DAY)
    for start in range(0, supply_points, _WRITES):
        entries = [_distinct(sample, start + number) for number in range(min(_WRITES, supply_points - start))]
        await world.documents.commit(
            [
                world.documents.put(
                    Key("export_feed", f"{uuid.uuid4()}-EELC-{FIRST_DAY}"),
                    {"file": entry.file, "size": len(text), "state": text},
                )
                for entry in entries
                if (text := entry.model_dump_json())
            ]
        )
    world.at("2026-11-24 02:05")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.export.measured"),
        cwd=ROOT,
        env=world.child_environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await child.communicate()
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    assert (measured["stage"], measured["supply_points"]) == (Stage.RELEASED, supply_points)
    return measured


def _distinct(sample: FeedEntry, number: int) -> FeedEntry:
    """The same with a supply point of its own; the export does not check digits again."""
    return sample.model_copy(update={"supply_point": f"mpan:10{number:011}"})


@pytest.mark.parametrize(
    ("few", "many"),
    [
        pytest.param(300, 3_000, id="300 and 3,000"),
        pytest.param(6_000, 60_000, id="6,000 and 60,000", marks=pytest.mark.soak),
    ],
)
async def test_ten_times_as_many_supply_points_need_hardly_more_memory(
    emulators: Layout,  # noqa: ARG001
    tmp_path: Path,
    few: int,
    many: int,
) -> None:
    small, large = await export_of(tmp_path, few), await export_of(tmp_path, many)
    assert large["peak_kib"] <= 1.2 * small["peak_kib"]
