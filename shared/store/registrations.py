"""The register in Firestore: registrations, and changes of them in optimistic single commits.

One commit writes the registration, its change, the claims that it takes or releases, and the feed of each network, so
that all of these exist or none. Nothing is locked, and there are no transactions: each write carries the version that
it expects. After a refusal or a lost answer the store reads what is stored before it continues.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from time import monotonic
from typing import NamedTuple, Self

from shared.clock import Clock, day_closes
from shared.domain.changes import Change
from shared.domain.decision import Decision, Moment
from shared.domain.registration import AccountId, Fact, Registration, RegistrationId, RegistrationState
from shared.domain.supply_point_conflicts import after_former_holders, yield_supply_points
from shared.domain.supply_points import SupplyPoint, supply_point_key
from shared.domain.text import is_sector
from shared.errors import IdempotencyKeyReused, Problem, RegistrationErased, SupplyPointHeld, Unavailable
from shared.log import Event, log
from shared.model import Model
from shared.policy import Policy
from shared.store.change_requests import (
    ChangeRequest,
    ChangeWrites,
    Snapshot,
    Snapshots,
    registration_key,
    registration_of,
    sequence_of,
)
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Collection, Documents, Key, Stored
from shared.store.identity import Identity
from shared.store.service import Service
from shared.store.supply_points import SupplyPointWrites, claim_of
from shared.turns import in_turns

#: No attempt starts later than this after its request: a day that closes two hours after midnight is complete.
LATEST_ATTEMPT = timedelta(minutes=10)
_ATTEMPTS = 8
#: A caller gets a 503 before its function is cut off: after this long and the calls of one more attempt.
_PATIENCE_SECONDS = 20.0
_KEYS_PER_RPC = 500


class Read(Model, extra="ignore"):
    """The parts of a `RegistrationState` that answers need; the rest, a quarter of the time, is not decoded."""

    registration: Registration
    erased_on: date | None = None


class Outcome(NamedTuple):
    """The change that a request made. `replayed`: the request had been applied before.

    `waiting`: supply points that another registration serves are still to be taken; the change has all the rest.
    """

    change: Change
    replayed: bool
    waiting: bool = False


Decide = Callable[[RegistrationState | None, Moment], Decision]


class Registrations:
    """Reads and changes registrations."""

    def __init__(self, documents: Documents, identity: Identity, policy: Policy) -> None:
        self._documents = documents
        self._identity = identity
        self._points = SupplyPointWrites(documents, identity)
        self._snapshots = Snapshots(documents, self._points)
        self._changes = ChangeWrites(documents, self._points, timedelta(days=policy.ended_kept_days))

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(service.documents, service.identity, service.settings)

    def registration_id(self, account_id: AccountId) -> RegistrationId:
        """The id of an account's registration, whether there is one or not."""
        return self._identity.registration_id(account_id)

    async def get(self, registration_id: str) -> RegistrationState | None:
        """One registration; one RPC. Raises `Unavailable`."""
        stored = await self._documents.get(Key(Collection.REGISTRATIONS, registration_id))
        return registration_of(stored)

    async def read(self, registration_id: str) -> Read | None:
        """One registration to answer with; one RPC. Raises `Unavailable`."""
        stored = await self._documents.get(Key(Collection.REGISTRATIONS, registration_id))
        return Read.model_validate_json(stored.state) if stored else None

    async def get_all(self, registration_ids: Sequence[RegistrationId]) -> list[RegistrationState]:
        """Those that exist, in the order of the ids; one RPC for each 500. Raises `Unavailable`."""
        found = await self._get_all([registration_key(registration_id) for registration_id in registration_ids])
        return [state for state in map(registration_of, found) if state is not None]

    async def find(self, point: SupplyPoint) -> Read | None:
        """The live registration that holds a supply point; two RPCs, four if it changes hands meanwhile."""
        key = supply_point_key(point)
        claim_key = self._points.claim_key(key)
        for _ in range(2):
            claim = claim_of(await self._documents.get(claim_key))
            if claim is None or claim.registration_id is None:
                return None
            found = await self.read(claim.registration_id)
            if found is not None and key in found.registration.assigned():
                return found
        return None

    async def find_all(self, points: Sequence[SupplyPoint]) -> dict[str, Registration]:
        """The live registrations that hold supply points, by key: at most four RPCs for each 500.

        Those that change hands meanwhile are looked up again. Raises `Unavailable`.
        """
        found: dict[str, Registration] = {}
        missing = [supply_point_key(point) for point in points]
        for _ in range(2):
            claims = await self._get_all([self._points.claim_key(key) for key in missing], ["registration_id"])
            holders = {
                key: RegistrationId(str(claim.fields["registration_id"]))
                for key, claim in zip(missing, claims, strict=True)
                if claim and claim.fields["registration_id"]
            }
            ids = sorted(set(holders.values()))
            stored = await self._get_all([registration_key(registration_id) for registration_id in ids], ["state"])
            registrations: dict[str, Registration] = {}
            async for piece in in_turns(stored):
                registrations |= {
                    one.document_id: Read.model_validate_json(one.state).registration for one in piece if one
                }
            for key, holder in holders.items():
                registration = registrations.get(holder)
                if registration is not None and key in registration.assigned():
                    found[key] = registration
            missing = [key for key in holders if key not in found]
            if not missing:
                break
        return found

    async def in_area(
        self, postcode: str, *, after_id: str | None, limit: int
    ) -> tuple[list[Registration], str | None]:
        """Live registrations by the premises' postcode or sector, and the id to continue after; one RPC."""
        field = "sector" if is_sector(postcode) else "postcode"
        stored = await self._documents.page(
            Collection.REGISTRATIONS, equal=(field, postcode), after_id=after_id, limit=limit + 1
        )
        found = [Read.model_validate_json(one.state).registration for one in stored[:limit]]
        return found, stored[limit - 1].document_id if len(stored) > limit else None

    async def history(
        self, registration_id: RegistrationId, *, after: tuple[str, str] | None, limit: int
    ) -> tuple[list[Change], tuple[str, str] | None]:
        """Changes of a registration by version, and where to continue; one RPC."""
        stored = await self._documents.ordered_page(
            Collection.CHANGES, ("registration_id", registration_id), order_by="sequence", after=after, limit=limit + 1
        )
        changes = [Change.model_validate_json(one.state) for one in stored[:limit]]
        return changes, (sequence_of(changes[-1]), changes[-1].change_id) if len(stored) > limit else None

    async def apply(self, request: ChangeRequest, decide: Decide, *, expect_new: bool) -> Outcome:
        """Decide on a request and write the whole result in one commit.

        `decide` is a pure function; it is called again on a newer snapshot after each commit that was refused.
        `expect_new` bets that the account, the change and the supply points are unknown, which saves the first read;
        a refusal on that bet is checked against what is stored.
        Raises what `decide` raises, `IdempotencyKeyReused`, `SupplyPointHeld`, `Unavailable`, `ClockOutOfStep`.
        """
        deadline = _Deadline(self._documents.clock)
        await self._documents.check_clocks()
        snapshot = Snapshot(read=False) if expect_new else await self._snapshots.read(request)
        for attempt in range(_ATTEMPTS):
            outcome = await self._attempt(request, decide, snapshot, deadline)
            if outcome is not None:
                return outcome
            await pause(attempt)
            snapshot = await self._snapshots.read(request)
        if snapshot.change is not None:
            return _replayed_outcome(snapshot.change, request)
        raise Unavailable(retry_after=1)

    async def _attempt(
        self, request: ChangeRequest, decide: Decide, snapshot: Snapshot, deadline: "_Deadline"
    ) -> Outcome | None:
        """Decide on a snapshot and commit; None if that must be repeated on a newer one. Raises what `apply` raises."""
        if snapshot.change is not None:
            return _replayed_outcome(snapshot.change, request)
        try:
            complete, moment, decision = await self._decide(request, snapshot, decide)
            deadline.check()
            return await self._commit(request, complete, decision, moment)
        except (CommitConflict, CommitUnanswered):
            return None
        except Problem:
            if snapshot.read:
                raise
            return None

    async def _decide(
        self, request: ChangeRequest, snapshot: Snapshot, decide: Decide
    ) -> tuple[Snapshot, Moment, Decision]:
        """The decision, with the snapshot and the moment that it is made on.

        A decision that takes or loses supply points beyond those that the request names is rare: their claims are one
        more RPC, and the decision is made again.
        """
        moment = snapshot.moment(self._documents.clock.now())
        decision = decide(snapshot.registration, moment)
        if not snapshot.read:
            return snapshot, moment, decision
        named = {supply_point_key(point) for point in request.points}
        more = [key for key in (*snapshot.taken(decision), *decision.elsewhere) if key not in named]
        if not more:
            return snapshot, moment, await self._resolve_supply_point_conflicts(request, snapshot, decision)
        complete = await self._snapshots.with_claims(snapshot, more)
        later = complete.moment(self._documents.clock.now())
        repeated = decide(complete.registration, later)
        return complete, later, await self._resolve_supply_point_conflicts(request, complete, repeated)

    async def _resolve_supply_point_conflicts(
        self, request: ChangeRequest, snapshot: Snapshot, decision: Decision
    ) -> Decision:
        """The part of a decision that remains where other registrations serve, or served, supply points that it takes.

        Raises `SupplyPointHeld` if nothing can be done before they are released.
        """
        claims = {key: claim for key in snapshot.taken(decision) if (claim := snapshot.claims.get(key))}
        holders = {
            key: claim.registration_id
            for key, claim in claims.items()
            if claim.registration_id not in (None, request.registration_id)
        }
        former = {
            key: claim.fact
            for key, claim in claims.items()
            if claim.fact is not None and claim.released_by != request.registration_id
        }
        if not holders and not former:
            return decision
        if not request.yields:
            if holders:
                raise SupplyPointHeld
            return after_former_holders(decision, former)
        facts = decision.state.facts.points
        newer = {key for key, fact in (former | await self._held_by(holders)).items() if fact.newer_than(facts[key])}
        older = holders.keys() - newer
        remaining = yield_supply_points(decision, snapshot.registration, newer, older, request.fact)
        if older and not _can_continue(remaining, snapshot.registration):
            raise SupplyPointHeld
        return remaining

    async def _held_by(self, holders: Mapping[str, RegistrationId]) -> dict[str, Fact]:
        """The facts by which holders serve supply points, without those released since the snapshot; one RPC."""
        states = await self.get_all(sorted(set(holders.values())))
        by_id = {state.registration.registration_id: state for state in states}
        held = {key: by_id[holder] for key, holder in holders.items() if holder in by_id}
        return {key: state.facts.points[key] for key, state in held.items() if key in state.registration.assigned()}

    async def _commit(self, request: ChangeRequest, snapshot: Snapshot, decision: Decision, moment: Moment) -> Outcome:
        """Raises `CommitConflict`, `CommitUnanswered`."""
        change, writes = self._changes.writes(request, snapshot, decision, moment)
        self._log_if_late(change, await self._documents.commit(writes))
        return Outcome(change, replayed=False, waiting=bool(decision.waiting))

    def _log_if_late(self, change: Change, committed_at: datetime) -> None:
        """Log a change that was stored after its day had closed: the instance was frozen when it committed."""
        if self._documents.clock.at(committed_at) >= day_closes(change.day):
            log(Event.CHANGE_STORED_LATE, registration_id=change.registration_id, day=change.day)

    async def _get_all(self, keys: Sequence[Key], fields: Sequence[str] = ()) -> list[Stored | None]:
        """Documents in the order of `keys`, of `fields` or whole; one RPC for each 500."""
        parts = [keys[start : start + _KEYS_PER_RPC] for start in range(0, len(keys), _KEYS_PER_RPC)]
        answers = await asyncio.gather(*(self._documents.batch_get(part, fields) for part in parts))
        return [stored for answer in answers for stored in answer]


class _Deadline:
    """Until when an attempt of a request may start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now()
        self._patient_until = monotonic() + _PATIENCE_SECONDS

    def check(self) -> None:
        """Raises `Unavailable` once the deadline has passed."""
        if self._clock.now() - self._began > LATEST_ATTEMPT or monotonic() > self._patient_until:
            raise Unavailable(retry_after=1)


def _can_continue(decision: Decision, before: RegistrationState | None) -> bool:
    """Whether a decision has something to write before the supply points that it waits for are released.

    An account that the register does not know is registered as a whole, or not at all.
    """
    return before is not None and before.erased_on is None and decision.state.facts != before.facts


def _replayed_outcome(change: Change, request: ChangeRequest) -> Outcome:
    if change.erased:
        raise RegistrationErased
    if change.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return Outcome(change, replayed=True)
