"""The published contract: its examples are valid by its schemas, and the real consumers take them."""

import json
import uuid
from copy import deepcopy
from typing import Any

import jsonschema
import pytest

from shared.domain.registration import AccountId
from shared.messages.account_events import ACCOUNT_EVENTS
from shared.messages.events import CustomerMigrated
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.events import new_mpan
from tests.support.push import Push
from tools.places import ROOT
from tools.synthetic import consumer_of

EVENTS = ROOT / "docs" / "events"
TYPES = sorted(path.name.removesuffix(".json") for path in (EVENTS / "examples").iterdir())


def example(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((EVENTS / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return read


def errors(name: str, event: dict[str, Any]) -> list[str]:
    schema = json.loads((EVENTS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(event)]


@pytest.mark.parametrize("name", TYPES)
def test_an_example_is_valid_by_its_schema_and_the_schema_refuses_what_is_not(name: str) -> None:
    assert errors(name, example(name)) == []
    for wrong in (
        {"id": 7},
        {"type": "uk.psr.other.v1"},
        {"data": {**example(name)["data"], "colour": "blue"}},
        {"data": None},
    ):
        assert errors(name, example(name) | wrong)


#: The types that producers publish, in an order in which an account can have all of them.
TURNS = [
    "uk.psr.customer.migrated.v1",
    "uk.psr.account.supply_gained.v1",
    "uk.psr.account.supply_lost.v1",
    "uk.psr.account.moved_home.v1",
    "uk.psr.customer.deceased.v1",
    "uk.psr.customer.contact_attempted.v1",
    "uk.psr.account.closed.v1",
]


def test_every_type_that_producers_publish_has_its_turn() -> None:
    assert set(TURNS) == {CustomerMigrated.event_type(), *(model.event_type() for model in ACCOUNT_EVENTS)}


async def test_the_consumers_take_every_example_in_turn(push: Push) -> None:
    account = f"X-{uuid.uuid4().hex[:20]}"
    mpans: dict[str, str] = {}

    def own(event: dict[str, Any]) -> dict[str, Any]:
        """The same with an account and supply points that no other test uses."""
        event = deepcopy(event) | {"subject": account, "id": f"{account} {event['type']}"}
        if "account_id" in event["data"]:
            event["data"]["account_id"] = account
        if points := event["data"].get("supply_points"):
            points.pop("mprns", None)
            points["mpans"] = [mpans.setdefault(mpan, new_mpan()) for mpan in points["mpans"]]
        return event

    for turn, name in enumerate(TURNS):
        message = own(example(name))
        if name != "uk.psr.customer.migrated.v1":
            message["time"] = f"2026-10-02T09:00:{turn:02}Z"
        assert push(consumer_of(message), message) == 204
    state = await service().part(Registrations).get(service().part(Registrations).registration_id(AccountId(account)))
    assert state is not None
    registration = state.registration
    assert (registration.status, registration.premises.postcode) == ("ended", "M1 1AE")
    assert [need.code for need in registration.needs] == ["02", "09", "29"]
