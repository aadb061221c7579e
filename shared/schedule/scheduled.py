"""Scheduled functions: Cloud Scheduler calls each at least once for each slot.

    job = Scheduled(__file__)

    @job.runs
    async def run(slot: datetime) -> dict[str, int]: ...

    main = job.function()

The slot is the scheduled time, the same for every attempt, which makes a repeat idempotent. The platform decides on
access before the function runs: internal ingress, and invoker permission for the scheduler's account only.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import MalformedHeader
from shared.field_errors import field_error
from shared.runtime.entry_point import entry_point
from shared.runtime.guard import guarded
from shared.runtime.manifest import read_manifest
from shared.runtime.status import STATUS_PATH, Status, function_name
from shared.store.service import reach_firestore

_SLOT = "X-CloudScheduler-ScheduleTime"

Run = Callable[[datetime], Awaitable[Mapping[str, object]]]


class Scheduled:
    """The one job of a function."""

    def __init__(self, main_file: str) -> None:
        folder = Path(main_file).parent
        self._name = function_name(folder)
        self._manifest = read_manifest(folder)
        self._run: Run | None = None

    def runs(self, run: Run) -> Run:
        """Decorate a coroutine function as the job: slot (UTC) in, summary without personal data out."""
        self._run = run
        return run

    def function(self) -> Callable[[Request], Awaitable[Response]]:
        """The entry point. Raises, so that the function does not start, if there is no job or a setting is missing."""
        run = self._run
        if run is None or self._manifest.trigger.schedule is None:
            raise RuntimeError(f"{self._name}: add a job to main.py, and a schedule trigger to function.yaml")

        status = Status(self._name, {"firestore": reach_firestore})

        async def serve(request: Request) -> Response:
            if request.url.path == STATUS_PATH:
                return await guarded("getStatus", request, status.response)

            async def handle() -> Response:
                return Response(to_json(await run(_slot(request))), media_type="application/json")

            return await guarded(self._name, request, handle)

        return entry_point(serve, self._manifest)


def _slot(request: Request) -> datetime:
    """Raises `MalformedHeader`."""
    try:
        slot = datetime.fromisoformat(request.headers.get(_SLOT, ""))
    except ValueError:
        slot = None
    if slot is None or slot.tzinfo is None:
        raise MalformedHeader((field_error(_SLOT, "header_malformed"),))
    return slot.astimezone(UTC)
