"""Today's code reads, changes and exports the data that every earlier release stored."""

from datetime import date
from typing import Any

import pytest

from shared.domain import requests
from shared.domain.aspects import submission_of
from shared.domain.changes import Change
from shared.domain.decision import Decision, Moment
from shared.domain.export_day import ExportDay, Part
from shared.domain.feed import FeedEntry
from shared.domain.patch import patched
from shared.domain.registration import Fact, RegistrationState
from shared.domain.supply_points import supply_point_of
from shared.model import Model
from shared.store.operator_actions import OperatorAction
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantinedMessage, QuarantineStatus
from shared.store.registrations import Read
from shared.store.supply_points import Claim
from tests.compatibility.snapshot import (
    COLLECTIONS,
    LOADED_AT,
    RELEASES,
    TAKEN_AT,
    load,
    read_documents,
    stored_documents,
    write_states,
)
from tests.support.register_world import World

MODELS: dict[str, type[Model]] = {
    "registrations": RegistrationState,
    "changes": Change,
    "supply_points": Claim,
    "export_feed": FeedEntry,
    "exports": ExportDay,
    "export_parts": Part,
    "quarantine": QuarantinedMessage,
    "operator_actions": OperatorAction,
}
NAMES = sorted(folder.name for folder in RELEASES.iterdir())


@pytest.fixture(params=NAMES)
async def loaded(request: pytest.FixtureRequest, world: World) -> World:
    """A register with the documents of an earlier release, at the time of its snapshot."""
    world.at(LOADED_AT)
    await load(world.documents, read_documents(request.param))
    world.at(TAKEN_AT)
    return world


async def states(world: World) -> list[RegistrationState]:
    pages = world.documents.pages("registrations")
    return [RegistrationState.model_validate_json(stored.state) async for page in pages for stored in page]


@pytest.mark.parametrize("release", NAMES)
def test_every_stored_document_is_read_as_its_model(release: str) -> None:
    found = read_documents(release)
    assert {stored.key.collection for stored in found} == set(COLLECTIONS) == set(MODELS)
    for stored in found:
        MODELS[stored.key.collection].model_validate_json(str(stored.fields["state"]))


async def test_registrations_and_their_histories_are_found(loaded: World) -> None:
    found = await states(loaded)
    assert {state.registration.status.value for state in found} == {"pending", "active", "withdrawn", "ended"}
    assert any(state.erased_on for state in found)
    for state in found:
        registration_id = state.registration.registration_id
        assert await loaded.store.get(registration_id) == state
        changes, _ = await loaded.store.history(registration_id, after=None, limit=50)
        assert max(change.version for change in changes) == state.registration.version
        for key in state.registration.assigned():
            assert await loaded.store.find(supply_point_of(key)) == Read(registration=state.registration)


async def test_live_registrations_are_amended_pass_a_day_and_are_withdrawn(loaded: World) -> None:
    live = [state.registration for state in await states(loaded) if state.registration.status.live]
    assert len(live) > 5
    for registration in live:
        number = int(registration.account_id.removeprefix("A-"))

        def amend(known: RegistrationState | None, moment: Moment) -> Decision:
            assert known is not None
            submission = patched(submission_of(known.registration), {"primary_contact": {"name": "Changed"}})
            fact = Fact(time=moment.now, source="http", id="amended")
            return requests.amend(submission, known, moment=moment, fact=fact, policy=loaded.settings)

        await loaded.apply(number, amend)
        await loaded.apply_due_dates(number)
        amended = await loaded.store.get(registration.registration_id)
        assert amended is not None
        assert amended.registration.primary_contact.name == "Changed"
        assert {need.code for need in amended.registration.needs} == {need.code for need in registration.needs}
        await loaded.withdraw(number)


async def test_unreleased_days_are_released(loaded: World) -> None:
    assert await loaded.released() == [date(2026, 11, 23)]
    for hour in (2, 3, 4):
        await loaded.run(f"2026-11-26 {hour:02}:05")
    assert await loaded.released() == [date(2026, 11, day) for day in (23, 24, 25)]


async def test_quarantined_messages_are_read(loaded: World) -> None:
    quarantine = loaded.service.part(Quarantine)
    found: dict[str, Any] = {}
    for status in QuarantineStatus:
        records = [record async for page in quarantine.records(status) for record in page]
        found[status] = [await quarantine.data(record.message) for record in records if not record.message.erased]
    assert all(found.values())
    assert all(b'"specversion"' in data for data in found[QuarantineStatus.PARKED])


async def test_the_snapshot_that_this_code_would_write_has_documents_of_every_kind(world: World) -> None:
    await write_states(world)
    written = await stored_documents(world.documents)
    assert {stored.key.collection for stored in written} == set(COLLECTIONS)
    for stored in written:
        MODELS[stored.key.collection].model_validate_json(str(stored.fields["state"]))
