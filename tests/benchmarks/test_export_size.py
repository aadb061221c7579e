"""The export of many supply points: memory stays flat, and most of the time is Firestore's."""

from pathlib import Path

import pytest

from benchmarks.export_day import export_of
from tools.local.layout import Layout


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
