"""Quarantine records: their accounts, their retries, and their state after an interruption."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import GoogleAPICallError

from shared.domain.delivery import REPLAY_OF, Delivery
from shared.domain.registration import AccountId
from shared.errors import GivenUp, InvalidContent, NotFound, Problem, RegistrationUnknown, Unavailable
from shared.settings import settings
from shared.store.objects import Bucket, Buckets
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus, event_record_id
from shared.store.service import service
from tests.support.events import customer, new_mpan
from tests.support.register_world import World, london
from tools.firestore_proxy import Fault, FirestoreProxy
from tools.local.layout import Layout
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
LARGE = "x" * 1_000_000


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    world = World(tmp_path)
    world.clock.still = london("2026-11-23 09:00")
    return world


@pytest.fixture
def quarantine(world: World) -> Quarantine:
    return world.service.part(Quarantine)


def objects() -> Bucket:
    return service().part(Buckets).get(str(settings().quarantine_bucket))


def migrated(account_id: str, **changes: Any) -> bytes:
    """A migrated customer with a supply point and extra attributes of its own."""
    data = customer(account_id, [new_mpan()], ["02"])
    return json.dumps(event("customer.migrated", account_id, AT, "//old", new_mpan(), data) | changes).encode()


def delivery(data: bytes, **attributes: str) -> Delivery:
    return Delivery("psr-customer-migration", "consume-migration", "1", AT, attributes, data, 1)


def id_of(data: bytes) -> str:
    message = json.loads(data)
    return event_record_id(message["source"], message["id"], data)


async def kept(quarantine: Quarantine, data: bytes, problem: Problem | None = None) -> str:
    await quarantine.put(delivery(data), problem or InvalidContent())
    return id_of(data)


async def about(quarantine: Quarantine, world: World, account_id: str) -> set[str]:
    found = await quarantine.about(world.identity.registration_id(AccountId(account_id)))
    return {record.record_id for record in found}


async def test_messages_are_found_by_the_account_that_they_name_and_by_nothing_else(
    world: World, quarantine: Quarantine
) -> None:
    own = customer("A-1", [new_mpan()], ["02"])
    about_it = [
        migrated("A-1"),
        migrated("A-1", subject=7),
        migrated("A-1", subject="somebody-else"),
        json.dumps(event("account.closed", "A-1", AT, "//accounts", "1", {"closed_on": "2026-10-01"})).encode(),
    ]
    about_others = [
        migrated("A-10"),
        migrated("B-1", data=customer("B-1", own["supply_points"]["mpans"], ["02"])),
        migrated("B-2", data=customer("B-2", [new_mpan()], ["02"], name="Mrs A-1")),
        b'"A-1"',
        b"A-1 as text",
    ]
    expected = {await kept(quarantine, data) for data in about_it}
    for number, data in enumerate(about_others):
        await quarantine.put(delivery(data)._replace(message_id=f"other-{number}"), InvalidContent())

    assert await about(quarantine, world, "A-1") == expected
    assert len(await about(quarantine, world, "A-10")) == 1
    assert await about(quarantine, world, "A-2") == set()


async def test_an_account_is_found_however_json_writes_its_number(world: World, quarantine: Quarantine) -> None:
    data = migrated("S/1").replace(b"/", b"\\/").replace(b'"S', b'"\\u0053')
    assert b"S/1" not in data
    record_id = await kept(quarantine, data)
    assert await about(quarantine, world, "S/1") == {record_id}


NAMING_NOBODY = {
    "not JSON": b"Mrs A Example",
    "not UTF-8": b'{"subject": "A-1\xff"}',
    "no object": b'["A-1"]',
    "names no account": b'{"subject": 7, "data": {"name": "Mrs A Example"}}',
    "empty": b"",
}


async def test_a_message_without_an_account_is_listed_for_a_person_until_it_is_settled(quarantine: Quarantine) -> None:
    for name, data in NAMING_NOBODY.items():
        await quarantine.put(delivery(data)._replace(message_id=name), InvalidContent())
    await kept(quarantine, migrated("A-1"))

    async def listed() -> list[str]:
        return [record.message.message_id async for page in quarantine.unreadable() for record in page]

    assert set(await listed()) == set(NAMING_NOBODY)
    discarded, erased, *_ = [record.record_id async for page in quarantine.unreadable() for record in page]
    await quarantine.discard(discarded)
    await quarantine.erase(erased)
    assert len(await listed()) == len(NAMING_NOBODY) - 2


@pytest.mark.parametrize("padding", ["", LARGE], ids=["small", "large"])
async def test_an_erased_message_stays_erased_when_it_arrives_again(
    world: World, quarantine: Quarantine, padding: str
) -> None:
    data = migrated("A-1", padding=padding)
    record_id = await kept(quarantine, data)
    await quarantine.erase(record_id)
    before = await quarantine.get(record_id)
    assert (before.message.erased, before.message.stored_as, before.message.data) == (True, None, None)
    assert await about(quarantine, world, "A-1") == set()

    await quarantine.put(delivery(data), GivenUp())

    after = await quarantine.get(record_id)
    assert after == before._replace(attempts=before.attempts + 1, last_seen=after.last_seen)
    assert await objects().get(record_id) is None
    with pytest.raises(NotFound):
        await quarantine.data(after.message)


async def test_a_large_message_that_is_discarded_is_not_uploaded_again(quarantine: Quarantine) -> None:
    data = migrated("A-1", padding=LARGE)
    record_id = await kept(quarantine, data)
    await quarantine.discard(record_id)
    await objects().delete(record_id)
    assert await kept(quarantine, data) == record_id
    assert await objects().get(record_id) is None
    assert (await quarantine.get(record_id)).status is QuarantineStatus.DISCARDED


async def test_a_redelivery_writes_the_object_that_is_missing(quarantine: Quarantine) -> None:
    """As after a crash between the record and its object."""
    data = migrated("A-1", padding=LARGE)
    record_id = await kept(quarantine, data)
    await objects().delete(record_id)
    await kept(quarantine, data)
    assert await quarantine.data((await quarantine.get(record_id)).message) == data


@pytest.fixture
def proxy(emulators: Layout, monkeypatch: pytest.MonkeyPatch) -> Iterator[FirestoreProxy]:
    """Between what connects from now on and Firestore."""
    proxy = FirestoreProxy(emulators.emulators["firestore"])
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("fault", [Fault.NO_RIGHT, Fault.ANSWER_LATE])
@pytest.mark.parametrize(("padding", "calls_to_cut"), [("", 2), (LARGE, 4)], ids=["small", "large"])
async def test_erasing_can_be_interrupted_anywhere_and_repeated(
    proxy: FirestoreProxy, tmp_path: Path, fault: Fault, padding: str, calls_to_cut: int
) -> None:
    world = World(tmp_path)
    quarantine = world.service.part(Quarantine)
    registration_id = world.identity.registration_id(AccountId("A-1"))
    cut_points = 0
    while True:
        data = migrated("A-1", padding=padding)
        record_id = await kept(quarantine, data)
        calls = 0

        def cut_from_there(_method: str, cut: int = cut_points) -> Fault | None:
            nonlocal calls
            calls += 1
            return fault if calls > cut else None

        proxy.fault = cut_from_there
        try:
            await quarantine.erase(record_id)
        except (Unavailable, GoogleAPICallError):
            cut_points += 1
        else:
            break
        finally:
            proxy.fault = lambda _: None
        named = [record.record_id for record in await quarantine.about(registration_id)]
        record = await quarantine.get(record_id)
        assert (record_id in named) is not (record.message.erased and record.message.stored_as is None)
        await quarantine.erase(record_id)
        erased = await quarantine.get(record_id)
        assert (erased.message.erased, erased.message.stored_as) == (True, None)
        assert await quarantine.about(registration_id) == []
        assert await objects().get(record_id) is None
    assert cut_points == calls_to_cut


async def test_a_replay_that_is_dead_lettered_leaves_the_record_open(quarantine: Quarantine) -> None:
    record_id = await kept(quarantine, migrated("A-1"))
    data = await quarantine.data((await quarantine.get(record_id)).message)
    await quarantine.put(delivery(data, **{REPLAY_OF: record_id})._replace(topic=None), GivenUp())
    record = await quarantine.get(record_id)
    assert (record.status, record.reason, record.attempts) == (QuarantineStatus.FAILED, "given-up", 2)


async def test_an_event_belongs_to_its_own_record_with_any_attributes(quarantine: Quarantine) -> None:
    others = await kept(quarantine, migrated("A-1"))
    data = migrated("A-2")
    await quarantine.put(delivery(data, **{REPLAY_OF: others}), GivenUp())
    await quarantine.resolve(delivery(data, **{REPLAY_OF: others}))
    assert (await quarantine.get(others)).status is QuarantineStatus.FAILED
    assert (await quarantine.get(id_of(data))).status is QuarantineStatus.RESOLVED


async def test_data_that_is_not_an_event_is_counted_on_the_record_that_it_was_replayed_from(
    quarantine: Quarantine,
) -> None:
    await quarantine.put(delivery(b"no event"), InvalidContent())
    ((record,),) = [page async for page in quarantine.unreadable()]
    again = delivery(b"no event", **{REPLAY_OF: record.record_id})._replace(message_id="2")
    await quarantine.put(again, InvalidContent())
    ((counted,),) = [page async for page in quarantine.unreadable()]
    assert counted == record._replace(attempts=2)


async def test_parked_messages_are_tried_soon_at_first_and_less_often_later(
    world: World, quarantine: Quarantine
) -> None:
    """Each try comes after half of the time that the message has waited: 10 seconds at least, 6 hours at most."""
    data = migrated("A-1")
    parked = london("2026-11-23 09:00")
    tries = []
    record_id = await kept(quarantine, data, RegistrationUnknown())
    for _ in range(25):
        due = (await quarantine.get(record_id)).retry_at
        assert due is not None
        assert [page async for page in quarantine.due(due - timedelta(microseconds=1), limit=9)] == []
        ((one,),) = [page async for page in quarantine.due(due, limit=9)]
        assert one == (record_id, parked, due)
        tries.append(round((due - parked).total_seconds()))
        world.clock.still = due
        await kept(quarantine, data, RegistrationUnknown())
    assert tries[:9] == [10, 20, 30, 45, 68, 101, 152, 228, 342]
    assert [later - earlier for earlier, later in zip(tries[-4:], tries[-3:], strict=False)] == [6 * 3600] * 3


async def test_a_message_is_taken_to_be_tried_by_one_run_only(world: World, quarantine: Quarantine) -> None:
    record_id = await kept(quarantine, migrated("A-1"), RegistrationUnknown())
    at = london("2026-11-23 09:00") + timedelta(minutes=1)
    assert await quarantine.postpone(record_id, at - timedelta(minutes=1)) is None
    taken = await quarantine.postpone(record_id, at)
    assert taken is not None
    assert (taken.status, taken.retry_at) == (QuarantineStatus.PARKED, at + timedelta(seconds=30))
    assert await quarantine.postpone(record_id, at) is None
    world.clock.still = at
    await quarantine.discard(record_id)
    assert await quarantine.postpone(record_id, at + timedelta(days=1)) is None


async def test_a_message_that_waits_again_begins_with_short_waits(world: World, quarantine: Quarantine) -> None:
    """A dead letter that an operator replays is parked then, not when it was first seen."""
    data = migrated("A-1")
    await quarantine.put(delivery(data)._replace(topic=None), GivenUp())
    held = await quarantine.get(id_of(data))
    assert (held.parked_since, held.retry_at, held.message.topic) == (None, None, None)

    world.clock.still = later = london("2026-12-23 09:00")
    await kept(quarantine, data, RegistrationUnknown())

    parked = await quarantine.get(id_of(data))
    assert (parked.parked_since, parked.retry_at) == (later, later + timedelta(seconds=10))
    assert parked.message == held.message.model_copy(update={"topic": "psr-customer-migration"})
    assert (await quarantine.waiting(QuarantineStatus.PARKED)).oldest == later
    await quarantine.fail(parked.record_id)
    assert [page async for page in quarantine.due(later + timedelta(days=9), limit=9)] == []
