"""Pages for people: a function whose routes are those of an application of its own.

    site = Site(__file__)
    site.serve(Starlette(routes=[...]), {"api": reach_api})
    main = site.function()

The guard logs each request by the name of its route, never by its path, which can name a registration.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Message

from shared.log import log_failure
from shared.runtime.entry_point import entry_point
from shared.runtime.guard import guarded
from shared.runtime.manifest import read_manifest
from shared.runtime.status import STATUS_PATH, Status, function_name

#: Parts of a request that the framework's own application has added.
_OF_THE_FRAMEWORK = {"app", "endpoint", "path_params", "route", "router"}


class Site:
    """The pages of one function."""

    def __init__(self, main_file: str) -> None:
        folder = Path(main_file).parent
        self._name = function_name(folder)
        self._manifest = read_manifest(folder)
        self._app = Starlette()
        self._status = Status(self._name, {})

    def serve(self, app: Starlette, dependencies: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        """Set the application and, for the status, a check for each dependency, which raises if it fails."""
        self._app = app
        self._status = Status(self._name, dependencies)

    def function(self) -> Callable[[Request], Awaitable[Response]]:
        """The entry point. Raises, so that the function does not start, if a setting is missing."""
        if self._manifest.trigger.pages is None:
            raise RuntimeError(f"{self._name}: add a pages trigger to function.yaml")
        return entry_point(self._serve, self._manifest)

    async def _serve(self, request: Request) -> Response:
        if request.url.path == STATUS_PATH:
            return await guarded("getStatus", request, self._status.response)
        return await guarded(self._operation(request), request, lambda: self._page(request))

    def _operation(self, request: Request) -> str:
        """The name of the route that serves a request."""
        found = (route for route in self._app.routes if route.matches(request.scope)[0] is Match.FULL)
        return str(getattr(next(found, None), "name", "none"))

    async def _page(self, request: Request) -> Response:
        """The application's whole response: for an exception its error page, if it has one. The exception is logged."""
        scope = {name: value for name, value in request.scope.items() if name not in _OF_THE_FRAMEWORK}
        response, body = Response(), bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status_code, response.raw_headers = message["status"], list(message["headers"])
            body.extend(message.get("body", b""))

        try:
            await self._app(scope, request.receive, keep)
        except ClientDisconnect:
            raise
        except Exception as error:
            if not body:
                raise
            log_failure(self._operation(request), error)
        response.body = bytes(body)
        return response
