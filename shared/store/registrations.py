"""The register in Firestore: optimistic single commits, the change log, supply point claims, the export feed.

One commit writes the registration, its change, the claims it takes or releases, and the feed of each network, so none
of these can be there without the others. Nothing is locked and nothing runs in a transaction: each write carries the
version it expects, and after a refusal or a lost answer the store looks before it concludes anything.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from time import monotonic
from typing import Any, NamedTuple

from shared.clock import day_closes, london_day, rfc3339
from shared.domain.changes import Change, ChangeKind, Origin, waiting_change_id
from shared.domain.decision import Decision, Moment
from shared.domain.erasure import erased_change
from shared.domain.feed import effects_of
from shared.domain.registration import AccountId, Fact, RegistrationId, RegistrationState, newly_assigned
from shared.domain.retention import erase_due_on
from shared.domain.supply_point_conflicts import after_former_holders, yield_supply_points
from shared.domain.supply_points import SupplyPoint, supply_point_key
from shared.domain.text import is_sector, postcode_sector
from shared.errors import (
    ClockOutOfStep,
    IdempotencyKeyReused,
    Problem,
    RegistrationErased,
    SupplyPointHeld,
    Unavailable,
)
from shared.log import Event, log
from shared.settings import settings
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Documents, Key, Stored, Value, documents
from shared.store.due_dates import ERASE_DUE, due_fields, spread
from shared.store.identity import Identity, identity
from shared.store.supply_points import Claim, SupplyPointWrites, claim_of

#: No attempt starts later than this after its request began: a day that closes two hours after midnight is complete.
LATEST_ATTEMPT = timedelta(minutes=10)
_ATTEMPTS = 8
#: A caller is told to come back before its function is cut off: this long, and the calls of one more attempt.
_PATIENCE_SECONDS = 20.0
_KEYS_PER_RPC = 500


class Snapshot(NamedTuple):
    """What was read before deciding, with the versions to expect when writing."""

    registration: RegistrationState | None = None
    change: Change | None = None
    claims: dict[str, Claim] = {}  # noqa: RUF012 - never changed; NamedTuple has no default factory
    versions: dict[str, Any] = {}  # noqa: RUF012


class ChangeRequest(NamedTuple):
    """One request or message: where its outcome is kept, and what it is about.

    `points` are the supply points that it may take or lose. A message `yields` where another registration holds, or
    held, one by a newer fact, and waits for one that is held by an older fact; a caller is told that it is held.
    """

    registration_id: RegistrationId
    change_id: str
    fingerprint: str
    origin: Origin
    points: Sequence[SupplyPoint]
    yields: bool = False

    @property
    def fact(self) -> Fact:
        """The fact that a message states."""
        return Fact(time=self.origin.event_time, source=self.origin.source, id=self.origin.event_id or "")


class Outcome(NamedTuple):
    """What came of a request. `replayed` means that it had been applied before.

    `waiting`: supply points that another registration holds are still to be taken; the change has all the rest.
    """

    change: Change
    replayed: bool
    waiting: bool = False


Decide = Callable[[RegistrationState | None, Moment], Decision]


class Registrations:
    """Reads and changes registrations."""

    def __init__(self, documents: Documents, identity: Identity) -> None:
        self._documents = documents
        self._identity = identity
        self._points = SupplyPointWrites(documents, identity)

    def registration_id(self, account_id: AccountId) -> RegistrationId:
        """The id of an account's registration, whether there is one or not."""
        return self._identity.registration_id(account_id)

    async def get(self, registration_id: str) -> RegistrationState | None:
        """One registration; one RPC. Raises `Unavailable`."""
        stored = await self._documents.get(Key("registrations", registration_id))
        return _registration(stored)

    async def get_all(self, registration_ids: Sequence[RegistrationId]) -> list[RegistrationState]:
        """Those that exist, in the order of the ids; one RPC for each 500. Raises `Unavailable`."""
        found = await self._get_all([_registration_key(registration_id) for registration_id in registration_ids])
        return [state for state in map(_registration, found) if state is not None]

    async def find(self, point: SupplyPoint) -> RegistrationState | None:
        """The live registration that holds a supply point; two RPCs, four if it changes hands meanwhile."""
        key = supply_point_key(point)
        claim_key = Key("supply_points", self._identity.supply_point_id(key))
        for _ in range(2):
            claim = claim_of(await self._documents.get(claim_key))
            if claim is None or claim.registration_id is None:
                return None
            state = await self.get(claim.registration_id)
            if state is not None and key in state.registration.assigned():
                return state
        return None

    async def find_all(self, points: Sequence[SupplyPoint]) -> dict[str, RegistrationState]:
        """The live registrations that hold supply points, by key: at most four RPCs for each 500.

        Those that change hands meanwhile are looked for once more. Raises `Unavailable`.
        """
        found: dict[str, RegistrationState] = {}
        missing = [supply_point_key(point) for point in points]
        for _ in range(2):
            claims = await self._get_all([self._points.claim_key(key) for key in missing])
            holders = {
                key: RegistrationId(str(claim.fields["registration_id"]))
                for key, claim in zip(missing, claims, strict=True)
                if claim and claim.fields["registration_id"]
            }
            ids = sorted(set(holders.values()))
            stored = await self._get_all([_registration_key(registration_id) for registration_id in ids])
            states = dict(zip(ids, map(_registration, stored), strict=True))
            for key, holder in holders.items():
                state = states[holder]
                if state is not None and key in state.registration.assigned():
                    found[key] = state
            missing = [key for key in holders if key not in found]
            if not missing:
                break
        return found

    async def in_area(
        self, postcode: str, *, after_id: str | None, limit: int
    ) -> tuple[list[RegistrationState], str | None]:
        """Live registrations by the premises' postcode or sector, and the id to go on after; one RPC."""
        field = "sector" if is_sector(postcode) else "postcode"
        stored = await self._documents.page(
            "registrations", equal=(field, postcode), after_id=after_id, limit=limit + 1
        )
        states = [RegistrationState.model_validate_json(one.state) for one in stored[:limit]]
        return states, stored[limit - 1].document_id if len(stored) > limit else None

    async def history(
        self, registration_id: RegistrationId, *, after: tuple[str, str] | None, limit: int
    ) -> tuple[list[Change], tuple[str, str] | None]:
        """Changes of a registration by version, and where to go on after; one RPC."""
        stored = await self._documents.ordered_page(
            "changes", ("registration_id", registration_id), order_by="sequence", after=after, limit=limit + 1
        )
        changes = [Change.model_validate_json(one.state) for one in stored[:limit]]
        return changes, (_sequence(changes[-1]), changes[-1].change_id) if len(stored) > limit else None

    async def apply(self, request: ChangeRequest, decide: Decide, *, expect_new: bool) -> Outcome:
        """Decide on a request and write all that comes of it in one commit.

        `decide` is a pure function, called again with what is true each time a commit was refused. `expect_new` bets
        that the account, the change and the supply points are not known yet, and saves the first reading; what is
        refused on that bet is looked up before it is believed.
        Raises what `decide` raises, `IdempotencyKeyReused`, `SupplyPointHeld`, `Unavailable`, `ClockOutOfStep`.
        """
        began = self._documents.clock.now()
        patient_until = monotonic() + _PATIENCE_SECONDS
        await self._documents.check_clocks()
        known = Snapshot() if expect_new else await self._read_snapshot(request)
        for attempt in range(_ATTEMPTS):
            if known.change is not None:
                return _replayed_outcome(known.change, request)
            try:
                known, moment, decision = await self._decide(request, known, decide, looked=not expect_new)
                if self._documents.clock.now() - began > LATEST_ATTEMPT or monotonic() > patient_until:
                    break
                return await self._commit(request, known, decision, moment)
            except CommitConflict:
                pass
            except CommitUnanswered:
                await pause(attempt)
            except Problem:
                if not expect_new:
                    raise
            if attempt:
                await pause(attempt)
            known, expect_new = await self._read_snapshot(request), False
        if known.change is not None:
            return _replayed_outcome(known.change, request)
        raise Unavailable(headers={"Retry-After": "1"})

    async def _commit(self, request: ChangeRequest, known: Snapshot, decision: Decision, moment: Moment) -> Outcome:
        """Raises `CommitConflict`, `CommitUnanswered`."""
        change, writes = self._writes(request, known, decision, moment)
        self._note_if_late(change, await self._documents.commit(writes))
        return Outcome(change, replayed=False, waiting=bool(decision.waiting))

    def _note_if_late(self, change: Change, committed_at: datetime) -> None:
        """An instance that was frozen in the moment of committing: the day's files may be out already."""
        if self._documents.clock.at(committed_at) >= day_closes(change.day):
            log(Event.CHANGE_STORED_LATE, registration_id=change.registration_id, day=change.day)

    async def _get_all(self, keys: Sequence[Key]) -> list[Stored | None]:
        """Documents in the order of `keys`; one RPC for each 500."""
        parts = [keys[start : start + _KEYS_PER_RPC] for start in range(0, len(keys), _KEYS_PER_RPC)]
        answers = await asyncio.gather(*(self._documents.batch_get(part) for part in parts))
        return [stored for answer in answers for stored in answer]

    async def _read_snapshot(self, request: ChangeRequest) -> Snapshot:
        """The registration, the request's own change, and the claims it may take: one RPC."""
        keys = {supply_point_key(point): self._points.claim_key(supply_point_key(point)) for point in request.points}
        registration, change, *claims = await self._documents.batch_get(
            [_registration_key(request.registration_id), Key("changes", request.change_id), *keys.values()]
        )
        found = {key: stored for key, stored in zip(keys, claims, strict=True) if stored is not None}
        versions = {key: stored.update_time for key, stored in found.items()}
        if registration is not None:
            versions[request.registration_id] = registration.update_time
        return Snapshot(
            _registration(registration),
            Change.model_validate_json(change.state) if change else None,
            {key: Claim.model_validate_json(stored.state) for key, stored in found.items()},
            versions,
        )

    async def _decide(
        self, request: ChangeRequest, known: Snapshot, decide: Decide, *, looked: bool
    ) -> tuple[Snapshot, Moment, Decision]:
        """The decision on what is known, and on the claims that it takes beyond what the request names."""
        moment = self._moment(known)
        decision = decide(known.registration, moment)
        if not looked:
            return known, moment, decision
        more = await self._look_at_claims(request, known, decision)
        if more is not known:
            moment = self._moment(more)
            decision = decide(more.registration, moment)
        return more, moment, await self._resolve_supply_point_conflicts(request, more, decision)

    async def _look_at_claims(self, request: ChangeRequest, known: Snapshot, decision: Decision) -> Snapshot:
        """Read the claims of what a decision takes or loses beyond what the request names: rare, one more RPC."""
        looked = {supply_point_key(point) for point in request.points}
        named = (*newly_assigned(known.registration, decision.state), *decision.elsewhere)
        keys = [key for key in named if key not in looked]
        if not keys:
            return known
        found = dict(
            zip(keys, await self._documents.batch_get([self._points.claim_key(key) for key in keys]), strict=True)
        )
        return known._replace(
            claims=known.claims | {key: Claim.model_validate_json(s.state) for key, s in found.items() if s},
            versions=known.versions | {key: stored.update_time for key, stored in found.items() if stored},
        )

    async def _resolve_supply_point_conflicts(
        self, request: ChangeRequest, known: Snapshot, decision: Decision
    ) -> Decision:
        """What stays of a decision where other registrations hold, or held, supply points that it takes.

        Raises `SupplyPointHeld` if nothing is left to do before they are released.
        """
        taken = newly_assigned(known.registration, decision.state)
        claims = {key: claim for key in taken if (claim := known.claims.get(key))}
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
        settled = yield_supply_points(decision, known.registration, newer, older, request.fact)
        if older and not _goes_ahead(settled, known.registration):
            raise SupplyPointHeld
        return settled

    async def _held_by(self, holders: Mapping[str, RegistrationId]) -> dict[str, Fact]:
        """The facts by which holders hold supply points, but for those that they have released meanwhile; one RPC."""
        states = await self.get_all(sorted(set(holders.values())))
        by_id = {state.registration.registration_id: state for state in states}
        held = {key: by_id[holder] for key, holder in holders.items() if holder in by_id}
        return {key: state.facts.points[key] for key, state in held.items() if key in state.registration.assigned()}

    def _moment(self, known: Snapshot) -> Moment:
        """Now, under a day no earlier than any day that this change builds on.

        Raises `ClockOutOfStep` if a stored day lies beyond tomorrow.
        """
        now = self._documents.clock.now()
        today = london_day(now)
        stored = [claim.released_on for claim in known.claims.values() if claim.released_on]
        if known.registration:
            stored.append(known.registration.day)
        day = max([today, *stored])
        if day > today + timedelta(days=1):
            raise ClockOutOfStep(headers={"Retry-After": "60"})
        return Moment(now, day)

    def _writes(
        self, request: ChangeRequest, known: Snapshot, decision: Decision, moment: Moment
    ) -> tuple[Change, list[Any]]:
        stated = self._stated_elsewhere(request, known, decision, moment)
        if decision.receipt:
            change = _change(request, decision, decision.state, moment)
            return change, [self._change_write(change), *stated]
        if decision.kind is ChangeKind.NO_CHANGE:
            change = _change(request, decision, decision.state, moment)
            return change, [self._registration_write(decision.state, known), self._change_write(change), *stated]
        before = known.registration
        taken = {
            key: self._points.taken_over(claim, request.registration_id) if (claim := known.claims.get(key)) else {}
            for key in newly_assigned(known.registration, decision.state)
        }
        handed_over = {**decision.state.networks, **taken}
        effects = effects_of(decision.state.registration, handed_over, moment.day, decision.lost)
        state = decision.state.model_copy(update={"networks": effects.retained})
        losses = dict.fromkeys(decision.lost, request.fact)
        change = _change(request, decision, state, moment)
        return change, [
            self._registration_write(state, known),
            self._change_write(change),
            *self._points.taken(taken, request.registration_id, known.versions),
            *(self._points.released(effects.released, before, moment.day, losses) if before else []),
            *(self._points.feed(entry) for entry in effects.entries),
            *stated,
        ]

    def _stated_elsewhere(
        self, request: ChangeRequest, known: Snapshot, decision: Decision, moment: Moment
    ) -> list[Any]:
        """What a message means for the claims of supply points that its registration does not hold any more."""
        return [
            write
            for key, served in sorted(decision.elsewhere.items())
            if (claim := known.claims.get(key)) and claim.released_by == request.registration_id
            for write in self._points.stated(
                key,
                claim,
                known.versions[key],
                decision.state.registration,
                request.fact,
                moment.day,
                served=served,
            )
        ]

    def _registration_write(self, state: RegistrationState, known: Snapshot) -> Any:
        registration = state.registration
        key = _registration_key(registration.registration_id)
        due = erase_due_on(state, timedelta(days=settings().ended_kept_days))
        fields = registration_fields(state, due)
        version = known.versions.get(registration.registration_id)
        if version is None:
            return self._documents.create(key, fields)
        return self._documents.replace(key, fields, version)

    def _change_write(self, change: Change) -> Any:
        fields: dict[str, Value] = {
            "registration_id": change.registration_id,
            "version": change.version,
            "sequence": _sequence(change),
            "kind": change.kind.value,
            "day": change.day.isoformat(),
            "state": change.model_dump_json(),
        }
        return self._documents.create(Key("changes", change.change_id), fields)


def _goes_ahead(decision: Decision, known: RegistrationState | None) -> bool:
    """Whether a decision has something to write before the supply points that it waits for are released.

    An account that the register does not know yet waits with everything: it is registered as a whole, or not.
    """
    return known is not None and known.erased_on is None and decision.state.facts != known.facts


def _registration_key(registration_id: RegistrationId) -> Key:
    return Key("registrations", registration_id)


def _registration(stored: Stored | None) -> RegistrationState | None:
    return RegistrationState.model_validate_json(stored.state) if stored else None


def registration_fields(state: RegistrationState, erase_due: date | None) -> dict[str, Value]:
    """The fields of a stored registration. `erase_due` is the day on which something of it is to be erased."""
    registration = state.registration
    return {
        "status": registration.status.value,
        "version": registration.version,
        "postcode": registration.premises.postcode if registration.status.live else None,
        "sector": postcode_sector(registration.premises.postcode) if registration.status.live else None,
        **due_fields(registration),
        **({ERASE_DUE: spread(registration.registration_id, erase_due)} if erase_due else {}),
        "state": state.model_dump_json(),
    }


def _sequence(change: Change) -> str:
    """Orders a history: by version, what made the version before what left it as it was, then by time."""
    return f"{change.version:010d}|{int(not change.made_a_version)}|{rfc3339(change.recorded_at)}"


def _change(request: ChangeRequest, decision: Decision, state: RegistrationState, moment: Moment) -> Change:
    """A request leaves the change of its own id once nothing of it waits any more.

    A late message about an erased account leaves one that is erased from the start.
    """
    change_id = request.change_id
    if decision.waiting:
        change_id = waiting_change_id(request.registration_id, change_id, len(decision.waiting))
    change = Change(
        change_id=change_id,
        registration_id=request.registration_id,
        kind=decision.kind,
        version=state.registration.version,
        origin=request.origin,
        recorded_at=moment.now,
        day=moment.day,
        fingerprint=request.fingerprint,
        reason=decision.reason,
        state=state,
    )
    return erased_change(change, moment.now) if state.erased_on else change


def _replayed_outcome(change: Change, request: ChangeRequest) -> Outcome:
    if change.erased:
        raise RegistrationErased
    if change.fingerprint != request.fingerprint:
        raise IdempotencyKeyReused
    return Outcome(change, replayed=True)


@cache
def registrations() -> Registrations:
    """The register of this process's database."""
    return Registrations(documents(), identity())
