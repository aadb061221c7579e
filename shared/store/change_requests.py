"""A change request, what is read before it is decided, and what is written after.

A snapshot has the version of each document that was read; the commit expects these versions.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from shared.clock import london_day, rfc3339
from shared.domain.changes import Change, ChangeKind, Origin, waiting_change_id
from shared.domain.decision import Decision, Moment
from shared.domain.erasure import erased_change
from shared.domain.feed import effects_of
from shared.domain.registration import Fact, RegistrationId, RegistrationState, newly_assigned
from shared.domain.retention import erase_due_on
from shared.domain.supply_points import SupplyPoint, supply_point_key
from shared.domain.text import postcode_sector
from shared.errors import ClockOutOfStep
from shared.store.documents import Collection, Documents, Key, Stored
from shared.store.due_dates import ERASE_DUE, due_fields, spread
from shared.store.supply_points import Claim, SupplyPointWrites, claim_of
from shared.store.values import Value


class ChangeRequest(NamedTuple):
    """One request or message: the change that it makes, and the registration and supply points that it is about.

    `points` are the supply points that it may take or lose. A message `yields` a supply point that another registration
    serves, or served, by a newer fact, and waits for one that another serves by an older fact. A caller gets an error.
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


class Snapshot(NamedTuple):
    """The documents that a decision depends on, with the versions that the commit expects.

    One that is not `read` takes everything to be new.
    """

    registration: RegistrationState | None = None
    change: Change | None = None
    claims: Mapping[str, Claim] = {}
    versions: Mapping[str, Any] = {}
    read: bool = True

    def taken(self, decision: Decision) -> list[str]:
        """The keys of supply points that the registration has after a decision and did not have before."""
        return list(newly_assigned(self.registration, decision.state))

    def moment(self, now: datetime) -> Moment:
        """The instant and the day of a change, a day no earlier than any that the change builds on.

        Raises `ClockOutOfStep` if a stored day is after tomorrow.
        """
        today = london_day(now)
        stored = [claim.released_on for claim in self.claims.values() if claim.released_on]
        if self.registration:
            stored.append(self.registration.day)
        day = max([today, *stored])
        if day > today + timedelta(days=1):
            raise ClockOutOfStep(retry_after=60)
        return Moment(now, day)


class Snapshots:
    """Reads snapshots."""

    def __init__(self, documents: Documents, points: SupplyPointWrites) -> None:
        self._documents = documents
        self._points = points

    async def read(self, request: ChangeRequest) -> Snapshot:
        """The registration, the request's own change, and the claims of its supply points: one RPC."""
        keys = [supply_point_key(point) for point in request.points]
        registration, change, *claims = await self._documents.batch_get(
            [
                registration_key(request.registration_id),
                Key(Collection.CHANGES, request.change_id),
                *map(self._points.claim_key, keys),
            ]
        )
        empty = Snapshot(
            registration_of(registration),
            Change.model_validate_json(change.state) if change else None,
            versions={request.registration_id: registration.update_time} if registration else {},
        )
        return _with_claims(empty, keys, claims)

    async def with_claims(self, snapshot: Snapshot, keys: Sequence[str]) -> Snapshot:
        """The snapshot with the claims of more supply points: one RPC."""
        claims = await self._documents.batch_get([self._points.claim_key(key) for key in keys])
        return _with_claims(snapshot, keys, claims)


def _with_claims(snapshot: Snapshot, keys: Sequence[str], claims: Sequence[Stored | None]) -> Snapshot:
    found = {key: (claim, stored) for key, stored in zip(keys, claims, strict=True) if (claim := claim_of(stored))}
    return snapshot._replace(
        claims={**snapshot.claims, **{key: claim for key, (claim, _) in found.items()}},
        versions={**snapshot.versions, **{key: stored.update_time for key, (_, stored) in found.items() if stored}},
    )


class ChangeWrites:
    """Makes the writes of one commit: the registration, its change, claims, and each network's feed."""

    def __init__(self, documents: Documents, points: SupplyPointWrites, ended_kept: timedelta) -> None:
        self._documents = documents
        self._points = points
        self._ended_kept = ended_kept

    def writes(
        self, request: ChangeRequest, snapshot: Snapshot, decision: Decision, moment: Moment
    ) -> tuple[Change, list[Any]]:
        """The change, and all that is written with it."""
        stated = self._stated_elsewhere(request, snapshot, decision, moment)
        if decision.receipt or decision.kind in (ChangeKind.NO_CHANGE, ChangeKind.CONTACTED):
            change = _change(request, decision, decision.state, moment)
            registration = [] if decision.receipt else [self._registration(decision.state, snapshot)]
            return change, [*registration, self._change(change), *stated]
        before = snapshot.registration
        taken = {
            key: self._points.taken_over(claim, request.registration_id) if (claim := snapshot.claims.get(key)) else {}
            for key in snapshot.taken(decision)
        }
        networks = {**decision.state.networks, **taken}
        effects = effects_of(decision.state.registration, networks, moment.day, decision.lost)
        state = decision.state.model_copy(update={"networks": effects.retained})
        losses = dict.fromkeys(decision.lost, request.fact)
        change = _change(request, decision, state, moment)
        return change, [
            self._registration(state, snapshot),
            self._change(change),
            *self._points.taken(taken, request.registration_id, snapshot.versions),
            *(self._points.released(effects.released, before, moment.day, losses) if before else []),
            *(self._points.feed(entry) for entry in effects.entries),
            *stated,
        ]

    def _stated_elsewhere(
        self, request: ChangeRequest, snapshot: Snapshot, decision: Decision, moment: Moment
    ) -> list[Any]:
        """The writes of claims of supply points that the message names and its registration released earlier."""
        return [
            write
            for key, served in sorted(decision.elsewhere.items())
            if (claim := snapshot.claims.get(key)) and claim.released_by == request.registration_id
            for write in self._points.stated(
                key,
                claim,
                snapshot.versions[key],
                decision.state.registration,
                request.fact,
                moment.day,
                served=served,
            )
        ]

    def _registration(self, state: RegistrationState, snapshot: Snapshot) -> Any:
        registration_id = state.registration.registration_id
        fields = registration_fields(state, erase_due_on(state, self._ended_kept))
        version = snapshot.versions.get(registration_id)
        if version is None:
            return self._documents.create(registration_key(registration_id), fields)
        return self._documents.replace(registration_key(registration_id), fields, version)

    def _change(self, change: Change) -> Any:
        fields: dict[str, Value] = {
            "registration_id": change.registration_id,
            "version": change.version,
            "sequence": sequence_of(change),
            "kind": change.kind.value,
            "day": change.day.isoformat(),
            "state": change.model_dump_json(),
        }
        return self._documents.create(Key(Collection.CHANGES, change.change_id), fields)


def registration_key(registration_id: RegistrationId) -> Key:
    """Where a registration is stored."""
    return Key(Collection.REGISTRATIONS, registration_id)


def registration_of(stored: Stored | None) -> RegistrationState | None:
    """A registration as read."""
    return RegistrationState.model_validate_json(stored.state) if stored else None


def registration_fields(state: RegistrationState, erase_due: date | None) -> dict[str, Value]:
    """The fields of a stored registration. `erase_due` is the day on which something of it is to be erased."""
    registration = state.registration
    postcode = registration.premises.postcode if registration.status.live else None
    return {
        "status": registration.status.value,
        "version": registration.version,
        "postcode": postcode,
        "sector": postcode_sector(postcode) if postcode else None,
        **due_fields(registration),
        **({ERASE_DUE: spread(registration.registration_id, erase_due)} if erase_due else {}),
        "state": state.model_dump_json(),
    }


def sequence_of(change: Change) -> str:
    """Orders a history: by version, the change that made the version before those that left it as it was, by time."""
    return f"{change.version:010d}|{int(not change.made_a_version)}|{rfc3339(change.recorded_at)}"


def _change(request: ChangeRequest, decision: Decision, state: RegistrationState, moment: Moment) -> Change:
    """The change of a request, under the request's own id once nothing of it waits.

    A late message about an erased account leaves a change that is erased from the start.
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
        attempt=decision.attempt,
        state=state,
    )
    return erased_change(change, moment.now) if state.erased_on else change
