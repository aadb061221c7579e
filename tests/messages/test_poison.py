"""Messages that can never be applied: each is kept with its reason at the first attempt, and the consumer lives on."""

import base64
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.domain.registration import AccountId
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.local.stack import Stack
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)


def right(name: str) -> dict[str, Any]:
    return event("customer.migrated", name, AT, "//poison", name, customer(name, [new_mpan()], ["02"]))


def with_data(name: str, **other: Any) -> bytes:
    message = right(name)
    return json.dumps(message | {"data": message["data"] | other}).encode()


CASES: dict[str, tuple[Callable[[str], bytes], str, str | None]] = {
    "empty": (lambda _: b"", "malformed-json", None),
    "not JSON": (lambda _: b"{nope", "malformed-json", None),
    "not UTF-8": (lambda _: b'{"id": "\xff\xfe"}', "malformed-json", None),
    "NaN": (lambda name: with_data(name, needs=float("nan")), "malformed-json", None),
    "10,000 levels deep": (lambda _: b"[" * 10_000 + b"]" * 10_000, "malformed-json", None),
    "a number of 5,000 digits": (
        lambda name: with_data(name, needs="N").replace(b'"N"', b"9" * 5000),
        "malformed-json",
        None,
    ),
    "not an object": (lambda _: b"[1, 2]", "invalid-content", "wrong_type"),
    "no type": (
        lambda name: json.dumps({k: v for k, v in right(name).items() if k != "type"}).encode(),
        "invalid-content",
        "missing",
    ),
    "a type that is a list": (
        lambda name: json.dumps(right(name) | {"type": ["uk.psr.customer.migrated.v1"]}).encode(),
        "invalid-content",
        "unknown_value",
    ),
    "unknown type": (
        lambda name: json.dumps(right(name) | {"type": "uk.psr.x.v1"}).encode(),
        "unknown-event-type",
        None,
    ),
    "event of another topic": (
        lambda name: json.dumps(right(name) | {"type": "uk.psr.account.closed.v1"}).encode(),
        "unknown-event-type",
        None,
    ),
    "another subject": (
        lambda name: json.dumps(right(name) | {"subject": "other"}).encode(),
        "invalid-content",
        "subject_differs",
    ),
    "time without zone": (
        lambda name: json.dumps(right(name) | {"time": "2026-10-01T09:00:00"}).encode(),
        "invalid-content",
        "time_malformed",
    ),
    "fact of next year": (
        lambda name: json.dumps(right(name) | {"time": "2031-10-01T09:00:00Z"}).encode(),
        "event-from-the-future",
        None,
    ),
    "fact of the year 1": (
        lambda name: json.dumps(right(name) | {"time": "0001-01-01T00:00:00Z"}).encode(),
        "invalid-content",
        "time_implausible",
    ),
    "fact of the year 1, east of Greenwich": (
        lambda name: json.dumps(right(name) | {"time": "0001-01-01T00:00:00+14:00"}).encode(),
        "invalid-content",
        "time_implausible",
    ),
    "fact of the year 9999, west of Greenwich": (
        lambda name: json.dumps(right(name) | {"time": "9999-12-31T23:59:59-14:00"}).encode(),
        "event-from-the-future",
        None,
    ),
    "child born when the calendar ends": (
        lambda name: with_data(name, needs=[{"code": "29", "youngest_child_born_on": "9996-05-01"}]),
        "invalid-content",
        "date_in_future",
    ),
    "unknown field": (lambda name: with_data(name, colour="blue"), "invalid-content", "unknown_field"),
    "wrong check digit": (
        lambda name: with_data(name, supply_points={"mpans": ["1013044353631"]}),
        "invalid-content",
        "mpan_check_digit",
    ),
    "code 10": (lambda name: with_data(name, needs=[{"code": "10"}]), "invalid-content", "need_code_unknown"),
    "temporary need without end": (
        lambda name: with_data(name, needs=[{"code": "33"}]),
        "invalid-content",
        "temporary_psr_does_not_have_end_date",
    ),
    "no supply point": (lambda name: with_data(name, supply_points={}), "invalid-content", "supply_point_missing"),
}


async def kept(marker: str) -> dict[str, Any]:
    """The one quarantine record of the message that was sent with a marker."""
    found = [
        record
        async for page in service().documents.pages("quarantine", equal=("status", "failed"))
        for record in page
        if json.loads(record.state)["attributes"].get("marker") == marker
    ]
    assert len(found) == 1
    fields = dict(found[0].fields)
    return {"reason": fields["reason"], "errors": json.loads(str(fields["errors"])), **json.loads(found[0].state)}


@pytest.mark.parametrize(("data", "reason", "code"), CASES.values(), ids=CASES.keys())
async def test_is_kept_whole_with_its_reason(
    data: Callable[[str], bytes], reason: str, code: str | None, push: Push
) -> None:
    marker = uuid.uuid4().hex
    content = data(f"P-{marker}")

    assert push("consume_migration", content, marker=marker) == 204
    assert push("consume_migration", content, marker=marker) == 204

    record = await kept(marker)
    assert base64.b64decode(record["data"]) == content
    assert record["reason"] == reason
    assert code is None or code in [error["code"] for error in record["errors"]]
    assert push("consume_migration", right(f"A-{marker}")) == 204


HOME = {"address_lines": ["2 New Street"], "postcode": "M1 1AE"}
#: Kind of event, its data, and the place and code of what is wrong with it for an account with 20 MPANs.
REFUSED_EVENTS: dict[str, tuple[str, Callable[[], dict[str, Any]], str, str]] = {
    "lawful basis from the future": (
        "account.moved_home",
        lambda: {
            "supply_points": {"mpans": [new_mpan()]},
            "premises": HOME,
            "sharing": {"basis": "explicit_consent", "recorded_on": "2062-01-01", "evidence": "form 1"},
        },
        "/data/sharing/recorded_on",
        "date_in_future",
    ),
    "a 21st supply point": (
        "account.supply_gained",
        lambda: {"supply_points": {"mpans": [new_mpan()]}},
        "/data/supply_points/mpans",
        "supply_points_too_many",
    ),
    "address that cannot be seen": (
        "account.moved_home",
        lambda: {"supply_points": {"mpans": [new_mpan()]}, "premises": HOME | {"address_lines": ["\u200b"]}},
        "/data/premises/address_lines/0",
        "blank",
    ),
}


@pytest.mark.parametrize(("kind", "data", "pointer", "code"), REFUSED_EVENTS.values(), ids=REFUSED_EVENTS.keys())
async def test_an_event_is_held_to_the_rules_of_the_api(
    kind: str, data: Callable[[], dict[str, Any]], pointer: str, code: str, push: Push
) -> None:
    marker = uuid.uuid4().hex
    name = f"P-{marker[:12]}"
    mpans = [new_mpan() for _ in range(20)]
    migrated = event("customer.migrated", name, AT, "//poison", name, customer(name, mpans, ["02"]))
    assert push("consume_migration", migrated) == 204
    from_event = event(kind, name, AT + timedelta(minutes=1), "//poison", f"{name}-1", data())

    assert push("consume_account_events", from_event, marker=marker) == 204

    record = await kept(marker)
    assert (record["reason"], [(error["pointer"], error["code"]) for error in record["errors"]]) == (
        "invalid-content",
        [(pointer, code)],
    )
    store = service().part(Registrations)
    state = await store.get(store.registration_id(AccountId(name)))
    assert state is not None
    assert (state.registration.version, len(state.registration.supply_points.mpans)) == (1, 20)


async def test_an_event_with_a_used_id_and_another_body_is_quarantined_and_the_first_is_unchanged(push: Push) -> None:
    marker = uuid.uuid4().hex
    first = right(f"P-{marker}")
    second = first | {"data": first["data"] | {"primary_contact": {"name": "Somebody Else"}}}

    assert push("consume_migration", first) == 204
    assert push("consume_migration", second, marker=marker) == 204

    assert (await kept(marker))["reason"] == "idempotency-key-reused"


async def test_data_that_is_not_base64_is_kept_as_it_came(stack: Stack) -> None:
    marker = uuid.uuid4().hex
    message = {
        "data": "*not base64*",
        "messageId": "1",
        "publishTime": "2026-11-24T08:00:00Z",
        "attributes": {"marker": marker},
    }
    body = {"subscription": "projects/p/subscriptions/consume-migration", "message": message}

    async with httpx.AsyncClient() as client:
        answer = await client.post(stack.function_url("consume_migration"), json=body)

    assert answer.status_code == 204
    record = await kept(marker)
    assert (record["reason"], base64.b64decode(record["data"])) == ("unreadable-message", b"*not base64*")


async def test_attributes_without_data_are_kept(stack: Stack) -> None:
    marker = uuid.uuid4().hex
    message = {"messageId": marker, "publishTime": "2026-11-24T08:00:00Z", "attributes": {"marker": marker}}
    body = {"subscription": "projects/p/subscriptions/consume-migration", "message": message}

    async with httpx.AsyncClient() as client:
        answer = await client.post(stack.function_url("consume_migration"), json=body)

    assert answer.status_code == 204
    assert (await kept(marker))["reason"] == "malformed-json"
