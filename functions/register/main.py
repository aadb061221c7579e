"""Change registrations. Wiring only: the rules are in `shared.domain.requests`, the storage in `shared.store`."""

import json
import uuid
from collections.abc import Sequence

from shared.digest import digest
from shared.domain import requests
from shared.domain.aspects import submission_of
from shared.domain.attempts import record_attempt, refuse_impossible_attempt
from shared.domain.campaigns import ContactAttempt
from shared.domain.changes import Origin, change_id
from shared.domain.decision import Decision, Moment
from shared.domain.patch import patched
from shared.domain.registration import (
    Fact,
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
from shared.http.registrations import (
    AttemptInput,
    RegistrationAnswer,
    RegistrationPatch,
    Withdrawal,
    names_version,
    registration_answer,
)
from shared.store.change_requests import ChangeRequest
from shared.store.registrations import Decide, Outcome, Registrations
from shared.store.service import service

SOURCE = "http"

api = Api(__file__)


@api.operation(
    "createRegistration",
    answers=RegistrationAnswer,
    status=201,
    problems=(NotFound, AlreadyRegistered, SupplyPointHeld, RegistrationErased, IdempotencyKeyReused),
)
async def create_registration(call: Call, body: RegistrationInput) -> Answer:
    """Register an account, or reactivate its withdrawn or ended registration.

    A repeat of the request with the same Idempotency-Key and body has the first answer. One RPC for a new account.
    """
    call.caller.check_account(body.account_id)
    call.caller.check_supply_points(body.supply_points.all())
    registration_id = service().part(Registrations).registration_id(body.account_id)
    fact = _fact(call)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        return requests.register(body, known, registration_id, moment=moment, fact=fact, policy=service().settings)

    content = body.model_dump_json(exclude_defaults=True)
    points = body.supply_points.all()
    outcome = await _apply(call, registration_id, fact, content, decide, points=points, expect_new=True)
    return _answer(call, outcome, 201, {"Location": f"/v1/registrations/{registration_id}"})


@api.operation(
    "amendRegistration",
    answers=RegistrationAnswer,
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
    """Change a registration by JSON merge patch (RFC 7396).

    Send the ETag of the version that you read in If-Match. If nothing changes, the ETag stays the same. Supply points
    are released and claimed in one commit. Two RPCs.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    tags = call.tags_read
    fact = _fact(call)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        known = _as_read(known, tags)
        submission = patched(submission_of(known.registration), body.root)
        decision = requests.amend(submission, known, moment=moment, fact=fact, policy=service().settings)
        call.caller.check_supply_points(list(newly_assigned(known, decision.state).values()))
        return decision

    patch = json.dumps(body.root, sort_keys=True)
    outcome = await _apply(call, registration_id, fact, patch, decide, points=body.supply_points())
    return _answer(call, outcome, 200)


@api.operation(
    "withdrawRegistration",
    answers=RegistrationAnswer,
    problems=(NotFound, NotLive, RegistrationErased, VersionNeeded, VersionStale, IdempotencyKeyReused),
)
async def withdraw_registration(call: Call, body: Withdrawal) -> Answer:
    """Take an account off the register.

    Send the ETag of the version that you read in If-Match. The registration releases its supply points, and the
    networks that have its needs are asked to delete them. Two RPCs.
    """
    registration_id = call.registration_id
    call.caller.check_registration(registration_id)
    tags = call.tags_read
    fact = _fact(call)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        known = _as_read(known, tags)
        return requests.withdraw(body.reason, known, moment=moment, fact=fact, policy=service().settings)

    outcome = await _apply(call, registration_id, fact, body.model_dump_json(), decide)
    return _answer(call, outcome, 200)


@api.operation(
    "recordAttempt",
    answers=RegistrationAnswer,
    problems=(NotFound, NotLive, RegistrationErased, IdempotencyKeyReused),
)
async def record_contact_attempt(call: Call, body: AttemptInput) -> Answer:
    """Record an attempt to contact the customer about a review, a need that ends or needs that are not known.

    Only agents and back ends may. `due_on` is the date of the work: `review_due_on`, the need's `ends_on` or
    `follow_up_on`. A confirmed review moves `review_due_on`. If too many attempts in a row reach nobody, the campaign
    is `escalated`, and the customer stays on the register. Two RPCs.
    """
    call.caller.check_agent()
    registration_id = call.registration_id
    fact = _fact(call)
    at = body.at or fact.time
    attempt = ContactAttempt(**body.model_dump(exclude={"at"}), at=at)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        live = _live(known)
        refuse_impossible_attempt(attempt, live.registration, moment.now)
        stated = fact.model_copy(update={"time": at})
        return record_attempt(attempt, live, moment=moment, fact=stated, policy=service().settings)

    outcome = await _apply(call, registration_id, fact, body.model_dump_json(), decide)
    return _answer(call, outcome, 200)


def _fact(call: Call) -> Fact:
    """The fact of this request, at the server's time. All requests with one key have the same id."""
    key = call.idempotency_key
    identifier = digest(call.caller.subject, key) if key else uuid.uuid4().hex
    return Fact(time=service().clock.now(), source=SOURCE, id=identifier)


async def _apply(
    call: Call,
    registration_id: RegistrationId,
    fact: Fact,
    content: str,
    decide: Decide,
    *,
    points: Sequence[SupplyPoint] = (),
    expect_new: bool = False,
) -> Outcome:
    request = ChangeRequest(
        registration_id=registration_id,
        change_id=change_id(registration_id, fact.id),
        fingerprint=digest(call.operation, content),
        origin=Origin(actor=call.caller.subject, source=SOURCE, event_id=None, event_time=fact.time),
        points=points,
    )
    outcome = await service().part(Registrations).apply(request, decide, expect_new=expect_new)
    log_outcome(outcome)
    return outcome


def _as_read(known: RegistrationState | None, tags: frozenset[str]) -> RegistrationState:
    """The registration, in the version that the caller has read.

    The version is checked last: a precondition applies only if the request could succeed without it (RFC 9110 §13.2.1).
    Raises `NotFound`, `RegistrationErased`, `NotLive`, `VersionStale`.
    """
    live = _live(known)
    if not names_version(tags, live.registration):
        raise VersionStale
    return live


def _live(known: RegistrationState | None) -> RegistrationState:
    """A live registration. Raises `NotFound`, `RegistrationErased`, `NotLive`."""
    if known is None:
        raise NotFound
    if known.erased_on is not None:
        raise RegistrationErased
    if not known.registration.status.live:
        raise NotLive
    return known


def _answer(call: Call, outcome: Outcome, status: int, headers: dict[str, str] | None = None) -> Answer:
    replayed = {"Idempotent-Replayed": "true"} if outcome.replayed and call.idempotency_key else {}
    change = outcome.change
    return registration_answer(
        change.state.registration, change.day, call.caller, status, {**(headers or {}), **replayed}
    )


main = api.function()
