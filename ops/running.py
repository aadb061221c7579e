"""How a command runs what it asks of the service's own modules."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ops.errors import CommandError
from shared.errors import Problem
from shared.export.plan import ExportStopped
from shared.settings import SettingsError

_Result = TypeVar("_Result")


def run(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run it, and tell in one line what cannot be done. Clients are made inside the loop that uses them.

    Raises `CommandError`.
    """

    async def inside() -> _Result:
        return await work()

    try:
        return asyncio.run(inside())
    except ExportStopped as stopped:
        raise CommandError(stopped.sentence) from None
    except Problem as problem:
        raise CommandError(f"{problem.title}: {problem.detail}") from None
    except SettingsError as error:
        raise CommandError(f"{error}") from None
