"""`GET /_status`: that a function serves, which build, and whether what it depends on answers. No token, no data."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

from starlette.responses import Response

from shared.model import Model
from shared.settings import settings

STATUS_PATH = "/_status"

#: An answer is good for this long, so that asking often costs nothing.
_LASTS_SECONDS = 5.0
_PATIENCE_SECONDS = 3.0


def function_name(folder: Path) -> str:
    """The function that this process serves: its folder's name, or the setting where the folder is the platform's."""
    return settings().function or folder.name


class StatusReport(Model):
    """What a function says of itself."""

    function: str
    build: str
    status: Literal["serving"] = "serving"
    dependencies: dict[str, Literal["ok", "unavailable"]]


class Status:
    """Answers for one function. `dependencies` are ways to ask each one for a sign of life."""

    def __init__(self, name: str, dependencies: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        self._name = name
        self._dependencies = dependencies
        self._asked_at = 0.0
        self._states: dict[str, Literal["ok", "unavailable"]] = {}

    async def response(self) -> Response:
        """200 with the build, and `ok` or `unavailable` for each dependency."""
        if not self._states or time.monotonic() - self._asked_at > _LASTS_SECONDS:
            states = await asyncio.gather(*map(_state, self._dependencies.values()))
            self._states = dict(zip(self._dependencies, states, strict=True))
            self._asked_at = time.monotonic()
        report = StatusReport(function=self._name, build=settings().build, dependencies=self._states)
        return Response(report.model_dump_json(), media_type="application/json")


async def _state(ask: Callable[[], Awaitable[object]]) -> Literal["ok", "unavailable"]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await ask()
    except Exception:  # noqa: BLE001 - whatever the reason, it does not answer
        return "unavailable"
    return "ok"
