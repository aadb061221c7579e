"""Supply points that another registration has or had: which account yields, which waits, and what a message applies."""

from datetime import timedelta

import pytest

from shared.clock import london_day
from shared.domain.aspects import Statement
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Address
from shared.domain.registration import Registration, Status
from shared.domain.supply_points import Mpan, SupplyPointsInput, supply_point_key
from shared.errors import SupplyPointHeld
from shared.store.registrations import Outcome
from tests.support.messages import event, migrated
from tests.support.register_world import World, account
from tools.local.sample import mpan
from tools.synthetic import consent

CLOSED = Statement(status=Status.ENDED)
NEW_HOME = Address(address_lines=["2 New Street"], postcode="BS1 4DJ")


def homes(*numbers: int) -> SupplyPointsInput:
    """The first supply points of the accounts with these numbers."""
    return SupplyPointsInput.model_validate({"mpans": [mpan("10", number) for number in numbers]})


async def move(world: World, number: int, *to: int, seconds: int = 0, event_id: str | None = None) -> Outcome:
    """An account moves to the homes of others, some seconds after the clock's minute."""
    points = homes(*to)
    statement = Statement(premises=NEW_HOME, supply_points=points, review=True)
    at = world.clock.now().replace(second=0, microsecond=0) + timedelta(seconds=seconds)
    return await event(world, number, statement, at, event_id, points.all())


async def registration(world: World, number: int) -> Registration:
    found = await world.store.get(world.store.registration_id(world.account_id(number)))
    assert found is not None
    return found.registration


async def holder(world: World, number: int) -> str | None:
    """The account that has a home."""
    found = await world.store.find(Mpan(mpan("10", number)))
    return found.registration.account_id if found else None


async def versions(world: World, number: int) -> list[tuple[str, int]]:
    """The kinds of an account's changes in the log."""
    changes, _ = await world.store.history(world.store.registration_id(world.account_id(number)), after=None, limit=50)
    return [(change.kind.value, change.version) for change in changes]


async def test_a_message_applies_all_but_the_supply_point_that_it_waits_for_and_takes_that_after_its_release(
    world: World,
) -> None:
    await world.submit(1)
    await world.submit(2)
    world.at("2026-11-23 10:00")

    first = await move(world, 1, 2, event_id="move")
    assert (first.waiting, first.change.kind) == (True, ChangeKind.AMENDED)
    waiting = await registration(world, 1)
    assert (waiting.premises, waiting.assigned()) == (NEW_HOME, {})
    assert [(notice.pointer, notice.code) for notice in waiting.warnings] == [
        ("/supply_points", "supply_point_waiting")
    ]
    assert (await holder(world, 1), await holder(world, 2)) == (None, "A-2")

    for _ in range(2):
        with pytest.raises(SupplyPointHeld):
            await move(world, 1, 2, event_id="move")
    assert await versions(world, 1) == [("registered", 1), ("amended", 2)]

    await world.withdraw(2)
    taken = await move(world, 1, 2, event_id="move")
    assert (taken.waiting, taken.replayed, taken.change.kind) == (False, False, ChangeKind.AMENDED)
    assert (await holder(world, 2), (await registration(world, 1)).warnings) == ("A-1", [])

    again = await move(world, 1, 2, event_id="move")
    assert (again.replayed, again.change) == (True, taken.change)
    assert await versions(world, 1) == [("registered", 1), ("amended", 2), ("amended", 3)]


async def test_the_first_free_supply_point_is_taken_first(world: World) -> None:
    for number in (1, 2, 3):
        await world.submit(number)
    world.at("2026-11-23 10:00")
    assert (await move(world, 1, 2, 3, event_id="move")).waiting
    await world.withdraw(3)
    assert (await move(world, 1, 2, 3, event_id="move")).waiting
    assert (await holder(world, 2), await holder(world, 3)) == ("A-2", "A-1")
    await world.withdraw(2)
    assert not (await move(world, 1, 2, 3, event_id="move")).waiting
    assert (await holder(world, 2), await holder(world, 3)) == ("A-1", "A-1")


async def test_a_callers_later_statement_counts_and_the_waiting_message_is_stale(world: World) -> None:
    await world.submit(1)
    await world.submit(2)
    world.at("2026-11-23 10:00")
    assert (await move(world, 1, 2, event_id="move")).waiting
    world.at("2026-11-23 11:00")
    await world.submit(1, supply_points={"mpans": [mpan("10", 9)], "mprns": []})
    await world.withdraw(2)
    late = await move_of_ten_o_clock(world)
    assert (late.waiting, late.change.kind) == (False, ChangeKind.SUPERSEDED)
    assert (await holder(world, 2), await holder(world, 9)) == (None, "A-1")
    assert (await registration(world, 1)).warnings == []


async def move_of_ten_o_clock(world: World) -> Outcome:
    points = homes(2)
    statement = Statement(premises=NEW_HOME, supply_points=points, review=True)
    at = world.clock.now().replace(hour=10, minute=0, second=0, microsecond=0)
    return await event(world, 1, statement, at, "move", points.all())


async def test_a_finished_review_is_not_due_again_when_the_supply_point_is_taken(world: World) -> None:
    await world.submit(1)
    await world.submit(2)
    world.at("2026-11-23 10:00")
    assert (await move(world, 1, 2, event_id="move")).waiting
    assert (await registration(world, 1)).review_due_on == london_day(world.clock.now())
    basis = consent("2026-11-23", "call 2")
    await world.submit(1, supply_points={"mpans": [], "mprns": ["9900000104"]}, sharing=basis, premises=dict(NEW_HOME))
    reviewed = (await registration(world, 1)).review_due_on
    await world.withdraw(2)
    await move(world, 1, 2, event_id="move")
    assert (await registration(world, 1)).review_due_on == reviewed


async def test_a_known_accounts_migrated_record_applies_all_but_the_waiting_supply_point(world: World) -> None:
    await migrated(world, 1, account(1), world.clock.now() - timedelta(days=2))
    await migrated(world, 2, account(2), world.clock.now() - timedelta(days=2))
    submission = account(1, needs=[{"code": "02"}, {"code": "08"}]).model_copy(update={"supply_points": homes(2)})
    at = world.clock.now() - timedelta(days=1)
    assert (await migrated(world, 1, submission, at, "record")).waiting
    after = await registration(world, 1)
    assert ([str(need.code) for need in after.needs], after.assigned()) == (["02", "08"], {})
    await world.withdraw(2)
    assert not (await migrated(world, 1, submission, at, "record")).waiting
    assert await holder(world, 2) == "A-1"
    assert (await registration(world, 1)).review_due_on == after.review_due_on


async def test_an_unknown_accounts_migrated_record_waits_as_a_whole(world: World) -> None:
    await migrated(world, 2, account(2), world.clock.now() - timedelta(days=2))
    submission = account(1).model_copy(update={"supply_points": homes(1, 2)})
    with pytest.raises(SupplyPointHeld):
        await migrated(world, 1, submission, world.clock.now() - timedelta(days=1), "record")
    assert await world.store.get(world.store.registration_id(world.account_id(1))) is None


@pytest.mark.parametrize(
    ("days_ago", "holders"),
    [
        pytest.param(2, [None, "A-2"], id="an older statement yields"),
        pytest.param(0, ["A-2", "A-2"], id="a newer one takes it"),
    ],
)
async def test_a_released_supply_point_keeps_the_fact_by_which_it_was_held(
    world: World, days_ago: int, holders: list[str | None]
) -> None:
    now = world.clock.now()
    await migrated(world, 1, account(1), now - timedelta(days=1))
    await event(world, 1, CLOSED, now - timedelta(hours=1))
    submission = account(2).model_copy(update={"supply_points": homes(1, 2)})
    await migrated(world, 2, submission, now - timedelta(days=days_ago))
    assert [await holder(world, 1), await holder(world, 2)] == holders
    review = (await registration(world, 2)).review_due_on
    assert (review == london_day(now)) is (holders[0] is None), "somebody asks where the customer lives"


async def test_an_account_takes_back_its_own_released_supply_point(world: World) -> None:
    now = world.clock.now()
    await migrated(world, 1, account(1), now - timedelta(days=1))
    key = supply_point_key(homes(1).mpans[0])
    await event(world, 1, Statement(served={key: False}), now - timedelta(hours=2), points=homes(1).all())
    await event(world, 1, Statement(served={key: True}), now - timedelta(hours=1), points=homes(1).all())
    assert await holder(world, 1) == "A-1"


async def test_a_caller_takes_a_released_supply_point_and_is_newer_than_its_former_holder(world: World) -> None:
    """The account system's clock is ahead: the time of its event is later than a caller's now."""
    ahead = world.clock.now() + timedelta(minutes=4)
    await migrated(world, 1, account(1), ahead)
    await event(world, 1, CLOSED, ahead + timedelta(seconds=1))
    await world.submit(2, supply_points={"mpans": [mpan("10", 1)], "mprns": []})
    assert await holder(world, 1) == "A-2"
    between = account(3).model_copy(update={"supply_points": homes(1, 3)})
    await migrated(world, 3, between, ahead - timedelta(minutes=1))
    assert (await holder(world, 1), await holder(world, 3)) == ("A-2", "A-3")


async def test_no_supply_point_waits_for_a_message_that_was_applied_before_the_account_was_live(world: World) -> None:
    """It named the supply point while its account had ended. The record that makes the account live takes it."""
    now = world.clock.now()
    await migrated(world, 1, account(1), now - timedelta(days=9))
    await migrated(world, 2, account(2), now - timedelta(days=9))
    await event(world, 1, CLOSED, now - timedelta(days=8))
    key = supply_point_key(homes(2).mpans[0])
    gained = await event(world, 1, Statement(served={key: True}), now - timedelta(days=6), points=homes(2).all())
    assert not gained.waiting
    assert (await migrated(world, 1, account(1), now - timedelta(days=7), "record")).waiting
    await world.withdraw(2)
    assert not (await migrated(world, 1, account(1), now - timedelta(days=7), "record")).waiting
    assert await holder(world, 2) == "A-1"
