"""Quarantine records whose messages are published again, on the whole stack."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ops import quarantine as ops_quarantine
from ops import schedule
from ops.record_ids import short
from shared.domain.delivery import REPLAY_OF
from shared.domain.registration import AccountId
from shared.settings import settings
from shared.store.objects import Buckets
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus, Record, event_record_id
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.local.stack import Stack
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)


def new_account() -> str:
    return f"R-{uuid.uuid4().hex}"


def gained(account_id: str, **changes: Any) -> bytes:
    """An event that applies once the account is registered."""
    data = {"supply_points": {"mpans": [new_mpan()]}}
    return json.dumps(event("account.supply_gained", account_id, AT, "//accounts", new_mpan(), data) | changes).encode()


def migrated(account_id: str) -> bytes:
    data = customer(account_id, [new_mpan()], ["02"])
    return json.dumps(
        event("customer.migrated", account_id, AT - timedelta(days=1), "//old", new_mpan(), data)
    ).encode()


async def record(data: bytes) -> Record:
    message = json.loads(data)
    return await service().part(Quarantine).get(event_record_id(message["source"], message["id"], data))


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - Firestore is asked, nothing can wake us
            await asyncio.sleep(0.1)


async def until_status(data: bytes, status: str, attempts: int = 1) -> Record:
    """The record of a message once it has this status after so many attempts."""

    async def reached() -> bool:
        now = await record(data)
        return now.status == status and now.attempts >= attempts

    await until(reached)
    return await record(data)


def dead_letter(stack: Stack, data: bytes, consumer: str, **attributes: str) -> None:
    """Pub/Sub gives a message up and delivers it to the function that keeps those."""
    attributes |= {
        "CloudPubSubDeadLetterSourceSubscription": consumer,
        "CloudPubSubDeadLetterSourceDeliveryCount": "20",
    }
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": uuid.uuid4().hex,
        "publishTime": "2026-11-24T08:00:00Z",
        "attributes": attributes,
    }
    body = {"subscription": "projects/p/subscriptions/quarantine-dead-letters", "message": message}
    answer = httpx.post(stack.function_url("quarantine_dead_letters"), json=body, timeout=60)
    assert answer.status_code == 204


def replay_parked(stack: Stack, later: timedelta = timedelta(days=1)) -> dict[str, int]:
    """A run of the job at a time when everything is due."""
    slot = {"X-CloudScheduler-ScheduleTime": (stack.clock.now() + later).isoformat()}
    answer = httpx.post(stack.function_url("replay_parked"), headers=slot, timeout=60)
    assert answer.status_code == 200
    return dict(answer.json())


async def test_a_dead_letter_of_a_replay_does_not_resolve_its_record(stack: Stack, push: Push) -> None:
    data = gained(new_account())
    assert push("consume_account_events", data) == 204
    parked = await record(data)
    assert parked.status is QuarantineStatus.PARKED

    dead_letter(stack, data, "consume-account-events", **{REPLAY_OF: parked.record_id})

    kept = await record(data)
    assert (kept.status, kept.reason, kept.attempts) == (QuarantineStatus.FAILED, "given-up", 2)


async def test_a_dead_letter_that_is_parked_after_a_replay_is_tried_until_it_applies(stack: Stack, push: Push) -> None:
    account_id = new_account()
    data = gained(account_id)
    dead_letter(stack, data, "consume-account-events")
    kept = await record(data)
    assert (kept.status, kept.message.topic) == (QuarantineStatus.FAILED, None)

    assert psr("quarantine", "replay", kept.record_id, "--reason", "the outage is over").returncode == 0
    await until_status(data, "parked")

    assert push("consume_migration", migrated(account_id)) == 204
    replay_parked(stack)
    await until_status(data, "resolved")
    state = (
        await service().part(Registrations).get(service().part(Registrations).registration_id(AccountId(account_id)))
    )
    assert state is not None
    assert len(state.registration.supply_points.mpans) == 2


async def test_a_replay_about_somebody_erased_resolves_its_record_and_erases_it(stack: Stack, push: Push) -> None:
    account_id = new_account()
    data = migrated(account_id)
    assert push("consume_migration", data) == 204
    assert psr("subject", "erase", account_id, "--reason", "request 1").returncode == 0
    dead_letter(stack, data, "consume-migration")
    kept = await record(data)
    assert kept.status is QuarantineStatus.FAILED

    assert psr("quarantine", "replay", kept.record_id, "--reason", "the outage is over").returncode == 0

    resolved = await until_status(data, "resolved")
    assert (resolved.message.erased, resolved.message.data) == (True, None)


async def test_a_message_whose_data_is_gone_stops_no_other(stack: Stack, push: Push) -> None:
    whole, gone = gained(new_account()), gained(new_account(), padding="x" * 1_000_000)
    full = gained(new_account())
    for data in (whole, gone):
        assert push("consume_account_events", data) == 204
    # With the two that replaying adds, more than Pub/Sub takes.
    assert push("consume_account_events", full, **{f"attribute-{number}": "x" for number in range(100)}) == 204
    stored_as = (await record(gone)).message.stored_as
    assert stored_as is not None
    await service().part(Buckets).get(str(settings().quarantine_bucket)).delete(stored_as)

    assert replay_parked(stack)["not_replayed"] == 1
    await until_status(whole, "parked", attempts=2)
    await until_status(full, "parked", attempts=2)
    assert (await record(gone)).attempts == 1

    old = replay_parked(stack, timedelta(days=settings().parked_days + 1))
    assert old["failed"] >= 3
    assert [(await record(data)).status for data in (whole, gone, full)] == ["failed"] * 3


async def test_an_operators_replay_of_many_names_each_that_failed(push: Push) -> None:
    """One erased, one whose data is gone, one whole."""
    wrong = f"wrong_{uuid.uuid4().hex[:8]}"
    erased, gone, whole = (gained(new_account(), type=wrong, padding=padding) for padding in ("", "x" * 1_000_000, ""))
    for data in (erased, gone, whole):
        assert push("consume_account_events", data) == 204
    records = [await record(data) for data in (erased, gone, whole)]
    await service().part(Quarantine).erase(records[0].record_id)
    await service().part(Buckets).get(str(settings().quarantine_bucket)).delete(records[1].record_id)
    before = [await service().part(Quarantine).get(one.record_id) for one in records]

    done = psr("quarantine", "replay", *(one.record_id for one in records), "--reason", "r")

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "1 published again. `psr quarantine list` shows which came back.",
        f"{short(records[0].record_id)}: the message was erased; there is nothing to publish",
        f"{short(records[1].record_id)}: its data is not in the bucket; discard it",
    ]
    assert done.stderr == "error: 2 could not be published again; see above\n"
    await until_status(whole, "failed", attempts=2)
    assert [await service().part(Quarantine).get(one.record_id) for one in records[:2]] == before[:2]
    shown = [await ops_quarantine._content(one.message, reveal=False) for one in before[:2]]
    assert shown == ["(erased)", "(its data is not in the bucket)"]
    erased_ones = [
        one.record_id for one in await ops_quarantine._with_problem(QuarantineStatus.DISCARDED, None) if one.erased
    ]
    assert records[0].record_id in erased_ones


@pytest.fixture
def every_minute(stack: Stack) -> Iterator[None]:  # noqa: ARG001 - it runs first
    """The job runs by its schedule, as the clock does."""
    schedule.resume("replay_parked")
    yield
    schedule.pause("replay_parked")


@pytest.fixture
async def fast(stack: Stack) -> AsyncIterator[None]:
    """The clock runs six times as fast."""

    async def run() -> None:
        while True:
            await asyncio.sleep(0.2)
            stack.clock.jump_to(stack.clock.now() + timedelta(seconds=1))

    running = asyncio.create_task(run())
    yield
    running.cancel()


@pytest.mark.parametrize(
    "early", [pytest.param(2, marks=pytest.mark.soak), 20, pytest.param(55, marks=pytest.mark.soak)]
)
@pytest.mark.usefixtures("every_minute", "fast")
async def test_an_event_that_comes_before_its_registration_applies_within_a_minute_of_it(
    early: int, stack: Stack, push: Push
) -> None:
    account_id = new_account()
    data = gained(account_id)
    minute = stack.clock.now().replace(second=0, microsecond=0)
    arrives = minute + timedelta(seconds=80)
    stack.clock.jump_to(arrives)
    assert push("consume_account_events", data) == 204
    while stack.clock.now() < arrives + timedelta(seconds=early):  # noqa: ASYNC110 - the clock is a file
        await asyncio.sleep(0.05)
    assert push("consume_migration", migrated(account_id)) == 204
    registered = stack.clock.now()

    await until_status(data, "resolved")

    resolved = (await record(data)).last_seen
    assert resolved - registered < timedelta(minutes=1)
