"""A repeat is recognised before it is validated, and needs that have ended do not block a record."""

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.changes import ChangeKind, Origin
from shared.domain.decision import Decision, Moment
from shared.domain.registration import Fact, RegistrationInput, RegistrationState, Status
from shared.domain.requests import register
from shared.errors import IdempotencyKeyReused, InvalidContent
from shared.store.change_requests import ChangeRequest
from shared.store.registrations import Outcome
from tests.support.messages import migrated
from tests.support.register_world import World, account

ENDS_TODAY: list[dict[str, Any]] = [{"code": "02"}, {"code": "33", "ends_on": "2026-11-23"}]


async def create(world: World, submission: RegistrationInput, fingerprint: str = "a body") -> Outcome:
    """A POST under one key."""
    registration_id = world.store.registration_id(submission.account_id)
    fact = Fact(time=world.clock.now(), source="http", id="key-1")
    origin = Origin(actor="test", source="http", event_id=None, event_time=fact.time)
    request = ChangeRequest(
        registration_id, f"{registration_id}-key-1", fingerprint, origin, submission.supply_points.all()
    )

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        return register(submission, known, registration_id, moment=moment, fact=fact, policy=world.settings)

    return await world.store.apply(request, decide, expect_new=True)


async def test_a_request_repeated_after_midnight_gets_its_first_answer(world: World) -> None:
    world.at("2026-11-23 23:59")
    first = await create(world, account(1, needs=ENDS_TODAY))
    world.at("2026-11-24 00:01")
    again = await create(world, account(1, needs=ENDS_TODAY))
    assert (again.change, again.replayed) == (first.change, True)
    with pytest.raises(IdempotencyKeyReused):
        await create(world, account(1, needs=ENDS_TODAY), "another body")
    with pytest.raises(InvalidContent):
        await create(world, account(2, needs=ENDS_TODAY))


async def test_an_event_redelivered_after_a_need_has_lapsed_is_a_repeat(world: World) -> None:
    submission, at = account(1, needs=ENDS_TODAY), world.clock.now() - timedelta(days=1)
    first = await migrated(world, 1, submission, at, "one event")
    world.at("2026-11-24 00:05")
    again = await migrated(world, 1, submission, at, "one event")
    assert (again.change, again.replayed) == (first.change, True)


@pytest.mark.parametrize(
    ("needs", "status", "kept"),
    [
        pytest.param([{"code": "02"}, {"code": "33", "ends_on": "2026-11-22"}], Status.ACTIVE, ["02"], id="one of two"),
        pytest.param([{"code": "33", "ends_on": "2026-11-22"}], Status.PENDING, [], id="the only one"),
        pytest.param([{"code": "29", "youngest_child_born_on": "2015-05-01"}], Status.PENDING, [], id="a birthday"),
    ],
)
async def test_lapsed_needs_of_a_migrated_record_are_left_out_with_a_warning(
    world: World, needs: list[dict[str, Any]], status: Status, kept: list[str]
) -> None:
    outcome = await migrated(world, 1, account(1, needs=needs), world.clock.now() - timedelta(days=9))
    registration = outcome.change.state.registration
    assert (outcome.change.kind, registration.status) == (ChangeKind.REGISTERED, status)
    assert [str(need.code) for need in registration.needs] == kept
    assert [(notice.pointer, notice.code) for notice in registration.warnings] == [("/needs", "need_already_ended")]
    assert (registration.follow_up_on is None) == (status is Status.ACTIVE)


async def test_the_warning_about_omitted_needs_stays_until_a_review(world: World) -> None:
    needs = [{"code": "02"}, {"code": "33", "ends_on": "2026-11-22"}]
    await migrated(world, 1, account(1, needs=needs), world.clock.now() - timedelta(days=9))
    await world.submit(1, primary_contact={"name": "Another Name", "phones": []})
    noted = await world.store.get(world.store.registration_id(world.account_id(1)))
    assert noted is not None
    assert [notice.code for notice in noted.registration.warnings] == ["need_already_ended"]
    await world.submit(1, needs=[{"code": "02"}, {"code": "08"}])
    settled = await world.store.get(world.store.registration_id(world.account_id(1)))
    assert settled is not None
    assert settled.registration.warnings == []


async def test_a_migrated_record_that_lacks_only_lapsed_needs_makes_no_review_fall_due(world: World) -> None:
    await world.submit(1)
    before = await world.store.get(world.store.registration_id(world.account_id(1)))
    late = account(1, needs=[{"code": "02"}, {"code": "33", "ends_on": "2026-11-22"}])
    outcome = await migrated(world, 1, late, world.clock.now() - timedelta(days=9))
    assert outcome.change.kind is ChangeKind.SUPERSEDED
    assert before is not None
    assert outcome.change.state.registration.review_due_on == before.registration.review_due_on


async def test_a_migrated_record_from_the_future_of_a_child_is_still_refused(world: World) -> None:
    needs = [{"code": "29", "youngest_child_born_on": "9996-05-01"}]
    with pytest.raises(InvalidContent) as refused:
        await migrated(world, 1, account(1, needs=needs), world.clock.now())
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/needs/0/youngest_child_born_on", "date_in_future")
    ]
