"""Applies messages to a world of its own, without Pub/Sub in between."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from shared.domain.account_events import apply_account_event
from shared.domain.aspects import Statement
from shared.domain.changes import Origin
from shared.domain.migration import migrate
from shared.domain.registration import Fact, RegistrationInput
from shared.domain.supply_points import SupplyPoint
from shared.store.change_requests import ChangeRequest
from shared.store.registrations import Outcome
from tests.support.register_world import World

SOURCE = "//test"


async def event(
    world: World,
    number: int,
    statement: Statement,
    at: datetime,
    event_id: str | None = None,
    points: Sequence[SupplyPoint] = (),
) -> Outcome:
    """Apply a statement of the account system about an account at a time."""
    fact = Fact(time=at, source=SOURCE, id=event_id or uuid.uuid4().hex)
    request = _request(world, number, fact, points)
    return await world.store.apply(
        request,
        lambda known, moment: apply_account_event(statement, known, moment=moment, fact=fact, policy=world.settings),
        expect_new=False,
    )


async def migrated(
    world: World, number: int, submission: RegistrationInput, at: datetime, event_id: str | None = None
) -> Outcome:
    """Apply the old platform's record of an account at a time."""
    fact = Fact(time=at, source=SOURCE, id=event_id or uuid.uuid4().hex)
    request = _request(world, number, fact, submission.supply_points.all())
    return await world.store.apply(
        request,
        lambda known, moment: migrate(
            submission, known, request.registration_id, moment=moment, fact=fact, policy=world.settings
        ),
        expect_new=True,
    )


def _request(world: World, number: int, fact: Fact, points: Sequence[SupplyPoint]) -> ChangeRequest:
    registration_id = world.store.registration_id(world.account_id(number))
    return ChangeRequest(
        registration_id,
        f"{registration_id}-{fact.id}",
        fact.id,
        Origin(actor=SOURCE, source=SOURCE, event_id=fact.id, event_time=fact.time),
        points,
        yields=True,
    )
