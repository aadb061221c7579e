"""The last day of an account that will close, between midnight and the calendar's run."""

from datetime import date

from shared.domain.aspects import Statement
from shared.domain.registration import Status
from shared.flows.expiry import Expiry
from tests.support.messages import event
from tests.support.register_world import World, london


async def test_a_change_after_the_last_day_and_before_the_calendars_run_keeps_the_last_day(world: World) -> None:
    await world.submit(1)
    await event(world, 1, Statement(closes_on=date(2026, 11, 24)), world.clock.now())
    world.at("2026-11-25 00:05")
    await world.submit(1, needs=[{"code": "08"}])

    slot = london("2026-11-25 00:15")
    world.at("2026-11-25 00:15")
    job = Expiry(world.service)
    assert (await job.advance(slot))["closed"] == 1

    state = await world.store.get(world.store.registration_id(world.account_id(1)))
    assert state is not None
    assert (state.registration.status, state.registration.closes_on) == (Status.ENDED, None)
