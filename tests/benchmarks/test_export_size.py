"""The export of many supply points: memory stays flat, and most of the time is Firestore's."""

from pathlib import Path

import pytest

from benchmarks.export_day import export_of
from tools.local.layout import Layout


@pytest.mark.soak
async def test_ten_times_as_many_supply_points_need_at_most_a_fifth_more_memory(
    emulators: Layout,  # noqa: ARG001 - they run first
    tmp_path: Path,
) -> None:
    small, large = await export_of(tmp_path, 6_000), await export_of(tmp_path, 60_000)
    assert large["peak_kib"] <= 1.2 * small["peak_kib"]
