"""Messages that are too large for a document: the quarantine keeps their data in its bucket."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from shared.digest import digest
from shared.errors import NotFound
from shared.messages.publisher import Publisher
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus, Record
from shared.store.service import service
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.local.stack import Stack
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
MIB = 1024 * 1024


def padded(size: int) -> bytes:
    """A right customer with an unknown field that makes the message this large."""
    name = f"L-{uuid.uuid4().hex}"
    message = event("customer.migrated", name, AT, "//large", name, customer(name, [new_mpan()], ["02"]))
    without = len(json.dumps(message | {"data": message["data"] | {"padding": ""}}))
    return json.dumps(message | {"data": message["data"] | {"padding": "x" * (size - without)}}).encode()


def record_id(data: bytes) -> str:
    message = json.loads(data)
    return digest(message["source"], message["id"], sha256(data).hexdigest())


async def kept(name: str) -> tuple[Record, bytes]:
    """A record and its data, which is written after it."""
    async with asyncio.timeout(30):
        while True:
            try:
                record = await service().part(Quarantine).get(name)
                return record, await service().part(Quarantine).data(record.message)
            except NotFound:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("size", "in_bucket"),
    [(600 * 1024, False), (700 * 1024, False), (2_000_000, True), (9 * MIB + MIB // 2, True)],
    ids=["600 KiB", "700 KiB", "2 MB", "9.5 MiB"],
)
async def test_is_kept_whole_wherever_it_fits(size: int, *, in_bucket: bool, stack: Stack) -> None:
    data = padded(size)
    assert len(data) == size

    await service().part(Publisher).publish("psr-customer-migration", data, {"marker": "large"})

    record, whole = await kept(record_id(data))
    assert (record.status, record.reason, record.errors[0].code) == ("failed", "invalid-content", "unknown_field")
    assert (record.message.data is None, record.message.stored_as is not None) == (in_bucket, in_bucket)
    assert whole == data
    if in_bucket:
        assert (stack.layout.home / "quarantine" / record.record_id).read_bytes() == data


async def test_counts_on_the_same_record_when_it_comes_again(push: Push) -> None:
    data = padded(2_000_000)
    assert [push("consume_migration", data) for _ in range(2)] == [204, 204]
    assert (await service().part(Quarantine).get(record_id(data))).attempts == 2


UNRULY: dict[str, dict[str, Any]] = {
    "a source of 1 MB": {"source": "s" * 1_000_000},
    "100,000 unknown fields": {"data": {f"field_{number}": 1 for number in range(100_000)}},
    "escapes that make JSON of attributes large": {"data": {"padding": "x" * 600_000}},
}


@pytest.mark.parametrize("changes", UNRULY.values(), ids=UNRULY)
async def test_a_message_that_is_large_in_other_ways_is_stored_too(changes: dict[str, Any], push: Push) -> None:
    marker = uuid.uuid4().hex
    message = event("customer.migrated", "A-1", AT, "//large", marker, {}) | changes
    attributes = {f"attribute-{number}": "\x01" * 1024 for number in range(98)}

    assert push("consume_migration", message, marker=marker, **attributes) == 204

    found = [
        record
        async for page in service().part(Quarantine).records(QuarantineStatus.FAILED)
        for record in page
        if record.message.attributes.get("marker") == marker
    ]
    assert [await service().part(Quarantine).data(record.message) for record in found] == [json.dumps(message).encode()]
