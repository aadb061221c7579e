"""Messages that nobody settles are noted, for an alert, until somebody does."""

from datetime import datetime, timedelta

import httpx

from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus
from shared.store.service import service
from tests.support.push import Push
from tools.local.log_lines import entries
from tools.local.stack import Stack


def run(stack: Stack, slot: datetime) -> None:
    headers = {"X-CloudScheduler-ScheduleTime": slot.isoformat()}
    httpx.post(stack.function_url("replay_parked"), headers=headers, timeout=60).raise_for_status()


def noted(stack: Stack) -> list[int]:
    """The number of messages in each `QUARANTINE_NEGLECTED`."""
    found = entries(stack.logs, ["replay_parked"])
    return [entry["failed"] for entry in found if entry["event"] == "QUARANTINE_NEGLECTED"]


async def test_a_message_that_failed_more_than_three_days_ago_is_noted_once_an_hour(stack: Stack, push: Push) -> None:
    assert push("consume_migration", b"no event at all") == 204
    failed = await service().part(Quarantine).waiting(QuarantineStatus.FAILED)
    assert failed.oldest is not None
    known = len(noted(stack))
    day_three = (failed.oldest + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
    for slot in (0, 5, 60, 65, 120):
        run(stack, day_three + timedelta(minutes=slot))
    assert noted(stack)[known:] == 2 * [failed.by_reason.total()]
