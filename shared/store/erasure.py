"""Erasing people: at their request (`ops subject erase`), and when the retention of an ended registration is over.

Documents are overwritten in place, so counts stay true. The registration goes last: an erasure that is interrupted
begins again and finds what it needs. What today's and other unreleased files are made of must stay until the networks
have been told to delete; it is noted on the registration, and erased on a later day.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import uuid4

from shared.clock import london_day
from shared.domain.changes import Change, Origin
from shared.domain.erasure import ERASED, erased_change, erased_entry, erased_state
from shared.domain.feed import FeedEntry, SharedState, shared_state
from shared.domain.lifecycle import Decision, Moment, withdraw
from shared.domain.recipients import recipients
from shared.domain.registration import Fact, RegistrationId, RegistrationState
from shared.errors import NotFound, Unavailable
from shared.export.plan import Stage
from shared.settings import settings
from shared.store.documents import Documents, Key, Stored, documents, pause
from shared.store.due_dates import ERASE_DUE, spread
from shared.store.exports import Exports
from shared.store.identity import Identity, identity
from shared.store.quarantine import Quarantine, Record
from shared.store.registrations import Registrations, Request
from shared.store.rpc import CommitConflict, CommitUnanswered

SOURCE = "erasure"
_PAGE = 100
_ATTEMPTS = 5
_WRITES_PER_RPC = 100


class Subject(NamedTuple):
    """All that the register holds of one account, by document id."""

    registration_id: RegistrationId
    state: RegistrationState
    version: Any
    changes: list[Change]
    feed: dict[str, FeedEntry]
    messages: dict[str, Record]


class Erased(NamedTuple):
    """How many documents were overwritten; `pending` feed entries follow when their day is released."""

    registration_id: RegistrationId
    changes: int
    feed: int
    messages: int
    pending: int


class Erasure:
    """Finds and overwrites what belongs to accounts. The registrations must have ended before they are erased."""

    def __init__(self, documents: Documents, identity: Identity) -> None:
        self._documents = documents
        self._identity = identity
        self._registrations = Registrations(documents, identity)
        self._quarantine = Quarantine(documents, identity)
        self._exports = Exports(documents)

    async def end(self, registration_id: RegistrationId, actor: str) -> bool:
        """End a live registration: the networks are told to delete it. Whether it was live.

        Raises `NotFound`, `Unavailable`.
        """
        known = await self._registrations.get(registration_id)
        if known is None:
            raise NotFound
        if not known.registration.status.live:
            return False
        fact = Fact(time=self._documents.clock.now(), source=SOURCE, id=uuid4().hex)
        request = Request(
            registration_id=registration_id,
            change_id=f"{registration_id}-{fact.id}",
            fingerprint=SOURCE,
            origin=Origin(actor=actor, source=SOURCE, event_id=None, event_time=fact.time),
            points=[],
        )

        def decide(known: RegistrationState | None, moment: Moment) -> Decision:
            if known is None:
                raise NotFound
            return withdraw(SOURCE, known, moment=moment, fact=fact, settings=settings())

        await self._registrations.apply(request, decide, expect_new=False)
        return True

    async def messages(self, registration_id: RegistrationId) -> dict[str, Record]:
        """Quarantined messages about this account, by id. Raises `Unavailable`."""
        return {record.record_id: record for record in await self._quarantine.about(registration_id)}

    async def subjects(self, registration_ids: Sequence[RegistrationId], *, messages: bool = True) -> list[Subject]:
        """All that is held of these accounts, quarantined messages if `messages` are looked for.

        Raises `NotFound`.
        """
        found = [await self._subject(registration_id) for registration_id in registration_ids]
        if messages:
            for subject in found:
                subject.messages.update(await self.messages(subject.registration_id))
        return found

    async def erase(self, registration_ids: Sequence[RegistrationId], *, messages: bool = True) -> list[Erased]:
        """Overwrite it. Doing it again does no harm. Raises `NotFound`, `Unavailable`."""
        return [await self._erase(subject) for subject in await self.subjects(registration_ids, messages=messages)]

    async def _subject(self, registration_id: RegistrationId) -> Subject:
        stored = await self._documents.get(Key("registrations", registration_id))
        if stored is None:
            raise NotFound
        state = RegistrationState.model_validate_json(stored.state)
        changes = [change async for change in self._changes(registration_id)]
        feed = {key: entry for key in state.erase_later if (entry := await self._entry(key))}
        told = _told(state, changes)
        for point in _points(state, changes):
            entries = {key: entry async for key, entry in self._entries(point)}
            feed |= {key: entry for key, entry in entries.items() if entry.state is None or entry.state in told}
        return Subject(registration_id, state, stored.update_time, changes, feed, {})

    async def _erase(self, subject: Subject) -> Erased:
        today = london_day(self._documents.clock.now())
        released = await self._released({entry.day for entry in subject.feed.values()})
        done = {key: entry for key, entry in subject.feed.items() if entry.day in released}
        await self._overwrite([self._entry_write(key, entry) for key, entry in done.items()])
        for record in subject.messages.values():
            await self._quarantine.erase(record.record_id)
        changes = await self._erase_changes(subject.registration_id, today)
        later = sorted(subject.feed.keys() - done.keys())
        await self._write_shell(subject, today, later)
        # A message may have left its entry meanwhile, with the state that it saw.
        changes += await self._erase_changes(subject.registration_id, today)
        return Erased(subject.registration_id, changes, len(done), len(subject.messages), len(later))

    async def _write_shell(self, subject: Subject, today: date, later: list[str]) -> None:
        """Raises `Unavailable` if the registration has changed meanwhile: it is erased at the next try."""
        shell = erased_state(subject.state, subject.state.erased_on or today)
        shell = shell.model_copy(update={"erase_later": later})
        key = Key("registrations", subject.registration_id)
        stored = await self._documents.get(key)
        if stored is None:
            raise NotFound
        fields = {**stored.fields, "state": shell.model_dump_json()}
        fields.pop(ERASE_DUE, None)
        if later:
            fields[ERASE_DUE] = spread(subject.registration_id, today + timedelta(days=1))
        await self._commit([self._documents.replace(key, fields, subject.version)])

    async def _erase_changes(self, registration_id: RegistrationId, today: date) -> int:
        whole = [change async for change in self._changes(registration_id) if not change.erased]
        keys = [Key("changes", change.change_id) for change in whole]
        for start in range(0, len(keys), _WRITES_PER_RPC):
            part = slice(start, start + _WRITES_PER_RPC)
            stored = await self._documents.batch_get(keys[part])
            await self._commit(
                [
                    self._documents.put(key, {**was.fields, "state": erased_change(change, today).model_dump_json()})
                    for key, was, change in zip(keys[part], stored, whole[part], strict=True)
                    if was is not None
                ]
            )
        return len(whole)

    async def _overwrite(self, writes: list[Any]) -> None:
        for start in range(0, len(writes), _WRITES_PER_RPC):
            await self._commit(writes[start : start + _WRITES_PER_RPC])

    def _entry_write(self, key: str, entry: FeedEntry) -> Any:
        return self._documents.merge(Key("export_feed", key), {"state": erased_entry(entry).model_dump_json()})

    async def _commit(self, writes: list[Any]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                await self._documents.commit(writes)
            except CommitUnanswered:
                await pause(attempt)
            except CommitConflict as conflict:
                raise Unavailable(headers={"Retry-After": "5"}) from conflict
            else:
                return
        raise Unavailable(headers={"Retry-After": "5"})

    async def _changes(self, registration_id: RegistrationId) -> AsyncIterator[Change]:
        after: tuple[str, str] | None = None
        while True:
            page, after = await self._registrations.history(registration_id, after=after, limit=_PAGE)
            for change in page:
                yield change
            if after is None:
                return

    async def _entries(self, point: str) -> AsyncIterator[tuple[str, FeedEntry]]:
        """The feed entries of a supply point that are not erased, whosever they are; `.` follows `-` in ASCII."""
        prefix = self._identity.supply_point_id(point)
        pages = self._documents.pages("export_feed", from_id=f"{prefix}-", before_id=f"{prefix}.")
        async for page in pages:
            for stored in page:
                entry = FeedEntry.model_validate_json(stored.state)
                if entry.supply_point != ERASED:
                    yield stored.document_id, entry

    async def _entry(self, key: str) -> FeedEntry | None:
        """None once it has expired."""
        stored: Stored | None = await self._documents.get(Key("export_feed", key))
        return FeedEntry.model_validate_json(stored.state) if stored else None

    async def _released(self, days: set[date]) -> set[date]:
        """Of these days, those whose files are never made (again)."""
        first = settings().export_first_day
        ordered = sorted(days)
        states = await self._exports.days(ordered) if ordered else []
        return {
            day
            for day, state in zip(ordered, states, strict=True)
            if (first is not None and day < first) or (state is not None and state.stage is Stage.RELEASED)
        }


def _points(state: RegistrationState, changes: Sequence[Change]) -> set[str]:
    """Every supply point that the account ever spoke of."""
    states = [state, *(change.state for change in changes)]
    return {key for one in states for key in (*one.registration.held(), *one.facts.points, *one.networks)}


def _told(state: RegistrationState, changes: Sequence[Change]) -> list[SharedState]:
    """Everything that a network can have been told of the account."""
    told: list[SharedState] = []
    for one in (state, *(change.state for change in changes)):
        for recipient_id in recipients():
            what = shared_state(one.registration, recipient_id)
            if what not in told:
                told.append(what)
    return told


@cache
def erasure() -> Erasure:
    """Of this process's database."""
    return Erasure(documents(), identity())
