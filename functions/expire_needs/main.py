"""Ends needs whose last day has passed, and notes reviews and follow-ups that fall due."""

import asyncio
from datetime import date, datetime, timedelta

from shared.clock import london_day
from shared.digest import digest
from shared.domain.changes import ChangeKind, Origin
from shared.domain.lifecycle import pass_day
from shared.domain.registration import RegistrationId
from shared.outcome_log import log_outcome
from shared.scheduled import Scheduled
from shared.settings import settings
from shared.store.registrations import DATES_TO_ACT_ON, Request, registrations

SOURCE = "calendar"
_AT_ONCE = 16

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Bring every registration with a date that has come up to the slot's London day."""
    today = london_day(slot)
    changed = 0
    at_once = asyncio.Semaphore(_AT_ONCE)
    for field in DATES_TO_ACT_ON:
        # A need holds on its last day; a review falls due on the morning of its day.
        until = today - timedelta(days=1) if field == "need_ends" else today
        async for page in registrations().due(field, until):
            changed += sum(await asyncio.gather(*(_pass_day(each, today, at_once) for each in page)))
    return {"changed": changed}


async def _pass_day(registration_id: RegistrationId, today: date, at_once: asyncio.Semaphore) -> bool:
    """Whether there was anything to change. The same day's second run finds its own entry in the log."""
    here = settings()
    now = here.clock().now()
    event_id = today.isoformat()
    request = Request(
        registration_id=registration_id,
        change_id=f"{registration_id}-{digest(SOURCE, event_id)}",
        fingerprint=event_id,
        origin=Origin(actor=SOURCE, source=SOURCE, event_id=event_id, event_time=now),
        points=[],
    )
    async with at_once:
        outcome = await registrations().apply(
            request, lambda known, moment: pass_day(known, moment=moment, settings=here), expect_new=False
        )
    log_outcome(outcome)
    return not outcome.replayed and outcome.change.kind is not ChangeKind.NO_CHANGE


main = job.function()
