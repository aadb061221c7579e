"""Long work in pieces: others have their turn in between, and nothing is lost or done twice."""

import asyncio
from itertools import pairwise

import pytest

from shared.turns import in_turns


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 1001])
async def test_every_item_comes_once_and_in_order(count: int) -> None:
    assert [item async for piece in in_turns(range(count)) for item in piece] == list(range(count))


async def test_one_piece_of_all_work_is_done_in_a_turn_and_others_have_theirs() -> None:
    order: list[str] = []

    async def work(name: str) -> None:
        async for _ in in_turns(range(100)):
            order.append(name)  # noqa: PERF401 - when it is added is the point

    async def other() -> None:
        for _ in range(5):
            order.append("other")
            await asyncio.sleep(0)

    await asyncio.gather(work("a"), work("b"), other())
    assert sorted(order) == ["a"] * 5 + ["b"] * 5 + ["other"] * 5
    places = [place for place, name in enumerate(order) if name == "other"]
    assert all(later - earlier <= 3 for earlier, later in pairwise(places))


async def test_work_that_ends_early_leaves_the_turn_to_others() -> None:
    async def failing() -> None:
        async for _ in in_turns(range(100)):
            raise ValueError("midway")

    with pytest.raises(ValueError, match="midway"):
        await failing()
    async with asyncio.timeout(5):
        assert [item async for piece in in_turns(range(100)) for item in piece] == list(range(100))
