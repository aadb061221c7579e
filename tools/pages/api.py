"""docs/openapi.json, the contract for callers of the API, made from what the code says.

Models, scopes, routes and problems are defined once, where they are used.
"""

import importlib.util
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from shared.errors import (
    ClockOutOfStep,
    IdempotencyKeyReused,
    InsufficientScope,
    InternalError,
    InvalidContent,
    MalformedHeader,
    MalformedJson,
    MalformedParameter,
    PayloadTooLarge,
    Problem,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    VersionNeeded,
    http_problems,
)
from shared.http.access import PURPOSE_HEADER
from shared.http.api import Api, Operation
from shared.http.bodies import MEDIA_TYPES
from shared.runtime.manifest import PUBLIC, Route, read_manifests
from shared.runtime.status import STATUS_PATH, StatusReport
from tools.pages.examples import BODIES, REGISTRATION_ID, VERSIONS, idempotency_key, problem_examples
from tools.pages.problems import problems_text
from tools.pages.schemas import Schema, Untitled, ref, schemas
from tools.pages.text import about, summary_and_description
from tools.places import FUNCTIONS, ROOT

OPENAPI = ROOT / "docs" / "openapi.json"

_JSON = "application/json"
_PROBLEM_JSON = "application/problem+json"
_ENTITY_TAG = r'"[1-9][0-9]{0,9}(\.[0-9]{8})?"'
_ENTITY_TAGS = f"^{_ENTITY_TAG}(, ?{_ENTITY_TAG})*$"

_PUBLIC_PROBLEMS = (MalformedParameter, MalformedHeader, InternalError)
_ALWAYS = (*_PUBLIC_PROBLEMS, Unauthenticated, InsufficientScope, Unavailable)
_WITH_BODY = (MalformedJson, PayloadTooLarge, UnsupportedMediaType, InvalidContent)

#: The group of an operation is that of its scope: its name and its meaning.
_TAGS = {
    "psr:write": ("Changes", "Create, amend and withdraw registrations. Scope `psr:write`."),
    "psr:read": ("Registrations", "Read one registration. Scope `psr:read`."),
    "psr:bulk": ("Many at once", "Read many registrations, for people who restore the supply. Scope `psr:bulk`."),
    "psr:history": ("History", "Read the changes of a registration. Scope `psr:history`."),
    "psr:work": ("Work lists", "List the customers to contact, for an agents' desk. Scope `psr:work`."),
    PUBLIC: ("Reference", "Codes and their labels. No token."),
}
_STATUS_TAG = ("Status", "The state of the service. No token.")

_INTRODUCTION = """\
The register of customers in vulnerable situations that a UK energy supplier keeps.

Every call carries an access token (`Authorization: Bearer …`) with the scope of the operation, except those that are
marked as needing none. Times are RFC 3339 in UTC, dates are days in London. No URL contains personal data.

Errors are problem details (RFC 9457). The [catalogue of problems](/problems) says what each type means and what to do.

Each path that answers GET answers HEAD as well, with the same headers and no body. Send the examples in the order of this
page: each succeeds as it is, and so does its repeat.
"""
_AUTHENTICATION = """\
An access token (JWT, RS256) of the organisation's issuer. `/dev/token` is the issuer of the local stack; a deployment has
the issuer of its setting `token_issuer`.
"""
_SCOPES = {
    "psr:read": "Read one registration",
    "psr:write": "Create, amend and withdraw registrations",
    "psr:history": "Read the changes of a registration",
    "psr:bulk": "Read many registrations at once",
    "psr:work": "List the customers to contact",
    "psr:caller_password": "See `services.caller_password` in answers",
}
_TOO_MANY_REQUESTS = "The front door limits the requests of one address. Wait, then retry."
_ANSWER_HEADERS = {
    "ETag": "The version, for If-Match and If-None-Match",
    "Location": "The path of the registration",
    "Idempotent-Replayed": "`true` if this is the first answer to the same key, again",
    "Cache-Control": "How long caches may keep the answer",
    "Retry-After": "Seconds to wait",
    "WWW-Authenticate": "Why the token is refused, and the scope that it lacks",
}


def api_pages() -> dict[str, str]:
    """Text by place in docs/."""
    return {"openapi.json": openapi_text(), "problems.md": problems_text()}


def openapi_text() -> str:
    """The OpenAPI document as it is committed."""
    return json.dumps(_openapi(), indent=2, ensure_ascii=False) + "\n"


def operations() -> Iterator[tuple[Route, Operation]]:
    """Every operation with its route, from the functions themselves."""
    for name, manifest in read_manifests(FUNCTIONS).items():
        if manifest.trigger.http:
            api = _api(FUNCTIONS / name / "main.py")
            for route in api.routes:
                yield route, api.operations[route.operation]


def _api(main: Path) -> Api:
    """The `Api` in a function's main.py. It needs the settings that the function itself needs."""
    spec = importlib.util.spec_from_file_location(f"api_of_{main.parent.name}", main)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{main} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    api: Api = module.api
    return api


def _openapi() -> Schema:
    found = list(operations())
    paths: dict[str, Schema] = {}
    # Of one path, POST comes before GET, so that the examples succeed in the order of the document.
    for route, operation in sorted(found, key=lambda one: (one[0].path, one[0].method != "POST", one[0].method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation)
    paths[STATUS_PATH] = {"get": _status_operation()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Priority Services Register",
            "version": "1",
            "description": _INTRODUCTION,
            "contact": {"name": "The team of the Priority Services Register"},
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The front door that serves this document"}],
        "tags": [{"name": name, "description": meaning} for name, meaning in (*_TAGS.values(), _STATUS_TAG)],
        "paths": paths,
        "components": {
            "schemas": schemas(
                [operation.body for _, operation in found if operation.body is not None],
                [StatusReport, *(operation.answers for _, operation in found)],
            ),
            "parameters": _shared_parameters(),
            "examples": _used(problem_examples(), paths),
            "securitySchemes": {
                "token": {
                    "type": "oauth2",
                    "description": _AUTHENTICATION,
                    "flows": {"clientCredentials": {"tokenUrl": "/dev/token", "scopes": _SCOPES}},
                }
            },
        },
    }


def _used(examples: Schema, paths: Schema) -> Schema:
    """The examples that an answer refers to."""
    text = json.dumps(paths)
    return {name: example for name, example in examples.items() if f'/{name}"}}' in text}


def _operation(route: Route, operation: Operation) -> Schema:
    summary, description = summary_and_description(operation.handler)
    scope = "No token." if route.scope == PUBLIC else f"Scope: `{route.scope}`."
    described: Schema = {
        "operationId": route.operation,
        "tags": [_TAGS[route.scope][0]],
        "summary": summary,
        "description": f"{description}\n\n{scope}".strip(),
        "security": [] if route.scope == PUBLIC else [{"token": [route.scope]}],
        "parameters": list(_parameters(route, operation)),
        "responses": _responses(route, operation),
    }
    if operation.body is not None:
        media = {"schema": ref(operation.body.__name__), "example": BODIES[route.operation]}
        content = dict.fromkeys(MEDIA_TYPES[route.method], media)
        described["requestBody"] = {"required": True, "content": content}
    return described


def _shared_parameters() -> Schema:
    purpose = "Purpose of reading the registration, for the access log; a token's claim `purpose` takes precedence"
    unchanged = "ETags that were read: 304 if one is still the current one"
    return {
        "Purpose": _parameter("header", PURPOSE_HEADER, ref("Purpose"), description=purpose),
        "RegistrationId": _parameter(
            "path", "registration_id", {"type": "string", "format": "uuid"}, required=True, example=REGISTRATION_ID
        ),
        "IfNoneMatch": _header("If-None-Match", unchanged, '"999"', _ENTITY_TAGS),
    }


def _parameters(route: Route, operation: Operation) -> Iterator[Schema]:
    shared = "#/components/parameters/"
    if route.scope != PUBLIC:
        yield {"$ref": f"{shared}Purpose"}
    if "{registration_id}" in route.path:
        yield {"$ref": f"{shared}RegistrationId"}
    if operation.query is not None:
        for name, schema in operation.query.model_json_schema(schema_generator=Untitled)["properties"].items():
            given = next((choice for choice in schema.get("anyOf", []) if choice["type"] != "null"), schema)
            yield _parameter("query", name, given)
    if VersionNeeded in operation.problems:
        example = VERSIONS[route.operation]
        yield _header("If-Match", "The ETag that was read, or several", example, _ENTITY_TAGS, required=True)
    if IdempotencyKeyReused in operation.problems:
        meaning = "1 to 255 visible ASCII characters; a repeat with the same key and body gets the first answer"
        yield _header("Idempotency-Key", meaning, idempotency_key(route.operation), "^[!-~]{1,255}$")
    if _is_conditional(route, operation):
        yield {"$ref": f"{shared}IfNoneMatch"}


def _is_conditional(route: Route, operation: Operation) -> bool:
    """Whether the operation answers 304 if the caller has the current version."""
    return route.method == "GET" and operation.query is None


def _parameter(place: str, name: str, schema: Schema, *, required: bool = False, **more: Any) -> Schema:
    return {"name": name, "in": place, "required": required, "schema": schema, **more}


def _header(name: str, description: str, example: str, pattern: str, *, required: bool = False) -> Schema:
    schema = {"type": "string", "pattern": pattern}
    return _parameter("header", name, schema, required=required, description=description, example=example)


def _responses(route: Route, operation: Operation) -> Schema:
    answered: Schema = {
        str(operation.status): {
            "description": HTTPStatus(operation.status).phrase,
            "headers": _headers(*_answer_headers(route, operation)),
            "content": {_JSON: {"schema": ref(operation.answers.__name__)}},
        }
    }
    if _is_conditional(route, operation):
        answered["304"] = {"description": "Not changed since the ETag in If-None-Match", "headers": _headers("ETag")}
    always = _PUBLIC_PROBLEMS if route.scope == PUBLIC else _ALWAYS
    problems = {*always, *operation.problems, *(_WITH_BODY if operation.body else ())}
    if IdempotencyKeyReused in operation.problems:
        problems.add(ClockOutOfStep)
    for problem in http_problems():
        if problem in problems:
            _add_problem(answered.setdefault(str(problem.status), _problem_response(problem.status)), problem)
    answered["429"] = {"description": _TOO_MANY_REQUESTS}
    return dict(sorted(answered.items()))


def _answer_headers(route: Route, operation: Operation) -> Iterator[str]:
    if "version" in operation.answers.model_fields:
        yield "ETag"
    if route.scope == PUBLIC:
        yield "Cache-Control"
    if operation.status == HTTPStatus.CREATED:
        yield "Location"
    if IdempotencyKeyReused in operation.problems:
        yield "Idempotent-Replayed"


def _headers(*names: str) -> Schema:
    return {name: {"description": _ANSWER_HEADERS[name], "schema": {"type": "string"}} for name in names}


def _problem_response(status: int) -> Schema:
    names = {401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 503: ["Retry-After"]}.get(status, [])
    content = {_PROBLEM_JSON: {"schema": ref("Problem"), "examples": {}}}
    return {"description": "", **({"headers": _headers(*names)} if names else {}), "content": content}


def _add_problem(response: Schema, problem: type[Problem]) -> None:
    response["description"] += f"- [`{problem.code}`](/problems/{problem.code}): {about(problem)}\n"
    examples = response["content"][_PROBLEM_JSON]["examples"]
    examples[problem.code] = {"$ref": f"#/components/examples/{problem.code}"}


def _status_operation() -> Schema:
    return {
        "operationId": "getStatus",
        "tags": [_STATUS_TAG[0]],
        "summary": "Get the state of the service",
        "description": "Whether the function serves, which build, and the state of what it depends on.\n\nNo token.",
        "security": [],
        "responses": {
            "200": {"description": "Serving", "content": {_JSON: {"schema": ref(StatusReport.__name__)}}},
            "429": {"description": _TOO_MANY_REQUESTS},
        },
    }
