"""Many days of random changes: what the networks hold by our files is what the register wants them to hold."""

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.domain.needs import categories
from shared.domain.recipients import UNROUTABLE, recipients, recipients_of, why_withheld
from shared.domain.registration import RegistrationState
from shared.domain.supply_points import Mpan
from shared.errors import SupplyPointHeld
from tests.support.register_world import Held, World, apply_file
from tools.local.layout import Layout
from tools.local.sample import mpan, mprn
from tools.synthetic import consent

FIRST_DAY = date(2026, 11, 23)
ACCOUNTS = 12
_HOMES = 15
_DISTRIBUTORS = ("10", "22", "39")


def home(number: int) -> dict[str, list[str]]:
    """A home's supply points: each has electricity, every third gas too."""
    electricity = mpan(_DISTRIBUTORS[number % len(_DISTRIBUTORS)], number)
    return {"mpans": [electricity], "mprns": [mprn(number)] if number % 3 == 0 else []}


def some_needs(chance: random.Random) -> list[dict[str, Any]]:
    lasting = [code for code, category in categories().items() if not category.temporary]
    return [{"code": code} for code in sorted(chance.sample(lasting, chance.randrange(1, 4)))]


async def change_something(world: World, chance: random.Random) -> None:
    """One random thing happens to one account. A home that another account has is refused."""
    number = chance.randrange(ACCOUNTS)
    known = await world.store.get(world.store.registration_id(world.account_id(number)))
    basis = chance.choices(["explicit_consent", "none"], [4, 1])[0]
    consented = consent("2026-01-01", "call 1")
    consented["capture"]["captured_at"] = f"2026-01-01T09:00:00.{chance.randrange(10**6):06}Z"
    changes: dict[str, Any] = {
        "needs": some_needs(chance),
        "sharing": consented | {"basis": basis},
        "primary_contact": {"name": f"Person {number} {chance.randrange(100)}", "phones": []},
        "supply_points": home(chance.randrange(_HOMES)),
    }
    live = known is not None and known.registration.status.live
    if live and chance.random() < 0.3:
        await world.withdraw(number)
        return
    if known is not None and live and chance.random() < 0.6:
        changes["supply_points"] = known.registration.supply_points.model_dump()
    if chance.random() < 0.1:
        changes |= {"status": "pending", "needs": []}
    try:
        await world.submit(number, **changes)
    except SupplyPointHeld:
        return


async def wanted(world: World) -> Held:
    """The data that the networks should have according to the register, without the sent files."""
    held: Held = {}
    for stored in await world.documents.page("registrations"):
        registration = RegistrationState.model_validate_json(stored.state).registration
        for point in registration.supply_points.all():
            for recipient in recipients_of(point, registration.premises.postcode):
                if recipient.recipient_id != UNROUTABLE and why_withheld(registration, recipient) is None:
                    codes = tuple(str(need.code) for need in registration.needs)
                    held[recipient.recipient_id, point] = (registration.primary_contact.name, codes)
    return held


async def live_through(world: World, days: int, chance: random.Random) -> None:
    """Each day has changes; in some nights the schedule fails, and the next one makes up for it."""
    expected: dict[str, Held] = {}
    networks: Held = {}
    applied: set[str] = set()
    for day in (FIRST_DAY + timedelta(days=number) for number in range(days)):
        if day > FIRST_DAY:
            world.at(f"{day} 09:00")
        for _ in range(chance.choices([0, 1, 3, 8], [1, 2, 3, 2])[0]):
            await change_something(world, chance)
        expected[f"{day}"] = await wanted(world)
        if chance.random() < 0.15 and day != FIRST_DAY + timedelta(days=days - 1):
            continue
        await world.schedule(f"{day + timedelta(days=1)} 02:05")
        for due in sorted(set(expected) - applied):
            for name, content in world.files(f"{due}/r1/").items():
                apply_file(networks, name, content)
            assert networks == expected[due], due
            applied.add(due)
    assert len(applied) == days
    assert {receiver for receiver, _ in networks} <= set(recipients())
    assert Mpan(mpan("39", 2)) not in {point for _, point in networks}


@pytest.mark.parametrize(("days", "seed"), [pytest.param(15, 1, id="15 days")])
async def test_files_applied_in_order_give_what_the_register_wants(
    emulators: Layout,  # noqa: ARG001
    tmp_path: Path,
    days: int,
    seed: int,
) -> None:
    world = World(tmp_path, FIRST_DAY, PSR_HOLD_SUPPLY_POINTS="100000", PSR_HOLD_DELETES="100000")
    await live_through(world, days, random.Random(seed))


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2))
async def test_files_of_365_days_applied_in_order_give_what_the_register_wants(
    emulators: Layout,  # noqa: ARG001
    tmp_path: Path,
    seed: int,
) -> None:
    world = World(tmp_path, FIRST_DAY, PSR_HOLD_SUPPLY_POINTS="100000", PSR_HOLD_DELETES="100000")
    await live_through(world, 365, random.Random(seed))
