"""`psr needs`: who is on the lists, in which order, what is masked, and what is kept of who looked."""

from pathlib import Path

import pytest

from ops.needs import ending
from shared.store.operator_actions import Action, OperatorAction, OperatorActions
from tests.support.commands import psr
from tests.support.register_world import World
from tools.errors import CommandError
from tools.local.layout import Layout


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    """On 7 December 2026: needs that have just ended, end soon and later; a review is due, another nearly."""
    world = World(tmp_path)
    await world.submit(1, needs=[{"code": "32", "ends_on": "2027-01-06"}, {"code": "33", "ends_on": "2026-12-20"}])
    await world.submit(2, needs=[{"code": "32", "ends_on": "2027-01-07"}])
    await world.submit(3, needs=[{"code": "32", "ends_on": "2026-12-08"}, {"code": "34", "ends_on": "2026-12-08"}])
    await world.submit(4, needs=[], status="pending")
    await world.submit(5, needs=[{"code": "32", "ends_on": "2026-12-09"}])
    await world.withdraw(5)
    world.at("2026-12-07 09:00")
    await world.apply_due_dates(4)
    return world


def ops(world: World, *arguments: str) -> tuple[int, str, str]:
    done = psr("needs", *arguments, environment=world.child_environment())
    return done.returncode, done.stdout, done.stderr


def of(world: World, number: int) -> str:
    return world.store.registration_id(world.account_id(number))


async def test_needs_that_end_soon_are_listed_soonest_first_and_masked(world: World) -> None:
    code, shown, counted = ops(world, "ending")
    assert (code, counted) == (0, "2 registrations\n")
    assert shown.splitlines() == [
        "due_on,registration_id,account_id,codes",
        f"2026-12-08,{of(world, 3)},•••,32 34",
        f"2026-12-20,{of(world, 1)},•••,33",
        f"2027-01-06,{of(world, 1)},•••,32",
    ]
    (stored,) = await world.documents.page("operator_actions")
    noted = OperatorAction.model_validate_json(stored.state)
    assert (noted.action, noted.about, noted.reason) == (Action.LISTED, None, None)


async def test_accounts_are_shown_for_a_reason_that_is_kept_with_each(world: World) -> None:
    shown = ops(world, "follow-ups", "--reveal", "--reason", "call them")
    assert shown == (
        0,
        f"due_on,registration_id,account_id,codes\n2026-12-07,{of(world, 4)},A-4,\n",
        "1 registration\n",
    )
    (noted,) = await OperatorActions(world.documents).on(of(world, 4))
    assert (noted.action, noted.reason) == (Action.REVEALED, "call them")


async def test_reviews_are_listed_before_and_after_they_are_noted(world: World) -> None:
    world.at("2028-11-22 09:00")
    assert ops(world, "reviews")[1].splitlines()[1:] == []
    world.at("2028-11-23 09:00")
    await world.apply_due_dates(2)
    listed = ops(world, "reviews")[1].splitlines()[1:]
    every = {1: "32 33", 2: "", 3: "32 34", 4: ""}
    assert listed == sorted(f"2028-11-23,{of(world, number)},•••,{codes}" for number, codes in every.items())


def test_accounts_are_not_shown_without_a_reason() -> None:
    with pytest.raises(CommandError, match="--reason"):
        ending(reveal=True, reason=" ")
