"""An account that will close: its registration stays until the last day is over."""

from datetime import date, datetime, timedelta

import pytest

from shared.domain.aspects import Statement
from shared.domain.changes import ChangeKind
from shared.domain.registration import RegistrationState, Status
from shared.flows.expiry import Expiry
from shared.messages.account_events import AccountClosed, AccountClosedData
from tests.support.messages import event, migrated
from tests.support.register_world import World, account, london

MONDAY, WEDNESDAY = date(2026, 11, 23), date(2026, 11, 25)


def closed(at: datetime, closed_on: date) -> Statement:
    """The statement of an event `account.closed`."""
    event_of_closure = AccountClosed(
        specversion="1.0",
        type="uk.psr.account.closed.v1",
        source="//test",
        id="1",
        time=at,
        subject=account(1).account_id,
        data=AccountClosedData(closed_on=closed_on),
    )
    return event_of_closure.statement()


async def announce(world: World, closed_on: date, at: datetime | None = None) -> ChangeKind:
    at = at or world.clock.now()
    return (await event(world, 1, closed(at, closed_on), at)).change.kind


async def state(world: World) -> RegistrationState:
    found = await world.store.get(world.store.registration_id(world.account_id(1)))
    assert found is not None
    return found


async def night(world: World, slot: str) -> int:
    """How many registrations a run of `expire_needs` ends."""
    world.at(slot)
    job = Expiry(world.service)
    return (await job.advance(london(slot)))["closed"]


@pytest.mark.parametrize(
    ("closed_on", "kind", "status"),
    [
        pytest.param(MONDAY - timedelta(days=30), ChangeKind.ENDED, "ended", id="long ago"),
        pytest.param(MONDAY, ChangeKind.ENDED, "ended", id="today"),
        pytest.param(MONDAY + timedelta(days=1), ChangeKind.AMENDED, "active", id="tomorrow"),
        pytest.param(date(9999, 12, 31), ChangeKind.AMENDED, "active", id="the calendar's last day"),
    ],
)
async def test_an_account_ends_at_once_unless_its_last_day_is_to_come(
    world: World, closed_on: date, kind: ChangeKind, status: str
) -> None:
    await world.submit(1)
    assert (await announce(world, closed_on), (await state(world)).registration.status) == (kind, status)


async def test_a_registration_stays_on_its_accounts_last_day_and_ends_after_it(world: World) -> None:
    await world.submit(1)
    await world.run("2026-11-24 02:05")
    await announce(world, WEDNESDAY)
    assert (await state(world)).registration.closes_on == WEDNESDAY

    assert await night(world, "2026-11-25 00:15") == 0
    assert (await state(world)).registration.status is Status.ACTIVE
    assert await night(world, "2026-11-26 00:15") == 1

    after = await state(world)
    assert (after.registration.status, after.registration.closes_on) == (Status.ENDED, None)
    assert (after.registration.assigned(), after.ended_on) == ({}, WEDNESDAY + timedelta(days=1))
    await world.run("2026-11-26 02:05")
    assert len(world.at_networks()) == 1
    await world.run("2026-11-27 02:05")
    assert world.at_networks() == {}
    assert await night(world, "2026-11-27 02:15") == 0


async def test_an_announcement_that_arrives_after_the_last_day_ends_the_account_at_once(world: World) -> None:
    await world.submit(1)
    announced = world.clock.now()
    world.at("2026-11-26 09:00")
    assert await announce(world, WEDNESDAY, announced) is ChangeKind.ENDED


@pytest.mark.parametrize(
    ("record", "status"),
    [
        pytest.param("2026-11-24 09:00", "ended", id="known before the last day was over"),
        pytest.param("2026-11-26 09:00", "active", id="known after it"),
    ],
)
@pytest.mark.parametrize("first", ["announcement", "record"])
async def test_a_migrated_record_undoes_a_closing_only_if_it_is_from_after_the_last_day(
    world: World, record: str, status: str, first: str
) -> None:
    announced = world.clock.now()
    await migrated(world, 1, account(1), announced - timedelta(days=1))
    world.at("2026-11-27 09:00")
    for what in ("announcement", "record") if first == "announcement" else ("record", "announcement"):
        if what == "announcement":
            await announce(world, WEDNESDAY, announced)
        else:
            await migrated(world, 1, account(1), london(record))
    assert (await state(world)).registration.status == status
    assert await night(world, "2026-11-28 00:15") == 0


async def test_the_newest_announcement_counts_in_either_order(world: World) -> None:
    await world.submit(1)
    now = world.clock.now() + timedelta(seconds=10)
    await announce(world, MONDAY + timedelta(days=9), now)
    assert await announce(world, WEDNESDAY, now - timedelta(seconds=5)) is ChangeKind.STALE
    assert (await state(world)).registration.closes_on == MONDAY + timedelta(days=9)
    await announce(world, WEDNESDAY, now + timedelta(seconds=5))
    assert (await state(world)).registration.closes_on == WEDNESDAY


async def test_a_change_of_something_else_keeps_the_last_day(world: World) -> None:
    await world.submit(1)
    await announce(world, WEDNESDAY)
    await world.submit(1, needs=[{"code": "08"}])
    assert (await state(world)).registration.closes_on == WEDNESDAY
    assert await night(world, "2026-11-26 00:15") == 1


async def test_an_account_that_was_registered_again_after_its_last_day_stays(world: World) -> None:
    await world.submit(1)
    await announce(world, WEDNESDAY)
    await world.withdraw(1)
    world.at("2026-11-27 09:00")
    await world.submit(1)
    assert (await state(world)).registration.closes_on is None
    assert await night(world, "2026-11-28 00:15") == 0
    assert (await state(world)).registration.status is Status.ACTIVE
