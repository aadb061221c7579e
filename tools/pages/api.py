"""docs/openapi.json and docs/problems.md, the contract for callers of the API, made from what the code says.

Models, scopes, routes and problems are defined once, where they are used.
"""

import importlib.util
import inspect
import json
from collections.abc import Iterator
from copy import deepcopy
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from shared.domain.registration import RegistrationInput
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
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    VersionNeeded,
    http_problems,
)
from shared.http.access import PURPOSE_HEADER, Purpose
from shared.http.api import Api, Operation
from shared.http.bodies import MEDIA_TYPES
from shared.http.registrations import RegistrationPatch
from shared.runtime.manifest import Route, read_manifests
from shared.runtime.status import STATUS_PATH, StatusReport
from tools.places import FUNCTIONS, ROOT

OPENAPI = ROOT / "docs" / "openapi.json"

_JSON = "application/json"
_PROBLEM_JSON = "application/problem+json"
_REF = "#/components/schemas/{model}"
_ENTITY_TAG = '^"[1-9][0-9]{0,9}"$'

_ALWAYS = (MalformedParameter, MalformedHeader, Unauthenticated, InsufficientScope, InternalError, Unavailable)
_WITH_BODY = (MalformedJson, PayloadTooLarge, UnsupportedMediaType, InvalidContent)

_INTRODUCTION = """\
The register of customers in vulnerable situations that a UK energy supplier keeps.

Every call carries an access token (`Authorization: Bearer …`) with the scope of the operation. Times are RFC 3339 in
UTC, dates are days in London. No URL contains personal data. Errors are problem details (RFC 9457): see the
catalogue of problems for what each type means and what to do.

Each path that answers GET answers HEAD as well, with the same headers and no body.
"""

_ABOUT_PROBLEMS = """\
The answers of the API to requests that it cannot fulfil (RFC 9457, `application/problem+json`). `type` is stable:
branch on it, not on the text. `errors` names each field by JSON Pointer, header or parameter, with a stable `code`; no
answer repeats a value that was sent. Quote `trace_id` when you ask for help.

Made by `nox -s docs` from `shared/errors.py`.
"""

Schema = dict[str, Any]


class _Untitled(GenerateJsonSchema):
    """Without the titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def api_pages() -> dict[str, str]:
    """Text by place in docs/."""
    return {"openapi.json": openapi_text(), "problems.md": problems_text()}


def openapi_text() -> str:
    """The OpenAPI document as it is committed."""
    return json.dumps(_openapi(), indent=2, ensure_ascii=False) + "\n"


def problems_text() -> str:
    """The catalogue of problems as it is committed, Markdown."""
    rows = [
        f'| <a id="{p.code}"></a>`/problems/{p.code}` | {p.status} | {p.title} | {about(p)} | {p.detail} |'
        for p in http_problems()
    ]
    return "\n".join(
        [
            "# Problems",
            "",
            *_ABOUT_PROBLEMS.splitlines(),
            "",
            "| Type | Status | Title | When | What to do |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


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


def about(described: type) -> str:
    """The docstring of a problem (when it happens) or model, in one line."""
    return " ".join((inspect.getdoc(described) or "").split())


def _openapi() -> Schema:
    found = list(operations())
    paths: dict[str, Schema] = {}
    for route, operation in found:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation)
    paths[STATUS_PATH] = {"get": _status_operation()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Priority Services Register", "version": "1", "description": _INTRODUCTION},
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": _schemas(found),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schemas(found: list[tuple[Route, Operation]]) -> Schema:
    submitted = {operation.body for _, operation in found if operation.body not in (None, RegistrationPatch)}
    answered = {operation.answers for _, operation in found} | {StatusReport}
    inputs = [(model, "validation") for model in sorted(filter(None, submitted), key=lambda model: model.__name__)]
    outputs = [(model, "serialization") for model in sorted(answered, key=lambda model: model.__name__)]
    modes = [*inputs, *outputs]
    _, whole = models_json_schema(modes, ref_template=_REF, schema_generator=_Untitled)  # type: ignore[arg-type]
    schemas: Schema = whole["$defs"]
    patch = _patch_of(schemas[RegistrationInput.__name__], schemas)
    schemas[RegistrationPatch.__name__] = patch | {"description": about(RegistrationPatch)}
    schemas["Problem"] = _problem_schema()
    return dict(sorted(schemas.items()))


def _patch_of(schema: Schema, schemas: Schema) -> Schema:
    """The schema of a merge patch: any part of an object, null to remove; lists as a whole."""
    if "$ref" in schema:
        target = schemas[schema["$ref"].rpartition("/")[2]]
        return _patch_of(target, schemas) if target.get("type") == "object" else schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [_patch_of(choice, schemas) for choice in schema["anyOf"]]}
    if schema.get("type") != "object":
        return deepcopy(schema)
    properties = {name: _or_null(_patch_of(part, schemas)) for name, part in schema["properties"].items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _or_null(schema: Schema) -> Schema:
    plain = {name: value for name, value in schema.items() if name != "default"}
    if {"type": "null"} in plain.get("anyOf", []):
        return plain
    return {"anyOf": [plain, {"type": "null"}]}


def _problem_schema() -> Schema:
    text = {"type": "string"}
    entry = {"type": "object", "required": ["pointer", "code", "detail"]}
    return {
        "type": "object",
        "description": "Problem details (RFC 9457)",
        "required": ["type", "title", "status", "detail", "errors", "trace_id"],
        "properties": {
            "type": {"type": "string", "enum": [f"/problems/{problem.code}" for problem in http_problems()]},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {
                "type": "array",
                "items": {**entry, "properties": {"pointer": text, "code": text, "detail": text}},
            },
            "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        },
    }


def _operation(route: Route, operation: Operation) -> Schema:
    described: Schema = {
        "operationId": route.operation,
        "description": inspect.getdoc(operation.handler) or "",
        "security": [{"token": [route.scope]}],
        "parameters": list(_parameters(route, operation)),
        "responses": _responses(route, operation),
    }
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=operation.body.__name__)}
        content = {media_type: {"schema": schema} for media_type in MEDIA_TYPES[route.method]}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(route: Route, operation: Operation) -> Iterator[Schema]:
    purposes = {"type": "string", "enum": list(Purpose)}
    yield {
        "name": PURPOSE_HEADER,
        "in": "header",
        "required": False,
        "description": "Purpose of reading the registration, for the access log; a token's claim `purpose` takes precedence",
        "schema": purposes,
    }
    if "{registration_id}" in route.path:
        schema = {"type": "string", "format": "uuid"}
        yield {"name": "registration_id", "in": "path", "required": True, "schema": schema}
    if operation.query is not None:
        for name, schema in operation.query.model_json_schema(schema_generator=_Untitled)["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": schema}
    if VersionNeeded in operation.problems:
        yield _header("If-Match", "The ETag that was read", _ENTITY_TAG, '"3"', required=True)
    if IdempotencyKeyReused in operation.problems:
        meaning = "1 to 255 visible ASCII characters; a repeat with the same key and body gets the first answer"
        yield _header("Idempotency-Key", meaning, "^[!-~]{1,255}$", "6f1f8d5e-4f0e-4c57-9d0c-0d2b0f6f4a10")
    if route.method == "GET" and operation.query is None:
        yield _header("If-None-Match", "An ETag that was read: 304 if it is still the current one", _ENTITY_TAG, '"3"')


def _header(name: str, description: str, pattern: str, example: str, *, required: bool = False) -> Schema:
    schema = {"type": "string", "pattern": pattern, "examples": [example]}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": schema}


def _responses(route: Route, operation: Operation) -> Schema:
    answered: Schema = {
        str(operation.status): {
            "description": HTTPStatus(operation.status).phrase,
            "headers": {name: {"schema": {"type": "string"}} for name in _answer_headers(operation)},
            "content": {_JSON: {"schema": {"$ref": _REF.format(model=operation.answers.__name__)}}},
        }
    }
    if route.method == "GET" and operation.query is None:
        answered["304"] = {"description": "Not changed since the ETag in If-None-Match"}
    problems = {*_ALWAYS, *operation.problems, *(_WITH_BODY if operation.body else ())}
    if IdempotencyKeyReused in operation.problems:
        problems.add(ClockOutOfStep)
    for problem in http_problems():
        if problem in problems:
            described = answered.setdefault(str(problem.status), _problem_response())
            described["description"] += f"- `{problem.code}`: {about(problem)}\n"
    return answered


def _answer_headers(operation: Operation) -> Iterator[str]:
    if "version" in operation.answers.model_fields:
        yield "ETag"
    if operation.status == HTTPStatus.CREATED:
        yield "Location"
    if IdempotencyKeyReused in operation.problems:
        yield "Idempotent-Replayed"


def _problem_response() -> Schema:
    return {"description": "", "content": {_PROBLEM_JSON: {"schema": {"$ref": _REF.format(model="Problem")}}}}


def _status_operation() -> Schema:
    schema = {"$ref": _REF.format(model=StatusReport.__name__)}
    return {
        "operationId": "getStatus",
        "description": "Whether the function serves, which build, and the state of what it depends on.",
        "security": [],
        "responses": {"200": {"description": "Serving", "content": {_JSON: {"schema": schema}}}},
    }
