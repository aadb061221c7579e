"""Quarantined messages in access requests and erasures: those about the account, and nobody else's."""

import json
import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.clock import london_day
from shared.domain.registration import AccountId, RegistrationId
from shared.errors import NotFound
from shared.flows.erasure import Erasure
from shared.settings import settings
from shared.store.operator_actions import OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import event_record_id
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import event, registration

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
OLD_PLATFORM = "//old-platform/customers"


@pytest.fixture(scope="module")
def agent(stack: Stack) -> Caller:
    return Caller(stack, "agent", scope=ALL_SCOPES)


@pytest.fixture
def unique() -> str:
    return uuid.uuid4().hex[:8]


def wrong_record(account_id: str, name: str, mpan: str | None = None) -> bytes:
    """A migrated record with a need that the table of words lacks: it is held."""
    data = {**customer(account_id, [mpan or new_mpan()], ["02"], name), "needs": [{"legacy": "flux capacitor"}]}
    return json.dumps(event("customer.migrated", account_id, AT, OLD_PLATFORM, account_id, data)).encode()


def held(push: Push, message: bytes) -> str:
    """Let a consumer put a message into quarantine; the record's id."""
    assert push("consume_migration", message) == 204
    content = json.loads(message)
    return event_record_id(content["source"], content["id"], message)


def subject(command: str, account_id: str, *more: str) -> subprocess.CompletedProcess[str]:
    return psr("subject", command, account_id, "--reason", "ticket 1", *more)


def shown(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The quarantined messages of an access request, by record."""
    assert done.returncode == 0, done.stderr
    return [message["record_id"] for message in json.loads(done.stdout)["messages"]]


def id_of(account_id: str) -> RegistrationId:
    return service().part(Registrations).registration_id(AccountId(account_id))


async def messages_of(account_id: str) -> list[str]:
    return [record.record_id for record in (await Erasure(service()).subject(id_of(account_id))).messages]


async def content(record_id: str) -> bytes | None:
    try:
        return await service().part(Quarantine).data((await service().part(Quarantine).get(record_id)).message)
    except NotFound:
        return None


async def test_messages_of_a_longer_number_and_of_the_next_occupant_are_other_peoples(
    push: Push, agent: Caller, unique: str
) -> None:
    first, longer, next_one, home = f"A-{unique}1", f"A-{unique}10", f"B-{unique}", new_mpan()
    agent.create(registration(account_id=first, supply_points={"mpans": [home], "mprns": []}))
    own = held(push, wrong_record(first, "Alice Leaver"))
    others = [held(push, wrong_record(longer, "Bob Ventilator")), held(push, wrong_record(next_one, "Carol", home))]

    assert shown(subject("export", first)) == [own]
    done = subject("erase", first)

    assert "1 quarantined messages overwritten" in done.stdout
    assert await content(own) is None
    assert None not in [await content(other) for other in others]


async def test_retention_of_one_leaves_the_message_of_the_next_occupant(
    push: Push, agent: Caller, unique: str, stack: Stack
) -> None:
    account_id, home = f"O-{unique}", new_mpan()
    created = agent.create(registration(account_id=account_id, supply_points={"mpans": [home], "mprns": []}))
    registration_id = created.json()["registration_id"]
    agent.withdraw(registration_id, created.headers["ETag"])
    own = held(push, wrong_record(account_id, "Olga Former"))
    other = held(push, wrong_record(f"N-{unique}", "Nina Ventilator", home))

    over = london_day(stack.clock.now()) + timedelta(days=settings().ended_kept_days)
    done = await Erasure(service()).erase_due(registration_id, over)

    assert done is not None
    assert done.messages == 1
    assert (await content(own), await content(other) is None) == (None, False)


async def test_a_number_is_found_however_json_writes_it(push: Push, agent: Caller, unique: str) -> None:
    account_id = f"S/{unique}"
    agent.create(registration(account_id=account_id))
    escaped = held(push, wrong_record(account_id, "Sally Slash").replace(b"/", b"\\/"))
    assert await messages_of(account_id) == [escaped]
    await Erasure(service()).erase(id_of(account_id), "operator")
    assert await content(escaped) is None


async def test_a_wrong_message_about_someone_who_was_erased_before_can_be_erased(
    push: Push, agent: Caller, unique: str
) -> None:
    account_id = f"E-{unique}"
    agent.create(registration(account_id=account_id))
    await Erasure(service()).erase(id_of(account_id), "operator")
    late = held(push, wrong_record(account_id, "Eve Late"))
    assert await messages_of(account_id) == [late]
    assert (await Erasure(service()).erase(id_of(account_id), "operator")).messages == 1
    assert await content(late) is None


async def test_an_account_that_the_register_does_not_know_is_erased_only_if_the_operator_means_it(
    push: Push, agent: Caller, unique: str
) -> None:
    account_id, mistyped = f"Z-{unique}", f"Z-{unique}-typo"
    registration_id = id_of(mistyped)
    record = held(push, wrong_record(mistyped, "Zoe Backlog"))

    refused = subject("erase", mistyped)

    assert (refused.returncode, await service().part(Registrations).get(registration_id)) == (2, None)
    assert "The register does not know this account." in refused.stdout
    assert await content(record) is not None
    assert await service().part(OperatorActions).on(registration_id) == []

    meant = subject("erase", mistyped, "--yes")

    assert meant.returncode == 0, meant.stderr
    assert await content(record) is None
    assert [action.action for action in await service().part(OperatorActions).on(registration_id)] == ["erased"]
    backlog = customer(mistyped, [new_mpan()], ["02"], "Zoe Backlog")
    assert push("consume_migration", event("customer.migrated", mistyped, AT, OLD_PLATFORM, unique, backlog)) == 204
    assert agent.get(registration_id).status_code == 410
    assert agent.changes(registration_id).status_code == 410
    assert agent.create(registration(account_id=mistyped)).json()["version"] == 1
    assert agent.look_up(account_id=account_id).status_code == 404


async def test_a_message_that_names_no_account_or_two_is_listed_for_a_person_to_judge(
    push: Push, agent: Caller, unique: str
) -> None:
    account_id = f"U-{unique}"
    agent.create(registration(account_id=account_id))
    nameless = await _unreadable(push, f"not JSON, about {account_id}".encode(), unique)
    both: dict[str, Any] = event("customer.migrated", account_id, AT, OLD_PLATFORM, unique, {"account_id": "V-1"})
    mixed = held(push, json.dumps(both).encode())

    listed = subject("export", account_id)
    assert shown(listed) == []
    assert {nameless, mixed} <= set(listed.stderr.split())
    assert (await Erasure(service()).erase(id_of(account_id), "operator")).ambiguous == (mixed,)
    assert None not in [await content(nameless), await content(mixed)]

    assert shown(subject("export", account_id, "--message", nameless)) == [nameless]
    done = subject("erase", account_id, "--message", nameless)
    assert "1 quarantined messages overwritten" in done.stdout
    assert nameless not in done.stderr
    assert (await content(nameless), await content(mixed) is None) == (None, False)
    assert [action.action for action in await service().part(OperatorActions).on(nameless)] == ["exported", "erased"]


async def _unreadable(push: Push, data: bytes, marker: str) -> str:
    before = {record.record_id async for page in service().part(Quarantine).unreadable() for record in page}
    assert push("consume_migration", data, marker=marker) == 204
    after = {record.record_id async for page in service().part(Quarantine).unreadable() for record in page}
    (new,) = after - before
    return new


def test_a_record_to_erase_must_exist(agent: Caller, unique: str) -> None:
    account_id = f"W-{unique}"
    created = agent.create(registration(account_id=account_id)).json()
    done = subject("erase", account_id, "--message", "0" * 40)
    assert (done.returncode, f"there is no quarantine record {'0' * 40}" in done.stderr) == (1, True)
    assert agent.get(created["registration_id"]).status_code == 200, "nothing is done before everything is clear"


def test_a_slot_in_the_future_is_refused(stack: Stack) -> None:
    """The clock that is wrong may be the scheduler's or ours: nobody is erased before their time."""
    slot = {"X-CloudScheduler-ScheduleTime": (stack.clock.now() + timedelta(days=731)).isoformat()}
    answer = httpx.post(stack.function_url("erase_ended"), headers=slot, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/clock-out-of-step")
