"""Cloud Scheduler for the local stack: its REST API for HTTP jobs, in memory, run by the simulated clock.

Google has no emulator of it. Jobs are made in it with the real client, from the manifests. When the clock jumps over
several times of a job, the job runs once, for the last of them; a job never runs twice at the same time.
"""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from cronsim import CronSim
from google.cloud.scheduler_v1.types import HttpMethod
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.clock import Clock, rfc3339

_LOOKS_EVERY_SECONDS = 0.2


class Scheduler:
    """The jobs, and the loop that runs them by `clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, dict[str, Any]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    def routes(self) -> list[Route]:
        """The part of https://cloud.google.com/scheduler/docs/reference/rest that the project uses."""
        jobs = "/v1/{parent:path}/jobs"
        return [
            Route(jobs, self._create, methods=["POST"]),
            Route(jobs, self._list, methods=["GET"]),
            Route("/v1/{name:path}/jobs/{job}", self._act, methods=["GET", "POST", "DELETE"]),
        ]

    async def run(self) -> None:
        """Run jobs when they are due, until it is cancelled."""
        while True:
            now = self._clock.now()
            for name, job in self._jobs.items():
                due = _last_time(job, now)
                if job["state"] == "ENABLED" and due is not None and name not in self._running:
                    job["scheduleTime"] = rfc3339(_next_time(job, now))
                    self._start(name, job, due)
            await asyncio.sleep(_LOOKS_EVERY_SECONDS)

    async def _create(self, request: Request) -> Response:
        job = await request.json()
        if job["name"] in self._jobs:
            return _error(409, "ALREADY_EXISTS")
        job["state"] = "ENABLED"
        job["scheduleTime"] = rfc3339(_next_time(job, self._clock.now()))
        self._jobs[job["name"]] = job
        return JSONResponse(job)

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"jobs": list(self._jobs.values())})

    async def _act(self, request: Request) -> Response:
        name, _, action = request.url.path.removeprefix("/v1/").partition(":")
        job = self._jobs.get(name)
        if job is None:
            return _error(404, "NOT_FOUND")
        match request.method, action:
            case "GET", "":
                return JSONResponse(job)
            case "DELETE", "":
                del self._jobs[name]
                return JSONResponse({})
            case "POST", "run":
                if name not in self._running:
                    self._start(name, job, self._clock.now())
            case "POST", "pause" | "resume":
                job["state"] = "PAUSED" if action == "pause" else "ENABLED"
            case _:
                return _error(400, "INVALID_ARGUMENT")
        return JSONResponse(job)

    def _start(self, name: str, job: dict[str, Any], due: datetime) -> None:
        job["lastAttemptTime"] = rfc3339(self._clock.now())
        job.pop("status", None)  # of the run before
        task = asyncio.create_task(_call(name, job, due))
        self._running[name] = task
        task.add_done_callback(lambda _: self._running.pop(name))


def _next_time(job: dict[str, Any], after: datetime) -> datetime:
    return next(CronSim(job["schedule"], after.astimezone(ZoneInfo(job["timeZone"]))))


def _last_time(job: dict[str, Any], now: datetime) -> datetime | None:
    """The last time that has come since the job's next time was worked out; None if none has."""
    if datetime.fromisoformat(job["scheduleTime"]) > now:
        return None
    from_now = (now + timedelta(seconds=1)).astimezone(ZoneInfo(job["timeZone"]))
    return next(CronSim(job["schedule"], from_now, reverse=True))


async def _call(name: str, job: dict[str, Any], due: datetime) -> None:
    """Call the target until it answers with success, each time after twice the wait; the outcome stays in the job."""
    target = job["httpTarget"]
    retry = job.get("retryConfig", {})
    headers = {
        **target.get("headers", {}),
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": name.rpartition("/")[2],
        "X-CloudScheduler-ScheduleTime": rfc3339(due),
    }
    async with httpx.AsyncClient(timeout=_seconds(job.get("attemptDeadline", "180s"))) as client:
        for attempt in range(int(retry.get("retryCount", 0)) + 1):
            if attempt:
                await asyncio.sleep(_seconds(retry.get("minBackoffDuration", "5s")) * 2 ** (attempt - 1))
            try:
                answer = await client.request(_method(target), target["uri"], headers=headers)
            except httpx.TransportError:
                job["status"] = {"code": 14, "message": "UNAVAILABLE"}
                continue
            if answer.is_success:
                job["status"] = {}
                return
            job["status"] = {"code": 13, "message": f"HTTP {answer.status_code}"}


def _method(target: dict[str, Any]) -> str:
    """The client sends the method as its number, people as its name; POST if neither does."""
    given = target.get("httpMethod", "POST")
    return HttpMethod(given).name if isinstance(given, int) else str(given)


def _seconds(duration: str) -> float:
    """`180s` or `0.500s`, protobuf's JSON form of a duration."""
    return float(re.sub("s$", "", duration))


def _error(status: int, name: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": name, "status": name}}, status)
