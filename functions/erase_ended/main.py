"""Erase registrations at the end of their retention period, and complete erasures that waited for an export."""

from datetime import datetime

from shared.clock import london_day
from shared.errors import InternalError, Unavailable
from shared.flows.erasure import Erasure, ErasureResult
from shared.log import Event, log, log_failure
from shared.schedule.scheduled import Scheduled
from shared.store.due_dates import DueDates
from shared.store.service import service

job = Scheduled(__file__)


@job.runs
async def run(slot: datetime) -> dict[str, int]:
    """Erase the registrations that are due by the slot's London day. The next run continues an interrupted one.

    Raises `ClockOutOfStep` for a slot in the future, `Unavailable`, and `InternalError` if a registration failed; the
    others are erased then.
    """
    await service().documents.check_clocks()
    service().documents.check_slot(slot)
    today = london_day(slot)
    erased = skipped = 0
    async for page in service().part(DueDates).to_erase(today):
        for registration_id in page:
            try:
                one = await Erasure(service()).erase_due(registration_id, today)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - one failure must not delay the later registrations
                skipped += 1
                log_failure("erase_ended", error)
                log(Event.REGISTRATION_SKIPPED, registration_id=registration_id, exception=type(error).__qualname__)
            else:
                erased += _log(one)
    if skipped:
        raise InternalError
    return {"erased": erased}


def _log(one: ErasureResult | None) -> bool:
    """Log an erasure that overwrote something; returns whether it did."""
    if one is None or not one.overwritten:
        return False
    log(
        Event.REGISTRATION_ERASED,
        registration_id=one.registration_id,
        changes=one.changes,
        entries=one.feed,
        messages=one.messages,
        pending=one.pending,
    )
    return True


main = job.function()
