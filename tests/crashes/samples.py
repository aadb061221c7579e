"""Customers and messages about them, and the steps that operations are made of."""

import json
from collections.abc import Callable
from typing import Any

from shared.store.quarantine_records import event_record_id
from tests.crashes.world import World, london, push, scheduled
from tests.support.forks import Call, Work
from tools.local.sample import mpan, mprn
from tools.synthetic import event

Step = Callable[[World], None]

MORNING = "2026-11-23 08:00"
_SOURCE = "//old"
#: Larger than a document of the quarantine can be.
_LARGE = 1_000_000


def account(number: int, **changes: Any) -> dict[str, Any]:
    """A customer whose electricity distributor and gas shipper receive their needs."""
    submitted = {
        "account_id": f"A-{number}",
        "supply_points": {"mpans": [mpan("10", number)], "mprns": [mprn(number)]},
        "premises": {"address_lines": [f"{number} Test Street", "Testtown"], "postcode": "BS1 4DJ"},
        "primary_contact": {"name": f"Person {number}", "phones": ["07700900123"]},
        "needs": [{"code": "02"}],
        "sharing": {"basis": "explicit_consent", "recorded_on": "2026-01-01", "evidence": "call 1"},
    }
    return submitted | changes


def migrated(number: int, event_id: str = "migrated", at: str = MORNING, **changes: Any) -> bytes:
    """A migrated record."""
    return _message("customer.migrated", number, f"{event_id} {number}", at, account(number, **changes))


def closed(number: int, at: str = "2026-11-23 08:10", last_day: str = "2026-11-22") -> bytes:
    """An event that ends a registration after a day."""
    return _message("account.closed", number, f"closed {number}", at, {"closed_on": last_day})


def moved(number: int, to: int, event_id: str = "moved", at: str = "2026-11-23 08:30") -> bytes:
    """An event that moves an account to the supply points of another."""
    home = {
        "supply_points": {"mpans": [mpan("10", to)], "mprns": [mprn(to)]},
        "premises": {"address_lines": [f"{to} Test Street", "Testtown"], "postcode": "BS1 4DJ"},
    }
    return _message("account.moved_home", number, f"{event_id} {number}", at, home)


def large(message: bytes) -> bytes:
    """The same message, too large for a document."""
    return message[:-1] + b" " * _LARGE + message[-1:]


def wrong(message: bytes) -> bytes:
    """The same message with a field that no model has."""
    content = json.loads(message)
    return json.dumps(content | {"data": content["data"] | {"shoe_size": 42}}).encode()


def record_of(message: bytes) -> str:
    """The id of the quarantine record that a message has if it cannot be applied."""
    content = json.loads(message)
    return event_record_id(content["source"], content["id"], message)


def delivered(message: bytes) -> Call:
    """A delivery of a message to the function that takes it."""
    kind = json.loads(message)["type"]
    return push("consume_migration" if "migrated" in kind else "consume_account_events", message)


def at(time: str) -> Step:
    """Let the clock jump to a London time."""
    return lambda world: world.at(time)


def do(work: Work) -> Step:
    """Do a piece of work."""
    return lambda world: world.do(work)


def send(*messages: bytes) -> Step:
    """Deliver messages, each to the function that takes it."""

    def step(world: World) -> None:
        for message in messages:
            world.do(delivered(message))

    return step


def migrate(*numbers: int, **changes: Any) -> Step:
    """Register accounts."""
    return send(*(migrated(number, **changes) for number in numbers))


def deliver(world: World) -> None:
    """Deliver the published messages, and the resulting ones."""
    world.do_mail()


def deliver_all_but_one(world: World) -> None:
    """Deliver the published messages except the last."""
    while len(world.mail) > 1:
        world.do(world.take())


def run(function: str, slot: str) -> Step:
    """One run of the schedule at a London time, and the resulting messages."""

    def step(world: World) -> None:
        world.at(slot)
        world.do(scheduled(function, slot))
        world.do_mail()

    return step


def _message(kind: str, number: int, event_id: str, at: str, data: dict[str, Any]) -> bytes:
    return json.dumps(event(kind, f"A-{number}", london(at), _SOURCE, event_id, data)).encode()
