"""The export's calls: when the schedule makes them, and what the functions do with calls of any kind."""

import json
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import httpx
import pytest
from cronsim import CronSim

from shared.clock import day_closes
from shared.runtime.manifest import read_manifests
from tools.local.stack import Stack
from tools.places import FUNCTIONS

CRONS = {
    name: manifest.trigger.schedule
    for name, manifest in read_manifests(FUNCTIONS).items()
    if manifest.trigger.schedule is not None
}


@pytest.mark.parametrize("name", [name for name, schedule in CRONS.items() if schedule.time_zone != "Etc/UTC"])
def test_no_schedule_falls_into_the_hour_that_is_left_out_or_comes_twice(name: str) -> None:
    """Both happen at 01:00 UTC. A local time between 01:00 and 02:00 may not exist, or exist twice."""
    schedule = CRONS[name]
    began = datetime(2026, 10, 24, tzinfo=ZoneInfo(schedule.time_zone))
    times = takewhile(lambda at: at < began + timedelta(days=200), CronSim(schedule.cron, began))
    assert {at.hour for at in times}.isdisjoint({1})


def test_the_export_runs_soon_after_a_day_closes_and_again_for_some_hours() -> None:
    closes = day_closes(date(2026, 11, 23)).astimezone(ZoneInfo("Europe/London"))
    times = CronSim(CRONS["export_daily"].cron, closes)
    assert [f"{next(times):%d %H:%M}" for _ in range(8)] == [
        *(f"24 {hour:02}:05" for hour in range(2, 9)),
        "25 02:05",
    ]


@pytest.mark.parametrize(
    "slot",
    [
        pytest.param(None, id="no slot"),
        pytest.param("yesterday", id="not a time"),
        pytest.param("2026-11-24T02:05:00", id="without an offset"),
    ],
)
def test_a_call_that_names_no_slot_is_refused(stack: Stack, slot: str | None) -> None:
    headers = {"X-CloudScheduler-ScheduleTime": slot} if slot else {}
    answer = httpx.post(stack.function_url("export_daily"), headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-header")


def test_a_slot_in_the_future_is_refused_until_later(stack: Stack) -> None:
    slot = (stack.clock.now() + timedelta(minutes=5)).isoformat()
    answer = httpx.post(stack.function_url("export_daily"), headers={"X-CloudScheduler-ScheduleTime": slot}, timeout=60)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/clock-out-of-step")


def test_work_that_is_no_work_is_kept_in_quarantine_and_work_of_an_unknown_day_is_done(stack: Stack) -> None:
    """Messages for a person and messages that are not needed are both acknowledged."""
    unknown = {
        "specversion": "1.0",
        "type": "uk.psr.export.part.v1",
        "source": "uk.psr.export",
        "id": "2020-01-01/r1/EELC/1",
        "time": "2020-01-02T02:05:00Z",
        "subject": "2020-01-01/r1/EELC/1",
        "data": {
            "day": "2020-01-01",
            "revision": 1,
            "recipient": "EELC",
            "part": 1,
            "slot": "2020-01-02T02:05:00Z",
        },
    }
    for number, data in enumerate((b"no work", json.dumps(unknown).encode())):
        assert _push(stack, data, f"export-{number}").status_code == 204


def _push(stack: Stack, data: bytes, message_id: str) -> httpx.Response:
    body = {
        "subscription": "projects/p/subscriptions/export-recipient",
        "message": {
            "data": b64encode(data).decode(),
            "messageId": message_id,
            "publishTime": datetime.now(UTC).isoformat(),
        },
    }
    return httpx.post(stack.function_url("export_recipient"), json=body, timeout=60)
