"""Nothing is lost and nothing is done twice while consumers die and Firestore does not answer."""

import asyncio
import json
import random
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import httpx
import pytest

from shared.digest import digest
from shared.domain.registration import AccountId
from shared.store.documents import Documents
from tests.support.events import customer, new_mpan
from tests.support.proxied_stack import ProxiedStack
from tools.firestore_proxy import Fault
from tools.local.stack import Stack
from tools.local.wiring import publisher
from tools.synthetic import event

BEGIN = datetime(2026, 10, 1, 9, tzinfo=UTC)
CONSUMERS = ("consume_migration", "consume_account_events")
_MINUTE = timedelta(minutes=1)


class Account(NamedTuple):
    """The events of an account, in their true order, and its expected end."""

    messages: list[dict[str, Any]]
    status: str
    name: str
    mpans: list[str]


class Load(NamedTuple):
    """Messages by topic in the order of publishing, and their expected outcomes."""

    name: str
    messages: list[tuple[str, bytes]]
    accounts: dict[str, Account]
    distinct: set[str]
    poison: set[str]
    nameless: int


def account(number: int, source: str, chance: random.Random) -> Account:
    """A migrated customer; some migrated again later, some closed, gaining or losing a supply point."""
    name, mpans = f"{source[2:]}-{number}", [new_mpan()]
    at = BEGIN + number * _MINUTE
    data = customer(name, list(mpans), ["02"], "Name 1")
    messages = [event("customer.migrated", name, at, source, f"{number}-1", data)]
    final, status = "Name 1", "active"
    for step in range(2, 2 + chance.randrange(3)):
        at += timedelta(seconds=1)
        event_id = f"{number}-{step}"
        kind = chance.choice(("migrated", "gained", "lost", "closed"))
        if kind == "migrated":
            final, status = f"Name {step}", "active"
            mpans = mpans or [new_mpan()]
            messages.append(
                event("customer.migrated", name, at, source, event_id, customer(name, list(mpans), ["08"], final))
            )
        elif kind == "closed":
            status, mpans = "ended", []
            messages.append(event("account.closed", name, at, source, event_id, {"closed_on": "2026-10-01"}))
        elif status == "active":
            point = new_mpan() if kind == "gained" or not mpans else mpans[0]
            mpans = [*mpans, point] if kind == "gained" else [mpan for mpan in mpans if mpan != point]
            data = {"supply_points": {"mpans": [point]}}
            messages.append(event(f"account.supply_{kind}", name, at, source, event_id, data))
    return Account(messages, status, final, sorted(mpans))


def poison(number: int, source: str) -> bytes:
    """A message that can never be applied, in one of eight ways."""
    name = f"{source[2:]}-P-{number}"
    data = customer(name, [new_mpan()], ["02"])
    right = event("customer.migrated", name, BEGIN, source, f"poison-{number}", data)
    wrong_mpan = data | {"supply_points": {"mpans": [data["supply_points"]["mpans"][0][:-1] + "x"]}}
    return (
        b"{not JSON",
        b"[" * 10_000,
        json.dumps(right | {"type": "uk.psr.customer.merged.v1"}).encode(),
        json.dumps(right | {"data": wrong_mpan}).encode(),
        json.dumps(right | {"data": data | {"needs": [{"code": "10"}]}}).encode(),
        json.dumps(right | {"data": data | {"colour": "blue"}}).encode(),
        json.dumps(right | {"subject": "somebody-else"}).encode(),
        json.dumps(right | {"data": data | {"needs": [{"code": "33"}]}}).encode(),
    )[number % 8]


def load(count: int, seed: int) -> Load:
    """`count` messages: 2 % poison, and of the rest every tenth twice, all shuffled."""
    chance = random.Random(seed)
    source = f"//old-platform-{seed}"
    accounts: dict[str, Account] = {}
    events: list[dict[str, Any]] = []
    while len(events) < count * 88 // 100:
        made = account(len(accounts), source, chance)
        accounts[made.messages[0]["subject"]] = made
        events += made.messages
    encoded = [(_topic(message), json.dumps(message).encode()) for message in events]
    bad = [poison(number, source) for number in range(count * 2 // 100)]
    messages = encoded + chance.sample(encoded, count // 10) + [("psr-customer-migration", data) for data in bad]
    chance.shuffle(messages)
    named = [data for data in bad if data.startswith(b'{"')]
    return Load(
        f"load-{seed}",
        messages,
        accounts,
        {digest(message["source"], message["id"]) for message in events},
        {digest(source, json.loads(data)["id"], sha256(data).hexdigest()) for data in named},
        len(bad) - len(named),
    )


def _topic(message: dict[str, Any]) -> str:
    return "psr-customer-migration" if message["type"] == "uk.psr.customer.migrated.v1" else "psr-account-events"


def publish(stack: Stack, made: Load) -> None:
    with publisher(stack.layout) as client:
        for begin in range(0, len(made.messages), 200):
            for topic in ("psr-customer-migration", "psr-account-events"):
                part = [data for named, data in made.messages[begin : begin + 200] if named == topic]
                batch = [{"data": data, "attributes": {"load": made.name}} for data in part]
                if batch:
                    client.publish(topic=f"projects/{stack.layout.project}/topics/{topic}", messages=batch)


async def documents_of(documents: Documents, made: Load) -> tuple[list[str], dict[str, str]]:
    """The event part of every change's id, and the status of every quarantine record by id; of this load only."""
    changes = [change.document_id[37:] async for page in documents.pages("changes", fields=["kind"]) for change in page]
    kept = [record async for page in documents.pages("quarantine") for record in page]
    own = [record for record in kept if json.loads(record.state)["attributes"].get("load") == made.name]
    return [change for change in changes if change in made.distinct], {
        record.document_id: str(record.fields["status"]) for record in own
    }


async def settled(proxied: ProxiedStack, made: Load, seconds: float) -> tuple[list[str], dict[str, str]]:
    """Wait until every distinct event has its document, trying what is parked again as the schedule does."""
    until = time.monotonic() + seconds
    while True:
        changes, kept = await documents_of(proxied.documents, made)
        open_records = {record for record, status in kept.items() if status not in ("resolved", "discarded")}
        if len(changes) + len(open_records) == len(made.distinct) + len(made.poison) + made.nameless and (
            "parked" not in kept.values()
        ):
            return changes, {record: status for record, status in kept.items() if record in open_records}
        assert time.monotonic() < until, (len(changes), len(open_records), "messages were lost, or are not done yet")
        if "parked" in kept.values():
            # As if it were tomorrow, so that all that is parked is due; then time for the consumers to try it.
            slot = proxied.stack.clock.now() + timedelta(days=1)
            async with httpx.AsyncClient(timeout=60) as client:
                headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()}
                await client.post(proxied.stack.function_url("replay_parked"), headers=headers)
            await asyncio.sleep(len(kept) / 50)
        await asyncio.sleep(1)


@pytest.mark.parametrize(
    ("count", "kills", "outage_seconds"),
    [(150, 4, 2), pytest.param(5000, 40, 10, marks=pytest.mark.soak)],
    ids=["150 messages", "5,000 messages"],
)
async def test_each_distinct_event_has_one_document_after_kills_and_an_outage(
    count: int, kills: int, outage_seconds: int, proxied: ProxiedStack
) -> None:
    made = load(count, seed=count)
    stack = proxied.stack
    publish(stack, made)
    for second in range(kills):
        stack.kill(CONSUMERS[second % len(CONSUMERS)])
        away = kills // 2 <= second < kills // 2 + outage_seconds
        proxied.proxy.fault = (lambda _: Fault.REFUSED) if away else (lambda _: None)
        await asyncio.sleep(1)
        stack.restart(CONSUMERS[second % len(CONSUMERS)])
    proxied.proxy.fault = lambda _: None

    changes, kept = await settled(proxied, made, seconds=60 + count / 20)

    assert sorted(changes) == sorted(made.distinct)
    assert made.poison <= kept.keys()
    assert len(kept) == len(made.poison) + made.nameless
    for name, account in made.accounts.items():
        state = await proxied.registrations.get(proxied.registrations.registration_id(AccountId(name)))
        assert state is not None
        registration = state.registration
        held = sorted(registration.supply_points.mpans)
        assert (registration.status, registration.primary_contact.name, held) == (
            account.status,
            account.name,
            account.mpans,
        )
