"""The last step of a function's start."""

import gc
from collections.abc import Awaitable, Callable

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.manifest import Manifest
from shared.settings import settings

#: The garbage collector runs after this many new objects. A request leaves almost no cycles, and with the default of
#: 700 the collector runs dozens of times in each request: a twelfth of the CPU time of a registration.
_GC_THRESHOLD = 20_000


def entry_point(
    serve: Callable[[Request], Awaitable[Response]], manifest: Manifest
) -> Callable[[Request], Awaitable[Response]]:
    """The function that the framework calls. Raises, so that the function does not start, if a setting is missing.

    Imported modules stay in memory, so the garbage collector skips them; it begins here (shared/__init__.py).
    """
    settings().require([*manifest.settings, *manifest.secrets])
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    gc.enable()
    return functions_framework.aio.http(serve)  # type: ignore[no-any-return]
