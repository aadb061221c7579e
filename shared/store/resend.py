"""Telling networks again: the current state of what was told before goes into today's feed.

What was sent is never made again: a file of an old day would undo what later days have said. So a fault of an old file,
or a recipient that is new, is mended by today's file.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta

from shared.clock import london_day
from shared.digest import digest
from shared.domain.changes import ChangeKind, Origin
from shared.domain.feed import FeedEntry, feed_file
from shared.domain.lifecycle import Decision, Moment
from shared.domain.networks import Send, to_send
from shared.domain.recipients import Withheld
from shared.domain.registration import RegistrationId, RegistrationState
from shared.errors import ClockOutOfStep, Erased, RegistrationUnknown, Unavailable
from shared.store.documents import Documents, pause
from shared.store.identity import Identity
from shared.store.registrations import Registrations, Request
from shared.store.rpc import CommitConflict, CommitUnanswered
from shared.store.supply_points import SupplyPointWrites, claim_of

SOURCE = "ops"
_AT_ONCE = 16
_ATTEMPTS = 8


class Resend:
    """Puts states into today's feed. Repeating a command on the same day changes nothing."""

    def __init__(self, documents: Documents, identity: Identity, actor: str) -> None:
        self._documents = documents
        self._registrations = Registrations(documents, identity)
        self._points = SupplyPointWrites(documents, identity)
        self._actor = actor
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def day(self, day: date, recipients: Sequence[str]) -> int:
        """Tell again of every supply point that these recipients' files of a day spoke of; how many that were.

        Raises `ClockOutOfStep`, `Unavailable`.
        """
        await self._documents.check_clocks()
        counts = [await self._file(recipient, day) for recipient in recipients]
        return sum(counts)

    async def everyone(self) -> int:
        """Tell every recipient of every live registration; how many that were. Raises as `day` does."""
        await self._documents.check_clocks()
        told = 0
        async for page in self._documents.pages("registrations", fields=["status"]):
            ids = [RegistrationId(stored.document_id) for stored in page]
            told += sum(await asyncio.gather(*(self._registration(each, "everyone") for each in ids)))
        return told

    async def _file(self, recipient: str, day: date) -> int:
        told = 0
        async for entries in self._entries(recipient, day):
            told += sum(await asyncio.gather(*(self._supply_point(entry, day.isoformat()) for entry in entries)))
        return told

    async def _entries(self, recipient: str, day: date) -> AsyncIterator[list[FeedEntry]]:
        """The feed entries of a day that were written, in pages."""
        async for page in self._documents.pages("export_feed", equal=("file", feed_file(recipient, day))):
            entries = [FeedEntry.model_validate_json(stored.state) for stored in page]
            yield [entry for entry in entries if entry.send is not Send.NOTHING]

    async def _supply_point(self, entry: FeedEntry, run: str) -> bool:
        """Tell again of a supply point: its holder's state, or the delete that was its last word."""
        async with self._at_once:
            claim = claim_of(await self._documents.get(self._points.claim_key(entry.supply_point)))
        if claim is None:
            return False
        if claim.registration_id is not None:
            return await self._registration(claim.registration_id, run)
        async with self._at_once:
            return await self._released(entry)

    async def _registration(self, registration_id: RegistrationId, run: str) -> bool:
        """Whether it is live, and told again today."""
        now = self._documents.clock.now()
        event_id = f"resend {run} on {london_day(now)}"
        request = Request(
            registration_id=registration_id,
            change_id=f"{registration_id}-{digest(SOURCE, event_id)}",
            fingerprint=event_id,
            origin=Origin(actor=self._actor, source=SOURCE, event_id=event_id, event_time=now),
            points=[],
        )
        async with self._at_once:
            try:
                outcome = await self._registrations.apply(request, _again, expect_new=False)
            except Erased:
                return False
        return outcome.change.kind is ChangeKind.RESENT

    async def _released(self, entry: FeedEntry) -> bool:
        """Delete again what nobody holds and the recipient was last told to delete.

        Raises `ClockOutOfStep`, `Unavailable`.
        """
        key = self._points.claim_key(entry.supply_point)
        for attempt in range(_ATTEMPTS):
            stored = await self._documents.get(key)
            claim = claim_of(stored)
            if stored is None or claim is None or claim.released_on is None:
                return False
            view = claim.networks.get(entry.recipient)
            if view is None or to_send(view) is not Send.DELETE:
                return False
            day = self._day(claim.released_on)
            networks = claim.networks | {entry.recipient: view.model_copy(update={"day": day})}
            again = claim.model_copy(update={"networks": networks, "released_on": day})
            deleted = entry.model_copy(
                update={"day": day, "send": Send.DELETE, "withheld": Withheld.RELEASED, "state": None}
            )
            writes = [self._points.claim(entry.supply_point, again, stored.update_time), self._points.feed(deleted)]
            try:
                await self._documents.commit(writes)
            except (CommitConflict, CommitUnanswered):
                await pause(attempt + 1)
            else:
                return True
        raise Unavailable(headers={"Retry-After": "1"})

    def _day(self, released_on: date) -> date:
        """Today, or the day of release if that is later. Raises `ClockOutOfStep` if it lies beyond tomorrow."""
        today = london_day(self._documents.clock.now())
        if released_on > today + timedelta(days=1):
            raise ClockOutOfStep(headers={"Retry-After": "60"})
        return max(today, released_on)


def _again(known: RegistrationState | None, moment: Moment) -> Decision:
    """The same state on another day: what is live is told again.

    Raises `RegistrationUnknown`.
    """
    if known is None:
        raise RegistrationUnknown
    if not known.registration.status.live:
        return Decision(ChangeKind.NO_CHANGE, known, receipt=True)
    return Decision(ChangeKind.RESENT, known.model_copy(update={"day": moment.day}))
