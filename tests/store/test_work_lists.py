"""Due dates page by page: each registration once, in few queries, as a plain recount finds them."""

import random
from datetime import date
from pathlib import Path

import pytest

from shared.domain.registration import RegistrationId
from shared.store.due_dates import DueDate, DueDates
from tests.support.register_world import World
from tools.local.layout import Layout

REGISTERED = 30
TODAY = date(2026, 12, 15)


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    """Registrations with needs that end, and pending ones; of half of these the follow-up is noted as due."""
    world = World(tmp_path)
    chance = random.Random(7)
    for number in range(REGISTERED):
        if number % 3 == 0:
            await world.submit(number, needs=[], status="pending")
        else:
            last_day = f"2026-12-{chance.randrange(10, 25)}"
            await world.submit(number, needs=[{"code": "32", "ends_on": last_day}, {"code": "08"}])
    world.at(f"{TODAY} 09:00")
    for number in range(0, REGISTERED, 6):
        await world.apply_due_dates(number)
    await world.withdraw(3)
    await world.withdraw(4)
    return world


async def listed(world: World, name: DueDate, until: date, limit: int) -> list[list[RegistrationId]]:
    """Every page."""
    due_dates, pages, after = DueDates(world.documents), [], None
    while True:
        states, after = await due_dates.page(name, until, after=after, limit=limit)
        pages.append([state.registration.registration_id for state in states])
        if after is None:
            return pages


async def due(world: World, name: DueDate, until: date) -> set[RegistrationId]:
    """A recount of every registration."""
    found = set()
    for number in range(REGISTERED):
        state = await world.store.get(world.store.registration_id(world.account_id(number)))
        assert state is not None
        registration = state.registration
        ends = [need.ends_on for need in registration.needs]
        days: dict[DueDate, list[date | None]] = {
            DueDate.NEED_ENDS: ends,
            DueDate.REVIEW: [registration.review_due_on],
            DueDate.FOLLOW_UP: [registration.follow_up_on],
        }
        if registration.status.live and any(day and day <= until for day in days[name]):
            found.add(registration.registration_id)
    return found


@pytest.mark.parametrize("limit", [1, 4, 100])
@pytest.mark.parametrize(
    ("name", "until", "some"),
    [
        (DueDate.NEED_ENDS, date(2026, 12, 17), True),
        (DueDate.FOLLOW_UP, TODAY, True),
        (DueDate.FOLLOW_UP, date(2026, 12, 6), False),
        (DueDate.REVIEW, date(2028, 11, 23), True),
        (DueDate.REVIEW, date(2028, 11, 22), False),
    ],
)
async def test_the_pages_have_every_registration_that_is_due_once(
    world: World, name: DueDate, until: date, limit: int, *, some: bool
) -> None:
    pages = await listed(world, name, until, limit)
    found = [registration_id for page in pages for registration_id in page]
    assert sorted(found) == sorted(await due(world, name, until))
    assert bool(found) is some
    assert all(len(page) == limit for page in pages[:-1])
