"""Changes registrations. Wiring only: the rules are in `shared.domain.requests`, the storage in `shared.store`."""

import json
import uuid
from collections.abc import Sequence

from shared.digest import digest
from shared.domain import requests
from shared.domain.aspects import submission_of
from shared.domain.changes import Origin, change_id
from shared.domain.decision import Decision, Moment
from shared.domain.patch import patched
from shared.domain.registration import (
    Fact,
    Registration,
    RegistrationId,
    RegistrationInput,
    RegistrationState,
    newly_assigned,
)
from shared.domain.supply_points import SupplyPoint
from shared.errors import (
    AlreadyRegistered,
    IdempotencyKeyReused,
    NotFound,
    NotLive,
    RegistrationErased,
    SupplyPointHeld,
    VersionNeeded,
    VersionStale,
)
from shared.flows.outcome_log import log_outcome
from shared.http.api import Answer, Api, Call
from shared.http.registrations import RegistrationPatch, Withdrawal, entity_tag, registration_answer
from shared.settings import settings
from shared.store.registrations import ChangeRequest, Decide, Outcome, registrations

SOURCE = "http"

api = Api(__file__)


@api.operation(
    "createRegistration",
    answers=Registration,
    status=201,
    problems=(NotFound, AlreadyRegistered, SupplyPointHeld, RegistrationErased, IdempotencyKeyReused),
)
async def create_registration(call: Call, body: RegistrationInput) -> Answer:
    """Register an account, or take it up again after it was withdrawn or ended; one RPC for a new account.

    A repeat of the same Idempotency-Key and body gets the first answer.
    """
    call.caller.check_account(body.account_id)
    call.caller.check_supply_points(body.supply_points.all())
    registration_id = registrations().registration_id(body.account_id)
    fact = _fact(call)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        return requests.register(body, known, registration_id, moment=moment, fact=fact, policy=settings())

    told = body.model_dump_json(exclude_defaults=True)
    outcome = await _apply(call, registration_id, fact, told, decide, points=body.supply_points.all(), expect_new=True)
    return _answer(call, outcome, 201, {"Location": f"/v1/registrations/{registration_id}"})


@api.operation(
    "amendRegistration",
    answers=Registration,
    problems=(
        NotFound,
        NotLive,
        RegistrationErased,
        SupplyPointHeld,
        VersionNeeded,
        VersionStale,
        IdempotencyKeyReused,
    ),
)
async def amend_registration(call: Call, body: RegistrationPatch) -> Answer:
    """Change a registration by JSON merge patch (RFC 7396), having read the version in If-Match; two RPCs.

    If nothing changes, the ETag stays as it was. Supply points are released and claimed in the same commit.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    tags = call.tags_read
    fact = _fact(call)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        known = _as_read(known, tags)
        told = patched(submission_of(known.registration), body.root)
        decision = requests.amend(told, known, moment=moment, fact=fact, policy=settings())
        call.caller.check_supply_points(list(newly_assigned(known, decision.state).values()))
        return decision

    patch = json.dumps(body.root, sort_keys=True)
    outcome = await _apply(call, registration_id, fact, patch, decide, points=body.supply_points())
    return _answer(call, outcome, 200)


@api.operation(
    "withdrawRegistration",
    answers=Registration,
    problems=(NotFound, NotLive, RegistrationErased, VersionNeeded, VersionStale, IdempotencyKeyReused),
)
async def withdraw_registration(call: Call, body: Withdrawal) -> Answer:
    """Take an account off the register, having read the version in If-Match; two RPCs.

    Its supply points are free for others, and the networks that had its needs are told to delete them.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    tags = call.tags_read
    fact = _fact(call)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        known = _as_read(known, tags)
        return requests.withdraw(body.reason, known, moment=moment, fact=fact, policy=settings())

    outcome = await _apply(call, registration_id, fact, body.model_dump_json(), decide)
    return _answer(call, outcome, 200)


def _fact(call: Call) -> Fact:
    """What this request tells, at the server's time. Its id is the same for every request under one key."""
    key = call.idempotency_key
    identifier = digest(call.caller.subject, key) if key else uuid.uuid4().hex
    return Fact(time=settings().clock().now(), source=SOURCE, id=identifier)


async def _apply(
    call: Call,
    registration_id: RegistrationId,
    fact: Fact,
    told: str,
    decide: Decide,
    *,
    points: Sequence[SupplyPoint] = (),
    expect_new: bool = False,
) -> Outcome:
    request = ChangeRequest(
        registration_id=registration_id,
        change_id=change_id(registration_id, fact.id),
        fingerprint=digest(call.operation, told),
        origin=Origin(actor=call.caller.subject, source=SOURCE, event_id=None, event_time=fact.time),
        points=points,
    )
    outcome = await registrations().apply(request, decide, expect_new=expect_new)
    log_outcome(outcome)
    return outcome


def _as_read(known: RegistrationState | None, tags: frozenset[str]) -> RegistrationState:
    """The registration as the caller has read it. A precondition counts only where the request could succeed without
    it (RFC 9110 §13.2.1). Raises `NotFound`, `NotLive`, `VersionStale`.
    """
    if known is None:
        raise NotFound
    if known.erased_on is not None:
        raise RegistrationErased
    if not known.registration.status.live:
        raise NotLive
    if entity_tag(known.registration) not in tags:
        raise VersionStale
    return known


def _answer(call: Call, outcome: Outcome, status: int, headers: dict[str, str] | None = None) -> Answer:
    replayed = {"Idempotent-Replayed": "true"} if outcome.replayed and call.idempotency_key else {}
    return registration_answer(outcome.change.state.registration, call.caller, status, {**(headers or {}), **replayed})


main = api.function()
