"""The effects of the account system's events on the registration, its supply points and its networks."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from inspect import isabstract
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shared.clock import london_day
from shared.domain.feed import FeedEntry
from shared.domain.registration import AccountId, RegistrationState
from shared.domain.supply_points import Mpan, distributors
from shared.messages.account_events import ACCOUNT_EVENTS, AccountEvent
from shared.store.documents import Key
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import event_record_id
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.local.stack import Stack
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
SOURCE = "//accounts"
_numbers = itertools.count(1)


class Customer(NamedTuple):
    """An account with two supply points, migrated; `other` is one that nobody has."""

    name: str
    mpans: list[str]
    other: str
    push: Push

    def publish(self, kind: str, data: dict[str, Any], minutes: int = 1, event_id: str = "1") -> None:
        at = AT + timedelta(minutes=minutes)
        message = event(kind, self.name, at, SOURCE, f"{self.name}-{event_id}", data)
        assert self.push("consume_account_events", message) == 204

    async def state(self) -> RegistrationState:
        store = service().part(Registrations)
        state = await store.get(store.registration_id(AccountId(self.name)))
        assert state is not None
        return state

    async def holds(self) -> list[str]:
        """Of the three supply points, those for which a lookup finds this account."""
        found = []
        for mpan in (*self.mpans, self.other):
            state = await service().part(Registrations).find(Mpan(mpan))
            if state is not None and state.registration.account_id == self.name:
                found.append(mpan)
        return found

    async def changes(self) -> list[str]:
        """The kinds of the account's changes, in their order."""
        store = service().part(Registrations)
        changes, _ = await store.history(store.registration_id(AccountId(self.name)), after=None, limit=50)
        return [change.kind.value for change in changes]

    async def send(self, stack: Stack) -> list[str]:
        """The action in today's file for each of the three supply points; `-` for none."""
        day = london_day(stack.clock.now())
        said = []
        for mpan in (*self.mpans, self.other):
            recipient = distributors()[mpan[:2]].mpid
            point = service().identity.supply_point_id(f"mpan:{mpan}")
            stored = await service().documents.get(Key("export_feed", f"{point}-{recipient}-{day}"))
            said.append(FeedEntry.model_validate_json(stored.state).send.value if stored else "-")
        return said


@pytest.fixture
def moved_in(push: Push) -> Customer:
    name = f"E-{next(_numbers)}"
    mpans = [new_mpan(), new_mpan()]
    migrated = event("customer.migrated", name, AT, SOURCE, f"{name}-0", customer(name, mpans, ["02"]))
    assert push("consume_migration", migrated) == 204
    return Customer(name, mpans, new_mpan(), push)


@pytest.mark.parametrize("model", ACCOUNT_EVENTS, ids=lambda model: model.event_type())
def test_every_type_of_event_has_a_statement_and_a_case_here(model: type[AccountEvent]) -> None:
    assert not isabstract(model), f"add the method `statement` to {model.__name__}"
    kind = model.event_type().removeprefix("uk.psr.").removesuffix(".v1")
    case = f'publish("{kind}"' in Path(__file__).read_text(encoding="utf-8")
    assert case, f"add a test of the effects of {model.event_type()}"


async def test_an_account_that_is_closed_ends_and_its_networks_are_notified(moved_in: Customer, stack: Stack) -> None:
    assert await moved_in.send(stack) == ["set", "set", "-"]

    moved_in.publish("account.closed", {"closed_on": "2026-10-01"})

    registration = (await moved_in.state()).registration
    assert (registration.status, registration.version, registration.assigned()) == ("ended", 2, {})
    assert await moved_in.holds() == []
    # Set and deleted on one day: the network has never had it, so there is nothing to say.
    assert await moved_in.send(stack) == ["nothing", "nothing", "-"]


async def test_a_move_releases_the_old_home_takes_the_new_one_and_asks_for_a_review(
    moved_in: Customer, stack: Stack
) -> None:
    new_home = {"address_lines": ["2 New Street"], "postcode": "M1 1AE"}
    sharing = {"basis": "explicit_consent", "recorded_on": "2026-10-01", "evidence": "move form"}
    data = {"supply_points": {"mpans": [moved_in.other]}, "premises": new_home, "sharing": sharing}

    moved_in.publish("account.moved_home", data)

    registration = (await moved_in.state()).registration
    assert registration.status == "active"
    assert registration.premises.model_dump() == new_home
    assert registration.sharing.evidence == "move form"
    assert registration.review_due_on == london_day(stack.clock.now())
    assert await moved_in.holds() == [moved_in.other]
    assert await moved_in.send(stack) == ["nothing", "nothing", "set"]


async def test_a_move_without_confirmed_sharing_shares_nothing_with_the_new_network(
    moved_in: Customer, stack: Stack
) -> None:
    new_home = {"address_lines": ["2 New Street"], "postcode": "M1 1AE"}

    moved_in.publish("account.moved_home", {"supply_points": {"mpans": [moved_in.other]}, "premises": new_home})

    registration = (await moved_in.state()).registration
    assert (registration.status, registration.sharing.basis) == ("active", "none")
    assert await moved_in.holds() == [moved_in.other]
    assert await moved_in.send(stack) == ["nothing", "nothing", "nothing"]


async def test_an_attempt_is_recorded_and_sends_the_networks_nothing_new(moved_in: Customer, stack: Stack) -> None:
    before = await moved_in.send(stack)
    due_on = (await moved_in.state()).registration.review_due_on.isoformat()
    data = {"work": "review", "due_on": due_on, "channel": "phone", "outcome": "confirmed", "by": "agent-17"}

    moved_in.publish("customer.contact_attempted", data)

    state = await moved_in.state()
    (campaign,) = state.registration.campaigns
    assert [one.at for one in campaign.attempts] == [AT + timedelta(minutes=1)]
    assert state.registration.review_due_on.isoformat() == "2027-10-01"  # a year after the attempt: code 02
    assert await moved_in.changes() == ["registered", "contacted"]
    assert await moved_in.send(stack) == before
    point = service().identity.supply_point_id(f"mpan:{moved_in.mpans[0]}")
    recipient = distributors()[moved_in.mpans[0][:2]].mpid
    stored = await service().documents.get(Key("export_feed", f"{point}-{recipient}-{london_day(stack.clock.now())}"))
    assert stored is not None
    assert FeedEntry.model_validate_json(stored.state).version == 1


async def test_an_event_of_the_year_1_is_kept_for_a_person(moved_in: Customer) -> None:
    data = {"supply_points": {"mpans": [moved_in.other]}, "premises": {"address_lines": ["2"], "postcode": "M1 1AE"}}
    for time in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "1899-12-31T23:59:59Z"):
        message = event("account.moved_home", moved_in.name, AT, SOURCE, f"{moved_in.name}-{time}", data) | {
            "time": time
        }
        assert moved_in.push("consume_account_events", message) == 204
        content = json.dumps(message).encode()
        record = await service().part(Quarantine).get(event_record_id(SOURCE, message["id"], content))
        assert (record.status, [error.code for error in record.errors]) == ("failed", ["time_implausible"])
    assert await moved_in.holds() == moved_in.mpans


async def test_customers_who_swap_homes_both_get_the_others(moved_in: Customer, push: Push, stack: Stack) -> None:
    """Each holds what the other takes: the first move releases its home, and takes the other's when it is replayed."""
    other = Customer(f"E-{next(_numbers)}", [new_mpan()], "", push)
    migrated = event(
        "customer.migrated", other.name, AT, SOURCE, f"{other.name}-0", customer(other.name, other.mpans, ["02"])
    )
    assert push("consume_migration", migrated) == 204
    theirs, ours = {"mpans": other.mpans}, {"mpans": moved_in.mpans[:1]}
    sharing = {"basis": "explicit_consent", "recorded_on": "2026-10-01", "evidence": "move form"}
    home = {"premises": {"address_lines": ["2 New Street"], "postcode": "BS1 4DJ"}, "sharing": sharing}

    moved_in.publish("account.moved_home", {"supply_points": theirs, **home}, minutes=1)
    between = (await moved_in.state()).registration
    assert (between.assigned(), between.premises.address_lines) == ({}, ["2 New Street"])
    assert [notice.code for notice in between.warnings] == ["supply_point_waiting"]
    assert await moved_in.send(stack) == ["nothing", "nothing", "-"]

    other.publish("account.moved_home", {"supply_points": ours, **home}, minutes=2)
    assert await other.holds() == []
    assert list((await other.state()).registration.assigned()) == [f"mpan:{moved_in.mpans[0]}"]

    moved_in.publish("account.moved_home", {"supply_points": theirs, **home}, minutes=1)
    after = (await moved_in.state()).registration
    assert (list(after.assigned()), after.warnings) == ([f"mpan:{other.mpans[0]}"], [])
    kinds = await moved_in.changes()
    assert kinds == ["registered", "amended", "amended"]


async def test_supply_gained_is_one_more_supply_point(moved_in: Customer, stack: Stack) -> None:
    moved_in.publish("account.supply_gained", {"supply_points": {"mpans": [moved_in.other]}})

    assert await moved_in.holds() == [*moved_in.mpans, moved_in.other]
    assert await moved_in.send(stack) == ["set", "set", "set"]


async def test_supply_lost_ends_the_claim_and_sends_nothing(moved_in: Customer, stack: Stack) -> None:
    moved_in.publish("account.supply_lost", {"supply_points": {"mpans": [moved_in.mpans[0]]}})

    state = await moved_in.state()
    assert state.registration.status == "active"
    assert await moved_in.holds() == [moved_in.mpans[1]]
    assert await moved_in.send(stack) == ["nothing", "set", "-"]


@pytest.mark.parametrize(("continues", "status"), [(True, "active"), (False, "ended")])
async def test_after_a_death_the_registration_ends_unless_others_live_there(
    continues: Any, status: str, moved_in: Customer, stack: Stack
) -> None:
    moved_in.publish("customer.deceased", {"account_continues": continues})

    registration = (await moved_in.state()).registration
    assert registration.status == status
    assert (registration.review_due_on == london_day(stack.clock.now())) is (continues is True)


async def test_an_older_event_loses_and_leaves_a_receipt(moved_in: Customer) -> None:
    moved_in.publish("account.closed", {"closed_on": "2026-09-30"}, minutes=-1)

    state = await moved_in.state()
    assert (state.registration.status, state.registration.version) == ("active", 1)
    assert await moved_in.changes() == ["registered", "stale"]
