"""How long an ended registration is kept: its retention counts from the day on which it ended."""

from datetime import timedelta

from shared.domain.aspects import Statement
from shared.domain.registration import FormerPeriod, RegistrationState, Status
from shared.store.documents import Key
from shared.store.due_dates import ERASE_DUE
from tests.support.messages import event, migrated
from tests.support.register_world import FIRST_DAY, World, account

CLOSED = Statement(status=Status.ENDED)


async def erase_due(world: World, number: int = 1) -> str | None:
    """The day on which something of a registration is to be erased."""
    stored = await world.documents.get(Key("registrations", world.store.registration_id(world.account_id(number))))
    assert stored is not None
    return str(stored.fields[ERASE_DUE]).partition("|")[2] if ERASE_DUE in stored.fields else None


async def state(world: World, number: int = 1) -> RegistrationState:
    found = await world.store.get(world.store.registration_id(world.account_id(number)))
    assert found is not None
    return found


def kept_from(world: World, days: int = 0) -> str:
    """The last day of the retention of what ended so many days after the first day."""
    return (FIRST_DAY + timedelta(days=days + world.settings.ended_kept_days)).isoformat()


async def test_late_facts_about_an_ended_registration_do_not_postpone_its_erasure(world: World) -> None:
    await world.submit(1)
    assert await erase_due(world) is None
    await world.withdraw(1)
    assert ((await state(world)).ended_on, await erase_due(world)) == (FIRST_DAY, kept_from(world))

    world.at("2027-10-01 10:00")
    await event(world, 1, CLOSED, world.clock.now())
    await event(world, 1, Statement(review=True), world.clock.now())
    await event(world, 1, Statement(served={"mprn:9900000104": True}), world.clock.now())

    assert ((await state(world)).ended_on, await erase_due(world)) == (FIRST_DAY, kept_from(world))


async def test_an_account_that_is_registered_again_keeps_the_day_on_which_its_former_data_is_erased(
    world: World,
) -> None:
    await world.submit(1)
    await world.withdraw(1)

    world.at("2026-12-03 09:00")
    await world.submit(1)

    live = await state(world)
    assert (live.ended_on, live.former) == (None, [FormerPeriod(ended_on=FIRST_DAY, version=2)])
    assert await erase_due(world) == kept_from(world)

    world.at("2026-12-13 09:00")
    await world.withdraw(1)
    again = await state(world)
    assert (again.ended_on, again.former) == (FIRST_DAY + timedelta(days=20), live.former)
    assert await erase_due(world) == kept_from(world)


async def test_a_message_that_makes_an_account_live_again_keeps_the_former_period(world: World) -> None:
    await world.submit(1)
    await world.withdraw(1)
    world.at("2026-12-03 09:00")
    await migrated(world, 1, account(1), world.clock.now())
    assert (await state(world)).former == [FormerPeriod(ended_on=FIRST_DAY, version=2)]
    assert await erase_due(world) == kept_from(world)
