"""Erase a person's data: at their request (`psr subject erase`), and when an ended registration's retention is over.

First a shell replaces the registration, under the version read; a live registration is refused before anything else
changes. Then the history, the feed entries and the quarantined messages are overwritten in place, so that counts stay
true. All of these are found by the registration's id, and each step can be repeated: the next command or run continues
an interrupted erasure.

The date of the next check, `erase_due`, is stored with the shell: the same day while work remains, then the next day,
for changes that raced the erasure and for states in files that are not released yet. A check that finds nothing, a day
or more after the erasure, removes it. A period that ended before the account was registered again is erased in the same
way, up to the version that it ended with, while the registration stays as it is.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from shared.clock import day_begins, london_day
from shared.domain.changes import Change, Origin, change_id
from shared.domain.decision import Decision, Moment
from shared.domain.erasure import SOURCE, erased_at, erased_change, erased_entry, erased_state, tombstone
from shared.domain.export_day import Stage
from shared.domain.feed import FeedEntry
from shared.domain.registration import Fact, FormerPeriod, RegistrationId, RegistrationState
from shared.domain.requests import withdraw
from shared.domain.retention import (
    Extent,
    erase_due_on,
    erase_period_on,
    erase_registration_on,
    retained_periods,
    retained_versions,
)
from shared.errors import NotFound, NotLive, Unavailable
from shared.store.change_requests import ChangeRequest, registration_fields, registration_key
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Collection, Key, Stored
from shared.store.due_dates import ERASE_DUE, spread
from shared.store.exports import Exports
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import Record
from shared.store.registrations import Registrations
from shared.store.service import Service
from shared.store.supply_points import feed_fields

_PAGE = 100
_ATTEMPTS = 5
_WRITES_PER_RPC = 100
#: A request or message that raced an erasure has ended by then. A little less than a day, for the daily run.
_RACES_LAST = timedelta(hours=20)


class Subject(NamedTuple):
    """All that the register holds of one account. `state` is None if it does not know the account.

    `ambiguous` are messages that name another account, too: a person must judge whose they are.
    """

    registration_id: RegistrationId
    state: RegistrationState | None
    changes: list[Change]
    feed: list[FeedEntry]
    messages: list[Record]
    ambiguous: list[Record]


class ErasureResult(NamedTuple):
    """How many documents were overwritten; `pending` feed entries follow when their day is released.

    `ended` says that the registration was live. `ambiguous` are the ids of messages left to a person's judgement.
    """

    registration_id: RegistrationId
    changes: int
    feed: int
    messages: int
    pending: int
    ended: bool = False
    ambiguous: tuple[str, ...] = ()

    @property
    def overwritten(self) -> int:
        """How many documents were overwritten."""
        return self.changes + self.feed + self.messages

    def plus(self, other: "ErasureResult") -> "ErasureResult":
        """Both together."""
        return self._replace(
            changes=self.changes + other.changes,
            feed=self.feed + other.feed,
            messages=self.messages + other.messages,
            pending=self.pending + other.pending,
            ambiguous=tuple(dict.fromkeys([*self.ambiguous, *other.ambiguous])),
        )


class Erasure:
    """Finds and overwrites what belongs to accounts."""

    def __init__(self, service: Service) -> None:
        self._documents = service.documents
        self._settings = service.settings
        self._registrations = service.part(Registrations)
        self._quarantine = service.part(Quarantine)
        self._exports = service.part(Exports)

    async def subject(self, registration_id: RegistrationId) -> Subject:
        """All that is held of an account. Raises `Unavailable`."""
        messages, ambiguous = await self._messages(registration_id)
        return Subject(
            registration_id,
            await self._registrations.get(registration_id),
            [change async for change in self._changes(registration_id)],
            [entry for _, entry in await self._feed(registration_id)],
            messages,
            ambiguous,
        )

    async def erase(self, registration_id: RegistrationId, actor: str) -> ErasureResult:
        """End the registration if it is live, which sends deletes to the networks, and overwrite everything.

        Doing it again does no harm, and finishes what was interrupted. Raises `NotFound`, `Unavailable`.
        """
        ended = False
        for attempt in range(_ATTEMPTS):
            ended = await self._end(registration_id, actor) or ended
            if await self._make_shell(registration_id, with_former=False):
                return (await self._sweep(registration_id))._replace(ended=ended)
            await pause(attempt)
        raise Unavailable(retry_after=5)

    async def erase_unknown(self, registration_id: RegistrationId) -> ErasureResult | None:
        """Erase the quarantined messages of an account that the register does not know, and leave a shell for it.

        A message from before the erasure cannot register the account then. None if the register knows it by now.
        Raises `Unavailable`.
        """
        now = self._documents.clock.now()
        fields = registration_fields(tombstone(registration_id, now), london_day(now))
        try:
            await self._documents.commit([self._documents.create(registration_key(registration_id), fields)])
        except (CommitConflict, CommitUnanswered) as error:
            known = await self._registrations.get(registration_id)
            if known is None:
                raise Unavailable(retry_after=5) from error
            if known.erased_on is None:
                return None
        return await self._sweep(registration_id)

    async def erase_due(self, registration_id: RegistrationId, until: date) -> ErasureResult | None:
        """Erase the parts of a registration that are due by a day; None if there is none. A live one stays as it is.

        Raises `Unavailable`.
        """
        for attempt in range(_ATTEMPTS):
            stored = await self._documents.get(registration_key(registration_id))
            if stored is None or not _is_due(stored, until):
                return None
            state = _state(stored)
            if state.erased_on is not None:
                return await self._sweep(registration_id)
            erase_on = erase_registration_on(state, self._kept)
            if erase_on is None or erase_on > until:
                return await self._erase_former(state, until)
            if await self._make_shell(registration_id, with_former=True):
                return await self._sweep(registration_id)
            await pause(attempt)
        raise Unavailable(retry_after=5)

    async def _end(self, registration_id: RegistrationId, actor: str) -> bool:
        """End a live registration: the networks get deletes. Returns whether it was live.

        Raises `NotFound`, `Unavailable`.
        """
        known = await self._registrations.get(registration_id)
        if known is None:
            raise NotFound
        if not known.registration.status.live:
            return False
        fact = Fact(time=self._documents.clock.now(), source=SOURCE, id=uuid4().hex)
        request = ChangeRequest(
            registration_id=registration_id,
            change_id=change_id(registration_id, fact.id),
            fingerprint=SOURCE,
            origin=Origin(actor=actor, source=SOURCE, event_id=None, event_time=fact.time),
            points=[],
        )

        def decide(known: RegistrationState | None, moment: Moment) -> Decision:
            if known is None:
                raise NotFound
            return withdraw(SOURCE, known, moment=moment, fact=fact, policy=self._settings)

        try:
            await self._registrations.apply(request, decide, expect_new=False)
        except NotLive:  # it has ended meanwhile
            return False
        return True

    async def _make_shell(self, registration_id: RegistrationId, *, with_former: bool) -> bool:
        """Replace a registration that has ended by a shell that is due today, and say whether it is one.

        It is none if it is live, or has changed meanwhile. A shell is replaced, too: erasing again covers what was
        stated since. `with_former` it keeps former periods for their retention. Raises `NotFound`, `Unavailable`.
        """
        stored = await self._documents.get(registration_key(registration_id))
        if stored is None:
            raise NotFound
        now = self._documents.clock.now()
        state = _state(stored)
        if state.registration.status.live:
            return False
        shell = erased_state(state, now).model_copy(update={"former": state.former if with_former else []})
        if state.erased_on is not None:
            shell = shell.model_copy(update={"erased_on": state.erased_on})
        return await self._replace(stored, shell, london_day(now))

    async def _sweep(self, registration_id: RegistrationId) -> ErasureResult:
        """Overwrite the rest of the data of a shell, and store when to check again."""
        now = self._documents.clock.now()
        stored = await self._documents.get(registration_key(registration_id))
        shell = _state(stored) if stored is not None else None
        if stored is None or shell is None or shell.erased_on is None:  # registered again: now it is a former period
            return ErasureResult(registration_id, 0, 0, 0, 0)
        retained = retained_versions(shell, self._kept, london_day(now))
        done = await self._overwrite(registration_id, Extent(shell.registration.version, now, retained))
        shell = shell.model_copy(update={"former": retained_periods(shell, self._kept, london_day(now))})
        finished = _finished(done, erased_at(shell), now)
        next_check = erase_due_on(shell, self._kept) if finished else london_day(now) + timedelta(days=1)
        await self._replace(stored, shell, next_check)
        return done

    async def _erase_former(self, state: RegistrationState, until: date) -> ErasureResult | None:
        """Overwrite what is left of periods that ended before the account was registered again."""
        registration_id = state.registration.registration_id
        now = self._documents.clock.now()
        done = ErasureResult(registration_id, 0, 0, 0, 0)
        finished: list[FormerPeriod] = []
        retained = retained_versions(state, self._kept, until)
        due = [period for period in state.former if erase_period_on(period, self._kept) <= until]
        for period in due:
            seen_by = period.erased_at or day_begins(period.ended_on + timedelta(days=1))
            one = await self._overwrite(registration_id, Extent(period.version, seen_by, retained))
            finished += [period] if _finished(one, period.erased_at, now) else []
            done = done.plus(one)
        if finished:
            await self._forget(registration_id, finished)
        return done if due else None

    async def _forget(self, registration_id: RegistrationId, finished: list[FormerPeriod]) -> None:
        """Take periods of which nothing is left off a registration. If it has just changed, a later run does."""
        stored = await self._documents.get(registration_key(registration_id))
        if stored is None:
            return
        state = _state(stored)
        after = state.model_copy(update={"former": [period for period in state.former if period not in finished]})
        if after != state:
            await self._replace(stored, after, erase_due_on(after, self._kept))

    @property
    def _kept(self) -> timedelta:
        """How long what has ended is kept."""
        return timedelta(days=self._settings.ended_kept_days)

    async def _replace(self, stored: Stored, state: RegistrationState, erase_due: date | None) -> bool:
        """Store a registration's state if it is still the version read. False if it is not known to be stored."""
        key = registration_key(state.registration.registration_id)
        fields = registration_fields(state, erase_due)
        try:
            await self._documents.commit([self._documents.replace(key, fields, stored.update_time)])
        except (CommitConflict, CommitUnanswered):
            return False
        return True

    async def _overwrite(self, registration_id: RegistrationId, extent: Extent) -> ErasureResult:
        """Overwrite the history, feed and messages of an account that belong to what is erased."""
        messages, ambiguous = await self._messages(registration_id)
        old = [record for record in messages if record.first_seen <= extent.seen_by]
        for record in old:
            await self._quarantine.erase(record.record_id)
        changes = await self._until_none_is_left(lambda: self._history_writes(registration_id, extent))
        feed, pending = await self._overwrite_feed(registration_id, extent)
        return ErasureResult(
            registration_id,
            changes,
            feed,
            len(old),
            pending,
            ambiguous=tuple(record.record_id for record in ambiguous if record.first_seen <= extent.seen_by),
        )

    async def _until_none_is_left(self, writes: Callable[[], Awaitable[dict[str, Any]]]) -> int:
        """Commit writes, by document id, and look again where that failed; how many documents that were."""
        overwritten: set[str] = set()
        for attempt in range(_ATTEMPTS):
            left = await writes()
            overwritten |= left.keys()
            ordered = list(left.values())
            try:
                for start in range(0, len(ordered), _WRITES_PER_RPC):
                    await self._documents.commit(ordered[start : start + _WRITES_PER_RPC])
            except (CommitConflict, CommitUnanswered):
                await pause(attempt)
            else:
                return len(overwritten)
        raise Unavailable(retry_after=5)

    async def _history_writes(self, registration_id: RegistrationId, extent: Extent) -> dict[str, Any]:
        """Only an erasure changes entries of the log, so they are written without a precondition."""
        now = self._documents.clock.now()
        return {
            change.change_id: self._documents.merge(
                Key(Collection.CHANGES, change.change_id), {"state": erased_change(change, now).model_dump_json()}
            )
            async for change in self._changes(registration_id, extent.version)
            if extent.covers(change.version) and not change.erased
        }

    async def _overwrite_feed(self, registration_id: RegistrationId, extent: Extent) -> tuple[int, int]:
        """How many entries were overwritten, and how many wait for the release of their day.

        Deletes name nobody, and stay. A late change of the next occupant can still replace an entry: each is written
        under the version read.
        """
        pending = 0

        async def writes() -> dict[str, Any]:
            nonlocal pending
            shown = [
                (stored, entry)
                for stored, entry in await self._feed(registration_id)
                if entry.state is not None and extent.covers(entry.version)
            ]
            released = await self._released({entry.day for _, entry in shown})
            pending = sum(entry.day not in released for _, entry in shown)
            return {
                stored.document_id: self._documents.replace(
                    Key(Collection.EXPORT_FEED, stored.document_id),
                    feed_fields(erased_entry(entry)),
                    stored.update_time,
                )
                for stored, entry in shown
                if entry.day in released
            }

        return await self._until_none_is_left(writes), pending

    async def _messages(self, registration_id: RegistrationId) -> tuple[list[Record], list[Record]]:
        """Quarantined messages that name this account and no other, and those that name another, too."""
        own: list[Record] = []
        ambiguous: list[Record] = []
        for record in await self._quarantine.about(registration_id):
            fields = await self._quarantine.fields(record.record_id)
            others = {fields["subject"], fields["account"]} - {None, registration_id}
            (ambiguous if others else own).append(record)
        return own, ambiguous

    async def _changes(self, registration_id: RegistrationId, version: int | None = None) -> AsyncIterator[Change]:
        """The history up to a version, or all of it."""
        after: tuple[str, str] | None = None
        while True:
            page, after = await self._registrations.history(registration_id, after=after, limit=_PAGE)
            for change in page:
                if version is not None and change.version > version:
                    return
                yield change
            if after is None:
                return

    async def _feed(self, registration_id: RegistrationId) -> list[tuple[Stored, FeedEntry]]:
        """The feed entries of an account's changes that have not expired."""
        pages = self._documents.pages(Collection.EXPORT_FEED, equal=("registration_id", registration_id), limit=_PAGE)
        return [(stored, FeedEntry.model_validate_json(stored.state)) async for page in pages for stored in page]

    async def _released(self, days: set[date]) -> set[date]:
        """Of these days, those whose files are never made (again)."""
        first = self._settings.export_first_day
        ordered = sorted(days)
        states = await self._exports.days(ordered) if ordered else []
        return {
            day
            for day, state in zip(ordered, states, strict=True)
            if (first is not None and day < first) or (state is not None and state.stage is Stage.RELEASED)
        }


def _state(stored: Stored) -> RegistrationState:
    return RegistrationState.model_validate_json(stored.state)


def _is_due(stored: Stored, until: date) -> bool:
    due = stored.fields.get(ERASE_DUE)
    return due is not None and str(due) <= spread(RegistrationId(stored.document_id), until)


def _finished(done: ErasureResult, since: datetime | None, now: datetime) -> bool:
    """Whether nothing was left, and nothing can come any more from what raced the erasure."""
    return done.overwritten == 0 and done.pending == 0 and (since is None or now - since >= _RACES_LAST)
