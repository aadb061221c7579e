"""The last step of a function's start."""

import gc
from collections.abc import Awaitable, Callable

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

from shared.runtime.manifest import Manifest
from shared.settings import settings

#: How many new objects make the collector look at them. A request leaves hardly any behind that refer to one another,
#: and at the usual 700 the collector looks dozens of times in each: a twelfth of the CPU of registering.
_NEW_OBJECTS = 20_000


def entry_point(
    serve: Callable[[Request], Awaitable[Response]], manifest: Manifest
) -> Callable[[Request], Awaitable[Response]]:
    """What the framework calls. Raises if a setting that the manifest names is missing: the function does not start.

    What was imported stays for good, so the collector need not look at it.
    """
    settings().require(manifest.settings)
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
    return functions_framework.aio.http(serve)  # type: ignore[no-any-return]
