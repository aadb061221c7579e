"""Jobs run by the simulated clock, through the same REST API that the real client uses."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from shared.clock import SimulatedClock
from tools.local.scheduler import Scheduler

PARENT = "/v1/projects/p/locations/l/jobs"
#: Seconds in which the scheduler looks at its jobs more than once.
A_FEW_LOOKS = 0.5
NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


class Target:
    """A job's target that answers with the statuses given, then 200, and keeps the headers it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses: list[int] = []
        self.calls: list[dict[str, str]] = []
        self._another = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
        self.calls.append({name.lower(): value for name, _, value in lines if name.lower().startswith("x-")})
        status = self.statuses.pop(0) if self.statuses else 200
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self._another.set()

    async def called(self, times: int) -> None:
        """Wait for a number of calls."""
        async with asyncio.timeout(20):
            while len(self.calls) < times:
                self._another.clear()
                await self._another.wait()


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    async with server:
        target.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield target


@pytest.fixture
def clock(tmp_path: Path) -> SimulatedClock:
    clock = SimulatedClock(tmp_path / "clock.json")
    clock.jump_to(NOON)
    return clock


@pytest.fixture
async def api(clock: SimulatedClock) -> AsyncIterator[httpx.AsyncClient]:
    scheduler = Scheduler(clock)
    loop = asyncio.create_task(scheduler.run())
    app = Starlette(routes=scheduler.routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://scheduler") as client:
        yield client
    loop.cancel()


def job(target: Target, schedule: str, **changed: Any) -> dict[str, Any]:
    return {
        "name": "projects/p/locations/l/jobs/nightly",
        "schedule": schedule,
        "timeZone": "Europe/London",
        "httpTarget": {"uri": target.url, "httpMethod": 1},
        "retryConfig": {"retryCount": 2, "minBackoffDuration": "0.050s"},
        **changed,
    }


def sent(time: str) -> dict[str, str]:
    return {
        "x-cloudscheduler": "true",
        "x-cloudscheduler-jobname": "nightly",
        "x-cloudscheduler-scheduletime": time,
    }


@pytest.mark.parametrize(
    ("schedule", "jump_to", "calls"),
    [
        pytest.param("15 2 * * *", datetime(2026, 3, 29, 1, 14, tzinfo=UTC), [], id="a minute before its time"),
        pytest.param(
            "15 2 * * *",
            datetime(2026, 3, 29, 1, 15, 1, tzinfo=UTC),
            [sent("2026-03-29T01:15:00.000Z")],
            id="at its time, the night summer time begins",
        ),
        pytest.param(
            "*/5 * * * *",
            datetime(2026, 3, 28, 18, 2, tzinfo=UTC),
            [sent("2026-03-28T18:00:00.000Z")],
            id="many times jumped over: once, for the last",
        ),
    ],
)
async def test_a_job_runs_when_it_falls_due(
    api: httpx.AsyncClient,
    target: Target,
    clock: SimulatedClock,
    schedule: str,
    jump_to: datetime,
    calls: list[dict[str, str]],
) -> None:
    await api.post(PARENT, json=job(target, schedule))
    clock.jump_to(jump_to)
    await target.called(len(calls))
    await asyncio.sleep(A_FEW_LOOKS)
    assert target.calls == calls


async def test_a_job_that_fails_is_tried_again(api: httpx.AsyncClient, target: Target, clock: SimulatedClock) -> None:
    target.statuses = [503, 500]
    await api.post(PARENT, json=job(target, "15 2 * * *"))
    clock.jump_to(datetime(2026, 3, 29, 2, 0, tzinfo=UTC))
    await target.called(3)
    await asyncio.sleep(A_FEW_LOOKS)
    assert target.calls == [sent("2026-03-29T01:15:00.000Z")] * 3
    assert (await api.get(f"{PARENT}/nightly")).json()["status"] == {}


async def test_a_paused_job_runs_only_on_request(api: httpx.AsyncClient, target: Target, clock: SimulatedClock) -> None:
    await api.post(PARENT, json=job(target, "15 2 * * *"))
    await api.post(f"{PARENT}/nightly:pause")
    clock.jump_to(datetime(2026, 3, 29, 12, 0, tzinfo=UTC))
    await asyncio.sleep(A_FEW_LOOKS)
    assert target.calls == []
    await api.post(f"{PARENT}/nightly:run")
    await target.called(1)


async def test_a_job_that_is_absent_or_exists_already_is_an_error(api: httpx.AsyncClient, target: Target) -> None:
    missing = await api.get(f"{PARENT}/nightly")
    made = await api.post(PARENT, json=job(target, "15 2 * * *"))
    again = await api.post(PARENT, json=job(target, "15 2 * * *"))
    listed = await api.get(PARENT)
    deleted = await api.delete(f"{PARENT}/nightly")
    assert [a.status_code for a in (missing, made, again, listed, deleted)] == [404, 200, 409, 200, 200]
    assert json.loads(listed.text)["jobs"][0]["name"] == made.json()["name"]
