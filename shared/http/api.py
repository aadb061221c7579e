"""HTTP operations: declared in the manifest, implemented by one decorated function each.

    api = Api(__file__)

    @api.operation("createRegistration")
    async def create(call: Call, body: RegistrationInput) -> Answer: ...

    main = api.function()

Routes and scopes stand in `function.yaml` only. A function whose manifest and operations differ does not start.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import functions_framework.aio
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import FieldError, MalformedHeader, MethodNotAllowed, NotFound
from shared.http.bodies import read_body
from shared.http.callers import Caller, tokens
from shared.http.guard import guarded
from shared.manifest import Route, read_manifest
from shared.settings import settings
from shared.status import STATUS_PATH, function_name, status_response

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_MEDIA_TYPES = {"POST": "application/json", "PATCH": "application/merge-patch+json"}


class Call(NamedTuple):
    """One request to an operation, from a caller whose scope has been checked."""

    operation: str
    caller: Caller
    parameters: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def idempotency_key(self) -> str | None:
        """The caller's Idempotency-Key. Raises `MalformedHeader`."""
        key = self.headers.get("idempotency-key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise MalformedHeader((FieldError("Idempotency-Key", "header_form", "1 to 255 visible ASCII characters"),))
        return key


class Answer(NamedTuple):
    """What an operation answers: `body` is JSON text."""

    status: int
    body: str
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


Operation = Callable[..., Awaitable[Answer]]


class Api:
    """The operations of one function."""

    def __init__(self, main_file: str) -> None:
        folder = Path(main_file).parent
        self._name = function_name(folder)
        self._manifest = read_manifest(folder)
        self._routes = [(route, _pattern(route.path)) for route in self._manifest.trigger.http or []]
        self._operations: dict[str, tuple[Operation, type[BaseModel] | None]] = {}

    def operation(self, name: str) -> Callable[[Operation], Operation]:
        """Make a coroutine function the implementation of an operation of the manifest."""

        def declare(function: Operation) -> Operation:
            body = inspect.get_annotations(function, eval_str=True).get("body")
            self._operations[name] = (function, body)
            return function

        return declare

    def function(self) -> Callable[[Request], Awaitable[Response]]:
        """The entry point. Raises if an operation lacks its route (and so its scope), a route its operation, or a
        setting is missing: the function does not start then.
        """
        declared = {route.operation for route, _ in self._routes}
        if declared != set(self._operations):
            differing = ", ".join(sorted(declared ^ set(self._operations)))
            raise RuntimeError(f"{self._name}: operations not both in function.yaml and in main.py: {differing}")
        settings().require(self._manifest.settings)
        return functions_framework.aio.http(self._serve)  # type: ignore[no-any-return]

    async def _serve(self, request: Request) -> Response:
        if request.url.path == STATUS_PATH:
            return status_response(self._name)
        allowed = [(route, match) for route, pattern in self._routes if (match := pattern.fullmatch(request.url.path))]
        chosen = next(((route, match) for route, match in allowed if route.method == request.method), None)
        operation = chosen[0].operation if chosen else "none"

        async def handle() -> Response:
            if not allowed:
                raise NotFound
            if chosen is None:
                raise MethodNotAllowed(headers={"Allow": ", ".join(sorted(route.method for route, _ in allowed))})
            return await self._answer(request, chosen[0], chosen[1].groupdict())

        return await guarded(operation, request, handle)

    async def _answer(self, request: Request, route: Route, parameters: dict[str, str]) -> Response:
        caller = await tokens().caller(request)
        caller.check_scope(route.scope)
        function, model = self._operations[route.operation]
        call = Call(route.operation, caller, parameters, request.headers)
        arguments: list[Any] = [call]
        if model is not None:
            arguments.append(await read_body(request, model, _MEDIA_TYPES[route.method]))
        answer = await function(*arguments)
        return Response(answer.body, answer.status, answer.headers, media_type="application/json")


def _pattern(path: str) -> re.Pattern[str]:
    """`/v1/registrations/{registration_id}` as a pattern whose names match within one segment."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(path)))
