"""Erasure: which data is left, also when something else happens at the same time, and which data must stay."""

import asyncio
import contextlib
import copy
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from shared.domain.aspects import Statement
from shared.domain.campaigns import AttemptOutcome, ContactAttempt, ContactChannel, Work
from shared.domain.changes import ChangeKind
from shared.domain.delivery import Delivery
from shared.domain.feed import FeedEntry
from shared.domain.registration import RegistrationState, Status
from shared.domain.supply_points import Mpan
from shared.errors import InvalidContent, NotLive, RegistrationErased, SupplyPointHeld
from shared.flows.erasure import Erasure
from shared.flows.erasure import ErasureResult as Overwritten
from shared.flows.resend import Resend
from shared.store.documents import Documents, Key
from shared.store.due_dates import ERASE_DUE, DueDates
from shared.store.quarantine import Quarantine
from shared.store.registrations import Read, Registrations
from tests.flows.calls import Calls, Crashed
from tests.support.messages import event, migrated
from tests.support.register_world import World, account, london
from tests.support.tables import Tables, partner
from tools.local.sample import mpan

COLLECTIONS = ("registrations", "changes", "export_feed", "supply_points", "quarantine", "exports")
OLD, NEW = "Olivia Former", "Nora Present"
REFERRED: dict[str, Any] = {
    "status": "pending",
    "needs": [],
    "sharing": {"basis": "none", "recorded_on": "2026-11-23", "evidence": "referral 1"},
    "referral": {"referrer": "charity", "name": "Ms R Referrer", "referred_on": "2026-11-23"},
}


def named(name: str, **changes: Any) -> dict[str, Any]:
    return {"primary_contact": {"name": name, "phones": ["07700900123"]}, **changes}


class Erasing:
    """Erasures in a world, and the remaining data."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.erasure = Erasure(world.service)
        self.quarantine = world.service.part(Quarantine)

    async def erase(self, number: int) -> Overwritten:
        return await self.erasure.erase(self.world._id(number), "operator")

    async def run(self, text: str) -> list[Overwritten]:
        """A run of `erase_ended` at a London time."""
        if london(text) > self.world.clock.now():
            self.world.at(text)
        day = london(text).date()
        due = [one async for page in DueDates(self.world.documents).to_erase(day) for one in page]
        done = await asyncio.gather(*(self.erasure.erase_due(one, day) for one in due))
        return [one for one in done if one is not None]

    async def stored(self) -> dict[str, str]:
        """Every document's content."""
        return {
            f"{collection}/{stored.document_id}": str(stored.fields)
            for collection in COLLECTIONS
            for stored in await self.world.documents.page(collection)
        }

    async def holding(self, text: str) -> list[str]:
        """The documents that hold a text."""
        return [name for name, content in (await self.stored()).items() if text in content]

    async def state(self, number: int) -> RegistrationState:
        state = await self.world.store.get(self.world._id(number))
        assert state is not None
        return state

    async def next_look(self, number: int) -> str | None:
        """The day of a registration's next erasure run."""
        stored = await self.world.documents.get(Key("registrations", self.world._id(number)))
        assert stored is not None
        return str(stored.fields[ERASE_DUE]).partition("|")[2] if ERASE_DUE in stored.fields else None

    async def quarantined(self, account_id: str, text: str) -> str:
        """Put a message about an account into quarantine. Returns the record's id."""
        message = {"source": "//old", "id": f"{account_id}-{text}", "subject": account_id, "data": {"name": text}}
        content = json.dumps(message).encode()
        delivery = Delivery("a-topic", "a-subscription", "1", datetime(2026, 11, 23, tzinfo=UTC), {}, content, 1)
        await self.quarantine.put(delivery, InvalidContent())
        (record_id,) = [
            record.record_id
            for record in await self.quarantine.about(self.world.store.registration_id(account_id))  # type: ignore[arg-type]
            if record.message.event_id == message["id"]
        ]
        return record_id


@pytest.fixture
async def erasing(world: World) -> Erasing:
    return Erasing(world)


async def test_erasing_again_covers_later_statements(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await erasing.erase(1)
    world.at("2026-11-23 12:00")
    between = world.clock.now()
    world.at("2026-11-23 15:00")

    await erasing.erase(1)
    outcome = await migrated(world, 1, account(1, **named(NEW)), between)

    assert outcome.change.kind is ChangeKind.SUPERSEDED
    assert await erasing.holding(NEW) == []


async def test_only_a_shell_is_left_and_the_network_gets_a_delete(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await erasing.quarantined("A-1", OLD)
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 10:00")

    done = await erasing.erase(1)

    assert (done.ended, done.changes, done.feed, done.messages, done.pending) == (True, 2, 1, 1, 0)
    assert await erasing.holding(OLD) == []
    await world.run("2026-11-25 02:05")
    assert world.at_networks() == {}


async def test_no_staff_referrer_speaker_or_attempt_is_left(world: World, erasing: Erasing) -> None:
    speaker = {"role": "carer", "name": OLD, "organisation": OLD}
    capture = {"captured_at": "2026-11-23T08:00:00Z", "captured_by": "staff-4711", "channel": "visit"}
    withdrawn = {"withdrawn_at": "2026-11-23T08:30:00Z", "captured_by": "staff-4711", "channel": "visit"}
    sharing = REFERRED["sharing"] | {"evidence": OLD, "capture": capture | {"speaker": speaker}, "withdrawn": withdrawn}
    referral = REFERRED["referral"] | {"name": OLD, "organisation": OLD, "phone": "07700900999"}
    household = {"occupants": [{"age_band": "75_or_over", "as_of": "2001-02-03"}]}
    services = {"arranged": [{"service": "meter_move", "requested_on": "2001-02-03"}]}
    changes = {"referral": referral, "sharing": sharing, "household": household, "services": services}
    await world.submit(1, **named(OLD, **REFERRED | changes))
    world.at("2026-11-24 09:00")
    attempt = ContactAttempt(
        work=Work.FOLLOW_UP,
        due_on=date(2026, 11, 30),
        channel=ContactChannel.VISIT,
        outcome=AttemptOutcome.REACHED,
        by="staff-4711",
        at=world.clock.now(),
    )
    await event(world, 1, Statement(attempt=attempt), world.clock.now())
    texts = [OLD, "staff-4711", "07700900999", "2001-02-03", "meter_move", "charity"]
    assert all([await erasing.holding(text) for text in texts])

    await erasing.erase(1)
    assert [text for text in texts if await erasing.holding(text)] == []


async def test_a_state_in_an_unreleased_file_is_erased_after_the_release(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    world.at("2026-11-24 01:00")

    done = await erasing.erase(1)

    assert done.pending == 1
    assert len(await erasing.holding(OLD)) == 1
    await world.run("2026-11-24 02:05")
    assert [name for name, _ in world.at_networks().values()] == [OLD], "the file was closed before the erasure"
    await world.run("2026-11-25 02:05")
    assert world.at_networks() == {}
    assert [one.feed for one in await erasing.run("2026-11-25 07:15")] == [1]
    assert await erasing.holding(OLD) == []
    assert [one.overwritten for one in await erasing.run("2026-11-26 07:15")] == [0]
    assert await erasing.next_look(1) is None


async def test_erasing_on_the_day_of_the_last_set_waits_for_its_delete(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 09:00")
    await world.submit(1, **named(f"{OLD} again"))

    await erasing.erase(1)

    assert await erasing.holding(OLD) == []
    await world.run("2026-11-25 02:05")
    assert world.at_networks() == {}, "the day's set became its delete"


async def test_a_registration_that_became_live_since_the_query_is_left_alone(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await world.withdraw(1)
    world.at("2028-11-23 07:15")
    due = [one async for page in DueDates(world.documents).to_erase(date(2028, 11, 23)) for one in page]
    await world.submit(1, **named(NEW))

    done = await erasing.erasure.erase_due(due[0], date(2028, 11, 23))

    live = await erasing.state(1)
    assert done is not None
    assert (live.registration.status, live.registration.primary_contact.name) == (Status.ACTIVE, NEW)
    assert await world.store.find(Mpan(mpan("10", 1))) == Read(registration=live.registration)
    with pytest.raises(SupplyPointHeld):
        await world.submit(2, supply_points={"mpans": [mpan("10", 1)], "mprns": []})
    assert await erasing.holding(OLD) == [], "what ended two years ago is erased all the same"


async def test_a_registration_that_becomes_live_as_it_is_erased_is_not_overwritten(
    world: World, erasing: Erasing
) -> None:
    await world.submit(1, **named(OLD))
    await world.withdraw(1)
    world.at("2028-11-23 07:15")
    other = _another_process(world)
    calls = Calls(world.documents)

    async def register_before_the_first_commit(number: int) -> None:
        if number == 2:
            await other.submit(1, **named(NEW))

    calls.between = register_before_the_first_commit
    await erasing.erasure.erase_due(world._id(1), date(2028, 11, 23))
    calls.remove()

    live = await erasing.state(1)
    assert (live.registration.status, live.erased_on) == (Status.ACTIVE, None)
    assert live.registration.primary_contact.name == NEW


async def test_a_former_registration_is_erased_when_its_retention_is_over(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await erasing.quarantined("A-1", OLD)
    await world.withdraw(1)
    world.at("2026-12-03 09:00")
    await world.submit(1, **named(NEW))
    await erasing.quarantined("A-1", NEW)

    assert await erasing.run("2028-11-21 07:15") == []
    await world.submit(1, **named(f"{NEW} again"))
    (done,) = await erasing.run("2028-11-22 07:15")

    assert (done.changes, done.messages) == (2, 1)
    assert await erasing.holding(OLD) == []
    assert (await erasing.state(1)).registration.status is Status.ACTIVE
    held = {document.partition("/")[0] for document in await erasing.holding(NEW)}
    assert held == {"registrations", "changes", "export_feed", "quarantine"}
    assert [one.overwritten for one in await erasing.run("2028-11-23 07:15")] == [0]
    assert ((await erasing.state(1)).former, await erasing.next_look(1)) == ([], None)


async def test_a_referral_that_ended_is_erased_before_the_history_of_a_former_period(
    world: World, erasing: Erasing
) -> None:
    """The proof of what was shared in the former period is kept as long as that of any other."""
    await world.submit(1, **named(OLD))
    await world.withdraw(1)
    world.at("2026-12-03 09:00")
    await world.submit(1, **named(NEW), **REFERRED)
    world.at("2027-03-04 09:00")
    await world.apply_due_dates(1)

    assert [one.changes for one in await erasing.run("2027-03-04 10:00")] == [2]
    assert await erasing.holding(NEW) == []
    assert {name.partition("/")[0] for name in await erasing.holding(OLD)} == {"changes"}
    assert [one.overwritten for one in await erasing.run("2027-03-05 10:00")] == [0]
    assert await erasing.next_look(1) == "2028-11-22"

    await world.submit(1, **named(NEW))
    assert [one.overwritten for one in await erasing.run("2027-03-06 10:00")] == [0]
    assert await erasing.next_look(1) == "2028-11-22"
    assert await erasing.run("2028-11-21 07:15") == []
    await erasing.run("2028-11-22 07:15")
    assert await erasing.holding(OLD) == []
    assert (await erasing.state(1)).registration.status is Status.ACTIVE


async def test_a_shell_that_keeps_a_former_period_is_erased_at_its_end_or_on_request(
    world: World, erasing: Erasing
) -> None:
    for number in (1, 2):
        await world.submit(number, **named(f"{OLD} {number}"))
        await world.withdraw(number)
    world.at("2026-12-03 09:00")
    for number in (1, 2):
        await world.submit(number, **named(NEW), **REFERRED)
    world.at("2027-03-04 09:00")
    for number in (1, 2):
        await world.apply_due_dates(number)
    await erasing.run("2027-03-04 10:00")
    assert await erasing.holding(f"{OLD} 2")
    await erasing.erase(2)
    assert await erasing.holding(f"{OLD} 2") == []

    await erasing.run("2027-03-05 10:00")
    await erasing.run("2028-11-22 07:15")
    assert await erasing.holding(OLD) == []
    await erasing.run("2028-11-23 07:15")
    assert ((await erasing.state(1)).former, await erasing.next_look(1)) == ([], None)


@pytest.mark.parametrize("ahead_seconds", [-60, 180])
async def test_a_record_from_before_the_erasure_does_not_refill_the_shell(
    world: World, erasing: Erasing, ahead_seconds: int
) -> None:
    """Also if a fact of the registration was ahead of the clock, and the record's time is between them."""
    await world.submit(1, **named(OLD))
    registered_at = world.clock.now()
    world.at("2026-11-23 15:00")
    await event(world, 1, Statement(status=Status.ENDED), world.clock.now() + timedelta(seconds=ahead_seconds))
    await erasing.erase(1)
    shell = await erasing.state(1)

    between = world.clock.now() + timedelta(seconds=ahead_seconds / 2)
    for at in (registered_at + timedelta(hours=1), between):
        outcome = await migrated(world, 1, account(1, **named(OLD)), at)
        assert (outcome.change.kind, outcome.change.erased) == (ChangeKind.SUPERSEDED, True)

    assert await erasing.state(1) == shell
    assert await erasing.holding(OLD) == []


async def test_a_late_record_of_an_erased_account_is_not_kept_and_its_repeat_is_dropped(
    world: World, erasing: Erasing
) -> None:
    await world.submit(1)
    await erasing.erase(1)
    late = world.clock.now() - timedelta(days=1)
    await migrated(world, 1, account(1, **named(OLD)), late, OLD)
    assert [one for one in await erasing.holding(OLD) if OLD not in one] == []
    with pytest.raises(RegistrationErased):
        await migrated(world, 1, account(1, **named(OLD)), late, OLD)


async def test_a_record_from_after_the_erasure_registers_the_account_again(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await erasing.erase(1)
    world.at("2026-11-23 15:00")
    await migrated(world, 1, account(1, **named(NEW)), world.clock.now())

    again = await erasing.state(1)
    assert (again.registration.status, again.erased_on) == (Status.ACTIVE, None)
    assert [one.overwritten for one in await erasing.run("2026-11-24 12:15")] == [0]
    assert (await erasing.state(1)).registration == again.registration
    assert ((await erasing.state(1)).former, await erasing.next_look(1)) == ([], None)


async def test_a_last_day_from_before_the_erasure_does_not_close_a_later_registration(
    world: World, erasing: Erasing
) -> None:
    await world.submit(1)
    announced_at = world.clock.now()
    world.at("2026-11-23 15:00")
    await erasing.erase(1)
    await world.submit(1, **named(NEW))

    await event(world, 1, Statement(closes_on=date(2026, 12, 1)), announced_at)

    assert (await erasing.state(1)).registration.closes_on is None


async def test_erasing_again_keeps_the_day_and_finds_newer_data(world: World, erasing: Erasing) -> None:
    await world.submit(1, **named(OLD))
    await erasing.erase(1)
    shell = await erasing.state(1)
    await erasing.run("2026-11-25 12:00")
    assert await erasing.next_look(1) is None

    assert (await erasing.erase(1)).overwritten == 0
    await erasing.quarantined("A-1", OLD)
    assert (await erasing.erase(1)).messages == 1

    assert (await erasing.state(1)).erased_on == shell.erased_on
    assert await erasing.holding(OLD) == []
    assert await erasing.next_look(1) == "2026-11-26"


async def test_an_unknown_account_gets_a_shell(world: World, erasing: Erasing) -> None:
    await erasing.quarantined("A-1", OLD)
    done = await erasing.erasure.erase_unknown(world._id(1))
    assert (done.messages if done else None) == 1

    outcome = await migrated(world, 1, account(1, **named(OLD)), world.clock.now() - timedelta(minutes=1))
    assert outcome.change.erased
    assert await erasing.holding(OLD) == []
    await world.submit(1, **named(NEW))
    assert (await erasing.state(1)).registration.version == 1

    assert await erasing.erasure.erase_unknown(world._id(1)) is None
    assert (await erasing.state(1)).registration.primary_contact.name == NEW


async def test_a_receipt_that_races_an_erasure_is_swept_on_the_next_day(world: World, erasing: Erasing) -> None:
    """A late record was decided before the erasure and stored after it, with the old state."""
    await world.submit(1, **named(OLD))
    other = _another_process(world)
    calls = Calls(other.documents)
    reached, erased = asyncio.Event(), asyncio.Event()

    async def wait_before_storing(number: int) -> None:
        if number == 1:
            reached.set()
            await erased.wait()

    await other.documents.check_clocks()
    calls.made = 0
    calls.between = wait_before_storing
    storing = asyncio.create_task(_superseded(other))
    await reached.wait()
    await erasing.erase(1)
    erased.set()
    await storing
    assert len(await erasing.holding(OLD)) == 1

    await world.run("2026-11-24 02:05")
    assert [one.changes for one in await erasing.run("2026-11-24 07:15")] == [1]
    assert await erasing.holding(OLD) == []
    await erasing.run("2026-11-25 07:15")
    assert await erasing.next_look(1) is None


async def _superseded(world: World) -> None:
    at = world.clock.now() - timedelta(days=30)
    outcome = await event(world, 1, Statement(premises=account(1).premises), at)
    assert outcome.change.kind is ChangeKind.SUPERSEDED


@pytest.mark.parametrize("now", [partner("08"), ""], ids=["narrowed", "removed"])
async def test_sent_data_is_found_after_the_tables_have_changed(
    world: World, erasing: Erasing, tables: Tables, now: str
) -> None:
    tables("recipients.csv", lambda text: text + partner("02 08"))
    await world.submit(1, **named(OLD, needs=[{"code": "02"}, {"code": "08"}]))
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 10:00")
    tables("recipients.csv", lambda text: text.replace(partner("02 08"), now))

    sent = (await erasing.erasure.subject(world._id(1))).feed
    assert {(entry.recipient, entry.send.value) for entry in sent} == {("EELC", "set"), ("PART", "set")}

    await erasing.erase(1)
    assert await erasing.holding(OLD) == []


async def test_deletes_stay_so_that_they_can_be_sent_again(world: World, erasing: Erasing) -> None:
    """A's own, and the next occupant's of the same home."""
    home = {"supply_points": {"mpans": [mpan("10", 50)], "mprns": []}}
    await world.submit(1, **home, **named(OLD))
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 10:00")
    await world.withdraw(1)
    await world.run("2026-11-25 02:05")
    world.at("2026-11-25 10:00")
    await world.submit(2, **home, **named(NEW))
    await world.run("2026-11-26 02:05")
    world.at("2026-11-26 10:00")
    await world.withdraw(2)
    await world.run("2026-11-27 02:05")

    world.at("2026-11-27 10:00")
    await erasing.erase(1)

    assert len(await erasing.holding(NEW)) > 0
    await erasing.erase(2)
    assert await Resend(world.service, "operator").day(date(2026, 11, 26), ["EELC"]) == 1
    sent = [entry.send.value for entry in await _feed(world, date(2026, 11, 27))]
    assert sent == ["delete"]


async def test_an_access_request_has_only_data_about_the_account(world: World, erasing: Erasing) -> None:
    """The next occupant of the home is another person, and so is an account whose number begins with the other's."""
    home = {"supply_points": {"mpans": [mpan("10", 50)], "mprns": []}}
    await world.submit(1, **home, **named(OLD))
    await erasing.quarantined("A-1", OLD)
    world.at("2026-11-24 10:00")
    await world.withdraw(1)
    world.at("2026-11-25 10:00")
    await world.submit(10, **home, **named(NEW))
    await erasing.quarantined("A-10", NEW)
    await erasing.quarantined("A-10", f"{NEW} of mpan {mpan('10', 50)} once of A-1")
    await world.withdraw(10)

    first, second = [await erasing.erasure.subject(world._id(number)) for number in (1, 10)]

    assert [(entry.day.day, entry.send.value) for entry in first.feed] == [(23, "set"), (24, "delete")]
    assert [entry.day.day for entry in second.feed] == [25]
    assert (len(first.messages), len(second.messages)) == (1, 2)
    assert NEW not in str(first)
    assert OLD not in str(second)

    await erasing.erase(1)
    assert len((await erasing.erasure.subject(world._id(10))).messages) == 2


async def test_a_message_that_names_two_accounts_is_left_to_a_person(world: World, erasing: Erasing) -> None:
    await world.submit(1)
    message = {"source": "//old", "id": "x", "subject": "A-1", "data": {"account_id": "B-2", "name": NEW}}
    content = json.dumps(message).encode()
    delivery = Delivery("a-topic", "a-subscription", "1", datetime(2026, 11, 23, tzinfo=UTC), {}, content, 1)
    await erasing.quarantine.put(delivery, InvalidContent())

    subject = await erasing.erasure.subject(world._id(1))
    assert (subject.messages, len(subject.ambiguous)) == ([], 1)
    done = await erasing.erase(1)
    assert (done.messages, done.ambiguous) == (0, (subject.ambiguous[0].record_id,))
    assert (await erasing.quarantine.get(subject.ambiguous[0].record_id)).message.erased is False


async def test_an_erasure_that_is_cut_off_anywhere_is_finished_by_the_next_run(world: World, erasing: Erasing) -> None:
    """A crash before or after each call. If no shell was stored before it, the operator repeats the command."""
    calls = await _calls_of_an_erasure(world)
    numbers = range(1, 2 * calls + 1)
    await _submitted_on_two_days(world, erasing, numbers)
    for number in numbers:
        crashing = Calls(world.documents)
        call = (number - 1) // 2
        crashing.crash_before, crashing.crash_after = (call, None) if number % 2 else (None, call)
        with pytest.raises(Crashed):
            await erasing.erase(number)
        crashing.remove()
        if (await erasing.state(number)).erased_on is None:
            await erasing.erase(number)

    await _days_pass(world, erasing)

    assert await erasing.holding(OLD) == []
    assert world.at_networks() == {}
    states = await asyncio.gather(*map(erasing.state, numbers))
    assert {(state.registration.status.live, state.erased_on) for state in states} == {(False, date(2026, 11, 25))}
    assert set(await asyncio.gather(*map(erasing.next_look, numbers))) == {None}


async def _registered_again(world: World, number: int) -> None:
    await world.submit(number, **named(_name(NEW, number)))


async def _record_of_before(world: World, number: int) -> None:
    with contextlib.suppress(RegistrationErased):
        await migrated(world, number, account(number, **named(_name(OLD, number))), london("2026-11-22 10:00"))


async def _record_of_now(world: World, number: int) -> None:
    await migrated(world, number, account(number, **named(_name(NEW, number))), world.clock.now())


async def _event_of_now(world: World, number: int) -> None:
    with contextlib.suppress(RegistrationErased):
        await event(world, number, Statement(review=True), world.clock.now())


async def _withdrawn(world: World, number: int) -> None:
    with contextlib.suppress(NotLive, RegistrationErased):
        await world.withdraw(number)


@pytest.mark.parametrize("one_in", [5, pytest.param(1, marks=pytest.mark.soak)])
async def test_another_change_between_two_calls_of_an_erasure(world: World, erasing: Erasing, one_in: int) -> None:
    """No old data is left. An account that is registered again meanwhile is on the register completely, or not at all.

    With `one_in` 5, one of the five changes happens before each call.
    """
    everything = (_registered_again, _withdrawn, _record_of_before, _record_of_now, _event_of_now)
    calls = await _calls_of_an_erasure(world)
    pairs = ((happens, call) for call in range(calls) for happens in everything[call % one_in :: one_in])
    cases = dict(enumerate(pairs, start=1))
    await _submitted_on_two_days(world, erasing, cases)
    other = _another_process(world)
    for number, (happens, call) in cases.items():
        watched = Calls(world.documents)
        watched.between = _at_call(call, partial(happens, other, number))
        await erasing.erase(number)
        watched.remove()

    await _days_pass(world, erasing)

    assert await erasing.holding(OLD) == []
    assert set(await asyncio.gather(*map(erasing.next_look, cases))) == {None}
    everywhere = "".join((await erasing.stored()).values())
    at_networks = {name for name, _ in world.at_networks().values()}
    for number, (happens, call) in cases.items():
        live = (await erasing.state(number)).registration.status.live
        name = _name(NEW, number)
        found = await world.store.find(Mpan(mpan("10", number))) is not None, name in everywhere
        assert (*found, name in at_networks) == (live,) * 3, f"{happens.__name__} before call {call}"
        assert not live or happens in (_registered_again, _record_of_now)


def _at_call(number: int, happens: Callable[[], Awaitable[None]]) -> Callable[[int], Awaitable[None]]:
    async def between(call: int) -> None:
        if call == number:
            await happens()

    return between


async def _submitted_on_two_days(world: World, erasing: Erasing, numbers: Iterable[int]) -> None:
    """Submit accounts on a day that is released and on one that is not, each with a message in quarantine."""

    async def submit(number: int) -> None:
        await world.submit(number, **named(_name(OLD, number)))
        await erasing.quarantined(f"A-{number}", _name(OLD, number))

    await asyncio.gather(*map(submit, numbers))
    await world.run("2026-11-24 02:05")
    world.at("2026-11-24 10:00")
    again = (world.submit(number, **named(f"{_name(OLD, number)} again")) for number in numbers)
    await asyncio.gather(*again)
    world.at("2026-11-25 01:00")


async def _calls_of_an_erasure(world: World) -> int:
    """How many calls the erasure of such an account makes, counted in a world of its own."""
    same = Erasing(World(world.folder))
    await _submitted_on_two_days(same.world, same, [0])
    counting = Calls(same.world.documents)
    assert (await same.erase(0)).pending == 1
    counting.remove()
    assert counting.made > 15
    return counting.made


async def _days_pass(world: World, erasing: Erasing) -> None:
    for day in (25, 26, 27, 28):
        await world.schedule(f"2026-11-{day} 02:05")
        await erasing.run(f"2026-11-{day} 07:15")


def _name(name: str, number: int) -> str:
    return f"{name} {number:03}"


def _another_process(world: World) -> World:
    """The same register with connections of its own."""
    other = copy.copy(world)
    other.service = world.service_over(Documents(world.name, "(default)", world.clock))
    other.documents = other.service.documents
    other.store = other.service.part(Registrations)
    return other


async def _feed(world: World, day: date) -> list[FeedEntry]:
    entries = [FeedEntry.model_validate_json(stored.state) for stored in await world.documents.page("export_feed")]
    return [entry for entry in entries if entry.day == day]
