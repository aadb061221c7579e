"""`GET /_status`: the state of a function, its build, and its dependencies. It needs no token and shows no data."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

from starlette.responses import Response

from shared.model import Model
from shared.settings import settings

STATUS_PATH = "/_status"

#: A result is cached for this long, so that frequent requests cost nothing.
_CACHED_SECONDS = 5.0
_TIMEOUT_SECONDS = 3.0


def function_name(folder: Path) -> str:
    """The name of the function in this process: the setting, else the name of its folder.

    A deployed function has the setting, because the platform names the folder.
    """
    return settings().function or folder.name


class StatusReport(Model):
    """The state of a function and of its dependencies."""

    function: str
    build: str
    status: Literal["serving"] = "serving"
    dependencies: dict[str, Literal["ok", "unavailable"]]


class Status:
    """The status of one function. `dependencies` has a check for each dependency, which raises if it fails."""

    def __init__(self, name: str, dependencies: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        self._name = name
        self._dependencies = dependencies
        self._checked_at = 0.0
        self._states: dict[str, Literal["ok", "unavailable"]] = {}

    async def response(self) -> Response:
        """200 with the build, and `ok` or `unavailable` for each dependency."""
        if not self._states or time.monotonic() - self._checked_at > _CACHED_SECONDS:
            states = await asyncio.gather(*map(_state, self._dependencies.values()))
            self._states = dict(zip(self._dependencies, states, strict=True))
            self._checked_at = time.monotonic()
        report = StatusReport(function=self._name, build=settings().build, dependencies=self._states)
        return Response(report.model_dump_json(), media_type="application/json")


async def _state(check: Callable[[], Awaitable[object]]) -> Literal["ok", "unavailable"]:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            await check()
    except Exception:  # noqa: BLE001 - any exception means that it does not respond
        return "unavailable"
    return "ok"
