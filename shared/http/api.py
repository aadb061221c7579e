"""HTTP operations: the manifest declares them, and one decorated function implements each.

    api = Api(__file__)

    @api.operation("createRegistration", answers=Registration, status=201)
    async def create(call: Call, body: RegistrationInput) -> Answer: ...

    main = api.function()

Routes and scopes are in `function.yaml` only. A function whose manifest and operations differ does not start.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.registration import RegistrationId
from shared.errors import MalformedHeader, MethodNotAllowed, NotFound, Problem, VersionNeeded
from shared.field_errors import field_error
from shared.http.access import PURPOSE_HEADER, REGISTRATION_ID, AccessEntry, Shown, Shows, purpose_of, requested_ids
from shared.http.bodies import read_body, read_query
from shared.http.callers import Caller, Tokens, reach_issuer
from shared.http.cors import allow_reading, is_preflight, preflight
from shared.runtime.entry_point import entry_point
from shared.runtime.guard import guarded
from shared.runtime.manifest import PUBLIC, Route, read_manifest
from shared.runtime.status import STATUS_PATH, Status, function_name
from shared.store.service import reach_firestore, service

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
_ENTITY_TAG = r'(?:W/)?"[!#-~\x80-\xff]*"'
_ENTITY_TAGS = re.compile(rf"\s*{_ENTITY_TAG}\s*(?:,\s*{_ENTITY_TAG}\s*)*")


class Call(NamedTuple):
    """One request to an operation, from a caller whose scope has been checked."""

    operation: str
    caller: Caller
    path: Mapping[str, str]
    headers: Headers

    @property
    def registration_id(self) -> RegistrationId:
        """The registration in the path. Raises `NotFound` if the path has no valid id."""
        given = self.path["registration_id"]
        if not REGISTRATION_ID.fullmatch(given):
            raise NotFound
        return RegistrationId(given)

    @property
    def idempotency_key(self) -> str | None:
        """The caller's Idempotency-Key. Raises `MalformedHeader`."""
        key = single_header(self.headers, "Idempotency-Key")
        if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise MalformedHeader((field_error("Idempotency-Key", "header_malformed"),))
        return key

    @property
    def tags_read(self) -> frozenset[str]:
        """The entity tags in If-Match. Raises `VersionNeeded`, `MalformedHeader`."""
        given = _list_header(self.headers, "If-Match")
        if given is None or given.strip() == "*":
            raise VersionNeeded
        return frozenset(_entity_tags("If-Match", given))

    def has_read(self, tag: str) -> bool:
        """Whether If-None-Match names this entity tag (weak tags count too). Raises `MalformedHeader`."""
        return has_read(self.headers, tag)


class Answer(NamedTuple):
    """The result of an operation. `body` is JSON text; `shown` is for the access log."""

    status: int
    body: str
    shown: Shown
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


#: Returns an `Answer`, or a `Response` if the operation is public.
Handler = Callable[..., Awaitable[Any]]


class Operation(NamedTuple):
    """An operation: its handler, the models of its request and its answer, and the status of its answer.

    `problems` are those of its own rules. The problems that every operation can have are not among them.
    """

    handler: Handler
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answers: type[BaseModel]
    status: int
    problems: tuple[type[Problem], ...]


class Api:
    """The operations of one function."""

    def __init__(self, main_file: str) -> None:
        folder = Path(main_file).parent
        self._name = function_name(folder)
        self._manifest = read_manifest(folder)
        self.routes = self._manifest.trigger.http or []
        self._patterns = [(route, _pattern(route.path)) for route in self.routes]
        self._elsewhere = [(_pattern(path), methods) for path, methods in self._manifest.elsewhere.items()]
        self._status = Status(self._name, {"firestore": reach_firestore, "token_issuer": reach_issuer})
        self.operations: dict[str, Operation] = {}

    def operation(
        self,
        name: str,
        *,
        answers: type[BaseModel],
        status: int = 200,
        problems: tuple[type[Problem], ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Decorate a coroutine function as the implementation of an operation of the manifest.

        A request must match the models of the function's arguments `body` and `query`, if it has them. `answers`,
        `status` and `problems` describe its answers, for the OpenAPI description.
        """

        def declare(handler: Handler) -> Handler:
            models = inspect.get_annotations(handler, eval_str=True)
            self.operations[name] = Operation(
                handler, models.get("body"), models.get("query"), answers, status, problems
            )
            return handler

        return declare

    def function(self) -> Callable[[Request], Awaitable[Response]]:
        """The entry point.

        Raises, so that the function does not start, if an operation has no route (and so no scope), a route has no
        operation, or a setting has no value.
        """
        declared = {route.operation for route in self.routes}
        if declared != set(self.operations):
            unmatched = ", ".join(sorted(declared ^ set(self.operations)))
            raise RuntimeError(
                f"{self._name}: these operations are not in both function.yaml and main.py: {unmatched}. Add or remove "
                "them in one of the two"
            )
        return entry_point(self._serve, self._manifest)

    async def _serve(self, request: Request) -> Response:
        if is_preflight(request):
            return await guarded("preflight", request, lambda: preflight(request))
        path, method = request.url.path, _method(request)
        matches = [(route, match) for route, pattern in self._patterns if (match := pattern.fullmatch(path))]
        chosen = next(((route, match) for route, match in matches if route.method == method), None)

        async def handle() -> Response:
            if chosen is not None and chosen[0].scope == PUBLIC:
                return await self._public_answer(request, chosen[0])
            if chosen is not None:
                return await self._answer(request, chosen[0], chosen[1].groupdict())
            if path == STATUS_PATH and method == "GET":
                return await self._status.response()
            raise self._refusal(path)

        response = await guarded(chosen[0].operation if chosen else "none", request, handle)
        allow_reading(request, response)
        return response

    def _refusal(self, path: str) -> Problem:
        """405 if the path has other methods, in this function or another; else 404."""
        methods: set[str] = {route.method for route, pattern in self._patterns if pattern.fullmatch(path)}
        methods |= {method for pattern, others in self._elsewhere if pattern.fullmatch(path) for method in others}
        if path == STATUS_PATH:
            methods = {"GET"}
        if "GET" in methods:
            methods.add("HEAD")
        return MethodNotAllowed(headers={"Allow": ", ".join(sorted(methods))}) if methods else NotFound()

    async def _public_answer(self, request: Request, route: Route) -> Response:
        """The answer of an operation without a caller: its handler gets the headers only, and returns a response."""
        operation = self.operations[route.operation]
        read_query(request, None)
        response: Response = await operation.handler(request.headers)
        return response

    async def _answer(self, request: Request, route: Route, parameters: dict[str, str]) -> Response:
        operation = self.operations[route.operation]
        arguments: dict[str, Any] = {}
        with AccessEntry(route.operation) as entry:
            entry.requested = requested_ids(parameters, None)
            entry.caller = caller = await service().part(Tokens).caller(request)
            caller.check_scope(route.scope)
            entry.purpose = purpose_of(caller, single_header(request.headers, PURPOSE_HEADER))
            query = read_query(request, operation.query)
            if query is not None:
                arguments["query"] = query
            if operation.body is not None:
                arguments["body"] = await read_body(request, operation.body)
                entry.requested = requested_ids(parameters, arguments["body"])
            call = Call(route.operation, caller, parameters, request.headers)
            answer: Answer = await operation.handler(call, **arguments)
            entry.shown = answer.shown._replace(fields=Shows.VERSION) if request.method == "HEAD" else answer.shown
        return Response(answer.body, answer.status, answer.headers, media_type="application/json")


def _method(request: Request) -> str:
    """The method of the operation that answers. HEAD has the answer of GET; the server omits the body."""
    return "GET" if request.method == "HEAD" else request.method


def _pattern(path: str) -> re.Pattern[str]:
    """A path such as `/v1/registrations/{registration_id}` as a pattern whose names match within one segment."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(path)))


def has_read(headers: Headers, tag: str) -> bool:
    """Whether If-None-Match names this entity tag (weak tags count too). Raises `MalformedHeader`."""
    given = _list_header(headers, "If-None-Match")
    if given is None:
        return False
    tags = _entity_tags("If-None-Match", given) if given.strip() != "*" else ["*"]
    return bool({tag, f"W/{tag}", "*"}.intersection(tags))


def single_header(headers: Headers, name: str) -> str | None:
    """The value of a header that may occur once; None without it. Raises `MalformedHeader`."""
    values = headers.getlist(name)
    if len(values) > 1:
        raise MalformedHeader((field_error(name, "header_repeated"),))
    return values[0] if values else None


def _list_header(headers: Headers, name: str) -> str | None:
    """All lines of a header whose value is a list, joined (RFC 9110 §5.3); None without it."""
    values = headers.getlist(name)
    return ", ".join(values) if values else None


def _entity_tags(header: str, given: str) -> list[str]:
    """The tags of a conditional header (RFC 9110 §13.1)."""
    if not _ENTITY_TAGS.fullmatch(given):
        raise MalformedHeader((field_error(header, "header_malformed"),))
    return re.findall(_ENTITY_TAG, given)
