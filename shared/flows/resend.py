"""Resend: put the current state of the supply points in an earlier day's files into today's feed.

A released file is never recreated: a file of an old day would undo later days. Today's file repairs a fault of an old
one, and gives a new recipient every registration.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from functools import partial

from shared.clock import london_day
from shared.domain.changes import ChangeKind, Origin, event_change_id
from shared.domain.decision import Decision, Moment
from shared.domain.feed import FeedEntry, Networks, feed_file
from shared.domain.networks import NetworkState, Send, after_change, to_send
from shared.domain.notices import with_warnings_of_today
from shared.domain.recipients import Withheld, recipients, tables
from shared.domain.registration import RegistrationId, RegistrationState
from shared.errors import ClockOutOfStep, RegistrationErased, RegistrationUnknown, Unavailable
from shared.store.change_requests import ChangeRequest
from shared.store.commits import CommitConflict, CommitUnanswered, pause
from shared.store.documents import Collection
from shared.store.registrations import Registrations
from shared.store.service import Service
from shared.store.supply_points import Claim, SupplyPointWrites, claim_of, kept_key

SOURCE = "ops"
_AT_ONCE = 16
_ATTEMPTS = 8


class Resend:
    """Puts states into today's feed. Repeating a command on the same day, with the same tables, changes nothing."""

    def __init__(self, service: Service, actor: str) -> None:
        self._documents = service.documents
        self._registrations = service.part(Registrations)
        self._points = SupplyPointWrites(service.documents, service.identity)
        self._actor = actor
        self._tables = tables()
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def day(self, day: date, recipients: Sequence[str]) -> int:
        """Resend every supply point that these recipients' files of a day named.

        Returns how many registrations and deletes of released supply points are in today's feed because of this call: a
        repeat counts none. Raises `ClockOutOfStep`, `Unavailable`.
        """
        await self._documents.check_clocks()
        counts = [await self._file(recipient, day) for recipient in recipients]
        return sum(counts)

    async def everyone(self) -> int:
        """Resend every live registration to every recipient, and the deletes that waited for a recipient's row.

        Returns how many, and raises, as `day` does.
        """
        await self._documents.check_clocks()
        resent = 0
        async for page in self._documents.pages(Collection.REGISTRATIONS, fields=["status"]):
            ids = [RegistrationId(stored.document_id) for stored in page]
            resent += sum(await asyncio.gather(*(self._registration(each, "everyone") for each in ids)))
        async for page in self._documents.pages(Collection.SUPPLY_POINTS):
            waiting = [point for stored in page if (point := Claim.model_validate_json(stored.state).supply_point)]
            resent += sum(await asyncio.gather(*(self._waiting(point) for point in waiting)))
        return resent

    async def _file(self, recipient: str, day: date) -> int:
        resent = 0
        async for entries in self._entries(recipient, day):
            resent += sum(await asyncio.gather(*(self._supply_point(entry, day.isoformat()) for entry in entries)))
        return resent

    async def _entries(self, recipient: str, day: date) -> AsyncIterator[list[FeedEntry]]:
        """The feed entries of a day that were written, in pages."""
        async for page in self._documents.pages(Collection.EXPORT_FEED, equal=("file", feed_file(recipient, day))):
            entries = [FeedEntry.model_validate_json(stored.state) for stored in page]
            yield [entry for entry in entries if entry.send is not Send.NOTHING]

    async def _supply_point(self, entry: FeedEntry, run: str) -> bool:
        """Resend a supply point: its holder's state, or the delete that its recipient was sent last."""
        point, recipient = entry.supply_point, entry.recipient
        async with self._at_once:
            claim = claim_of(await self._documents.get(self._points.claim_key(point)))
            if claim is None:
                return False
            holder = claim.registration_id
            state = await self._registrations.get(holder) if holder else None
            views = state.networks.get(point, {}) if state else claim.networks
            view = views.get(recipient)
            deleted = view is not None and not view.wants and await self._was_deleted(point, recipient)
        if holder is None:
            return await self._released(point, recipient, deleted=deleted)
        if deleted:
            return await self._registration(holder, run, (point, recipient))
        return view is not None and view.wants and await self._registration(holder, run)

    async def _was_deleted(self, point: str, recipient: str) -> bool:
        """Whether a recipient was sent a delete of a supply point last, and the supply has not been lost since."""
        prefix = f"{self._points.claim_key(point).document_id}-{recipient}"
        deleted = False
        pages = self._documents.pages(Collection.EXPORT_FEED, from_id=f"{prefix}-", before_id=f"{prefix}.")
        async for page in pages:  # in order of days
            for stored in page:
                entry = FeedEntry.model_validate_json(stored.state)
                if entry.send is not Send.NOTHING or entry.withheld is Withheld.SUPPLY_LOST:
                    deleted = entry.send is Send.DELETE
        return deleted

    async def _registration(
        self, registration_id: RegistrationId, run: str, delete: tuple[str, str] | None = None
    ) -> bool:
        """Resend a live registration, and one delete of a supply point that it holds; whether this call did.

        `delete` is the supply point's key and the recipient. Raises `ClockOutOfStep`, `Unavailable`.
        """
        now = self._documents.clock.now()
        event_id = f"resend {run} on {london_day(now)} by {self._tables}"
        if delete is not None:
            event_id += f", delete {self._points.claim_key(delete[0]).document_id} at {delete[1]}"
        request = ChangeRequest(
            registration_id=registration_id,
            change_id=event_change_id(registration_id, SOURCE, event_id),
            fingerprint=event_id,
            origin=Origin(actor=self._actor, source=SOURCE, event_id=event_id, event_time=now),
            points=[],
        )
        async with self._at_once:
            try:
                outcome = await self._registrations.apply(request, partial(_again, delete=delete), expect_new=False)
            except RegistrationErased:
                return False
        return outcome.change.kind is not ChangeKind.NO_CHANGE and not outcome.replayed

    async def _waiting(self, point: str) -> int:
        """Delete a released supply point where recipients still have it and their rows are back; how many deletes."""
        async with self._at_once:
            claim = claim_of(await self._documents.get(self._points.claim_key(point)))
        names = [name for name, view in claim.networks.items() if view.wants and name in recipients()] if claim else []
        return sum([await self._released(point, name, deleted=False) for name in names])

    async def _released(self, point: str, recipient: str, *, deleted: bool) -> bool:
        """Delete what nobody holds: again, if the recipient was sent a delete, or if it still has what it was sent.

        Whether today's feed has a delete because of this call. Raises `ClockOutOfStep`, `Unavailable`.
        """
        key = self._points.claim_key(point)
        for attempt in range(_ATTEMPTS):
            async with self._at_once:
                stored = await self._documents.get(key)
            claim = claim_of(stored)
            view = claim.networks.get(recipient) if claim else None
            if stored is None or claim is None or claim.released_on is None or view is None:
                return False
            day = self._day(claim.released_on)
            if not (view.wants or deleted) or (view.day == day and to_send(view) is Send.DELETE):
                return False
            after = after_change(view, day, wants=False) if view.wants else NetworkState(day=day, had=True, wants=False)
            networks = claim.networks | {recipient: after}
            kept = {"networks": networks, "released_on": day, "supply_point": kept_key(point, networks)}
            entry = FeedEntry(
                supply_point=point,
                recipient=recipient,
                day=day,
                registration_id=claim.released_by,
                version=0,
                send=to_send(after),
                withheld=Withheld.RELEASED,
            )
            writes = [
                self._points.claim(point, claim.model_copy(update=kept), stored.update_time),
                self._points.feed(entry),
            ]
            try:
                async with self._at_once:
                    await self._documents.commit(writes)
            except (CommitConflict, CommitUnanswered):
                await pause(attempt + 1)
            else:
                return entry.send is Send.DELETE
        raise Unavailable(retry_after=1)

    def _day(self, released_on: date) -> date:
        """Today, or the day of release if that is later. Raises `ClockOutOfStep` if it is after tomorrow."""
        today = london_day(self._documents.clock.now())
        if released_on > today + timedelta(days=1):
            raise ClockOutOfStep(retry_after=60)
        return max(today, released_on)


def _again(known: RegistrationState | None, moment: Moment, delete: tuple[str, str] | None) -> Decision:
    """The same state on another day, with warnings by today's tables.

    `delete` is sent again, as if the recipient still had something of the supply point. Raises
    `RegistrationUnknown`.
    """
    if known is None:
        raise RegistrationUnknown
    before = known.registration
    if not before.status.live:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    state = known.model_copy(update={"day": moment.day, "networks": _with_delete(known.networks, moment.day, delete)})
    after = with_warnings_of_today(before)
    if after == before:
        return Decision(ChangeKind.RESENT, state)
    after = after.model_copy(update={"version": before.version + 1, "updated_at": moment.now})
    return Decision(ChangeKind.AMENDED, state.model_copy(update={"registration": after}))


def _with_delete(networks: Networks, day: date, delete: tuple[str, str] | None) -> Networks:
    point, recipient = delete or ("", "")
    view = networks.get(point, {}).get(recipient)
    if view is None:
        return networks
    had = NetworkState(day=day, had=True, wants=view.wants)
    return networks | {point: networks[point] | {recipient: had}}
