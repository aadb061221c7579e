"""The calendar: needs and accounts end after their last day, and reviews and follow-ups that are due are recorded.

Each registration is one commit, and it leaves the index when it is done, so the next run continues one that was cut
off. A change's id comes from the slot, so runs that overlap write each change once.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import date, datetime, timedelta
from time import monotonic

from shared.clock import london_day, rfc3339
from shared.domain.changes import ChangeKind, Origin, event_change_id
from shared.domain.decision import Decision, Moment
from shared.domain.due_dates import ENDING_SOON, SOURCE, DueDateCounts, apply_due_dates, due_date_counts
from shared.domain.registration import RegistrationId, RegistrationState
from shared.errors import ClockOutOfStep, InternalError, RegistrationErased, Unavailable
from shared.flows.outcome_log import log_outcome
from shared.log import Event, log, log_failure
from shared.settings import Settings
from shared.store.change_requests import ChangeRequest
from shared.store.due_dates import DueDate, DueDates
from shared.store.registrations import Registrations
from shared.store.service import Service

#: No registration is begun later than this after its run: the function's time-out is a minute more.
STOPS_AFTER_SECONDS = 540.0
_AT_ONCE = 16


class Expiry:
    """Brings registrations up to the day."""

    def __init__(self, service: Service) -> None:
        self._documents = service.documents
        self._store = service.part(Registrations)
        self._due_dates = service.part(DueDates)
        self._settings = service.settings

    async def advance(self, slot: datetime) -> Mapping[str, int]:
        """Bring every registration with a date that has come up to the slot's London day, oldest date first.

        Answers what it did. Raises `ClockOutOfStep` for a slot whose day has not begun, `Unavailable` if there is more
        to do, `InternalError` if a registration met a fault; the others are done then.
        """
        today = london_day(slot)
        if today > london_day(self._documents.clock.now()):
            raise ClockOutOfStep(retry_after=60)
        await self._documents.check_clocks()
        run = _Run(self._store, self._settings, slot)
        async with aclosing(self._due(today)) as due:
            async for page in due:
                await asyncio.gather(*map(run.bring_up, page))
                if run.stopped:
                    break
        waiting = {} if run.stopped else await self._waiting(today)
        done = {**run.passed._asdict(), "skipped": run.skipped, **waiting}
        _log(today, done)
        if run.stopped:
            raise Unavailable(retry_after=30)
        if run.skipped:
            raise InternalError
        return done

    async def _due(self, today: date) -> AsyncGenerator[list[RegistrationId], None]:
        """The registrations that are due, those that change a feed first. Needs and accounts stay on their last day."""
        for name in DueDate:
            until = today - timedelta(days=1) if name in (DueDate.CLOSES, DueDate.NEED_ENDS) else today
            async for page in self._due_dates.pages(name, until):
                yield page

    async def _waiting(self, today: date) -> dict[str, int]:
        """How much waits for people."""
        dates = self._due_dates
        ending, reviews, follow_ups = await asyncio.gather(
            dates.count(DueDate.NEED_ENDS, today, today + ENDING_SOON),
            dates.count(DueDate.REVIEW, date.min, today, noted=True),
            dates.count(DueDate.FOLLOW_UP, date.min, today, noted=True),
        )
        return {"ending_soon": ending, "reviews_waiting": reviews, "follow_ups_waiting": follow_ups}


class _Run:
    """One run: what it did so far. A repeat of what an earlier run did is not counted."""

    def __init__(self, store: Registrations, settings: Settings, slot: datetime) -> None:
        self.passed = DueDateCounts()
        self.skipped = 0
        self.stopped = False
        self._store = store
        self._settings = settings
        self._event_id = rfc3339(slot)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._until = monotonic() + STOPS_AFTER_SECONDS

    async def bring_up(self, registration_id: RegistrationId) -> None:
        """Update one registration, unless the run has stopped. A fault of one does not stop the others."""
        async with self._at_once:
            self.stopped = self.stopped or monotonic() > self._until
            if self.stopped:
                return
            try:
                counts = await self._pass_day(registration_id)
                self.passed = self.passed.plus(counts)
            except Unavailable:
                self.stopped = True
            except Exception as error:  # noqa: BLE001 - the oldest would keep all later ones waiting, every day
                self.skipped += 1
                log_failure("expire_needs", error)
                log(Event.REGISTRATION_SKIPPED, registration_id=registration_id, exception=type(error).__qualname__)

    async def _pass_day(self, registration_id: RegistrationId) -> DueDateCounts:
        """A second run of the slot finds the first one's entry in the log, or that it has been erased since."""
        before: RegistrationState | None = None

        def decide(known: RegistrationState | None, moment: Moment) -> Decision:
            nonlocal before
            before = known
            return apply_due_dates(known, moment=moment, policy=self._settings)

        try:
            outcome = await self._store.apply(self._request(registration_id), decide, expect_new=False)
        except RegistrationErased:
            return DueDateCounts()
        log_outcome(outcome)
        if before is None or outcome.replayed or outcome.change.kind is ChangeKind.NO_CHANGE:
            return DueDateCounts()
        return due_date_counts(before.registration, outcome.change.state.registration)

    def _request(self, registration_id: RegistrationId) -> ChangeRequest:
        now = self._settings.clock().now()
        return ChangeRequest(
            registration_id=registration_id,
            change_id=event_change_id(registration_id, SOURCE, self._event_id),
            fingerprint=self._event_id,
            origin=Origin(actor=SOURCE, source=SOURCE, event_id=self._event_id, event_time=now),
            points=[],
        )


def _log(today: date, done: Mapping[str, int]) -> None:
    log(
        Event.DAY_PASSED,
        day=today,
        needs=done["needs"],
        without_needs=done["without_needs"],
        closed=done["closed"],
        reviews=done["reviews"],
        follow_ups=done["follow_ups"],
        skipped=done["skipped"],
        ending_soon=done.get("ending_soon"),
        reviews_waiting=done.get("reviews_waiting"),
        follow_ups_waiting=done.get("follow_ups_waiting"),
    )
