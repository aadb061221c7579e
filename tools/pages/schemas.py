"""The schemas of docs/openapi.json, as generators of clients need them.

Each schema and each list of values has one name and is referenced. Optional fields have no `default`, because generators
take a field with one for required. Members of enums have names and labels.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from shared.domain.needs import categories, labels, live_codes
from shared.domain.registration import RegistrationInput
from shared.errors import http_problems
from shared.field_errors import field_error_codes
from shared.http.access import Purpose
from shared.http.reference import terms
from shared.http.registrations import RegistrationPatch
from tools.pages.text import about

Schema = dict[str, Any]

REF = "#/components/schemas/"
_SUBMITTED_STATUSES = ("active", "pending")
#: The list of labels.csv that has the labels of an enum.
_LABELS = {
    "CommunicationFormat": "communication_formats",
    "Article6Basis": "article_6_bases",
    "Article9Condition": "lawful_bases",
    "CaptureChannel": "capture_channels",
    "Purpose": "purposes",
    "Referrer": "referrers",
    "Relationship": "relationships",
    "Schedule1Paragraph": "schedule_1_paragraphs",
    "SpeakerRole": "speakers",
    "Status": "statuses",
    "SubmittedStatus": "statuses",
    "WarningCode": "warnings",
}


class Untitled(GenerateJsonSchema):
    """Without the titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Never."""
        return False


def ref(name: str) -> Schema:
    """A reference to a schema."""
    return {"$ref": REF + name}


def schemas(submitted: Iterable[type[BaseModel]], answered: Iterable[type[BaseModel]]) -> Schema:
    """The schemas of all models of requests and of answers, by name."""
    inputs = sorted(set(submitted) - {RegistrationPatch}, key=lambda model: model.__name__)
    outputs = sorted(set(answered), key=lambda model: model.__name__)
    modes = [*((model, "validation") for model in inputs), *((model, "serialization") for model in outputs)]
    _, whole = models_json_schema(modes, ref_template=REF + "{model}", schema_generator=Untitled)  # type: ignore[arg-type]
    found: Schema = whole["$defs"] | _named_enums() | _problem_schemas()
    found["Notice"]["properties"]["code"] = ref("WarningCode")
    found = {name: _with_references(schema, name) for name, schema in found.items()}
    only_answered = set(_reached(found, [model.__name__ for model in outputs])) - set(
        _reached(found, [model.__name__ for model in inputs])
    )
    for name in only_answered:
        if "properties" in found[name]:
            found[name]["required"] = list(found[name]["properties"])
    found = {name: _without_defaults(schema) for name, schema in found.items()}
    _add_patches(found, RegistrationInput.__name__, RegistrationPatch.__name__)
    found[RegistrationPatch.__name__]["description"] = about(RegistrationPatch)
    for name, schema in found.items():
        if "enum" in schema:
            schema.update(_member_names(name, schema["enum"]))
    return dict(sorted(found.items()))


def _named_enums() -> Schema:
    """Enums that the models have as lists of values only."""
    live, every = live_codes(), list(categories())
    text = {"type": "string"}
    found = {
        "FieldErrorCode": {**text, "enum": sorted(field_error_codes()), "description": "A rule that a field breaks."},
        "NeedCode": {**text, "enum": every, "description": "A Priority Services category (DTC J1699)."},
        "ProblemType": {**text, "enum": [f"/problems/{problem.code}" for problem in http_problems()]},
        "Purpose": {**text, "enum": list(Purpose), "description": about(Purpose)},
        "SubmittedStatus": {**text, "enum": list(_SUBMITTED_STATUSES), "description": "A status that callers can set."},
        "WarningCode": {**text, "enum": [term.code for term in terms()["warnings"]], "description": "Why to check."},
    }
    if live != every:
        found["LiveNeedCode"] = {**text, "enum": live, "description": "A needs code that can be added."}
    return found


def _problem_schemas() -> Schema:
    text = {"type": "string"}
    error = {"pointer": text, "code": ref("FieldErrorCode"), "detail": text}
    problem = {
        "type": ref("ProblemType"),
        "title": text,
        "status": {"type": "integer"},
        "detail": text,
        "errors": {"type": "array", "items": ref("FieldError")},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    }
    described = {
        "FieldError": "A field that breaks a rule, its code, and a sentence for people. `pointer` is a JSON Pointer "
        "(RFC 6901) into the body, or the name of a header or parameter.",
        "Problem": "Problem details (RFC 9457).",
    }
    return {
        name: {"type": "object", "description": described[name], "required": list(fields), "properties": fields}
        for name, fields in (("FieldError", error), ("Problem", problem))
    }


def _with_references(schema: Any, name: str) -> Any:
    """A schema that refers to the enums with a name instead of repeating their values."""
    if isinstance(schema, list):
        return [_with_references(part, "") for part in schema]
    if not isinstance(schema, dict):
        return schema
    if not name and "enum" in schema:
        for named, enum in _named_enums().items():
            if enum["enum"] == schema["enum"]:
                return {**ref(named), **{key: schema[key] for key in ("default", "description") if key in schema}}
    return {key: _with_references(part, "") for key, part in schema.items()}


def _without_defaults(schema: Any) -> Any:
    """A schema whose defaults are in the descriptions."""
    if isinstance(schema, list):
        return [_without_defaults(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _without_defaults(part) for key, part in schema.items() if key != "default"}
    default = schema.get("default")
    if default is None or isinstance(default, dict):
        return plain
    stated = f"Default: {str(default).lower() if isinstance(default, bool) else default}."
    return {**plain, "description": f"{plain['description']} {stated}" if "description" in plain else stated}


def _references(schema: Any) -> Iterator[str]:
    """The names that a schema refers to."""
    if isinstance(schema, dict):
        for key, part in schema.items():
            if key == "$ref":
                yield part.removeprefix(REF)
            else:
                yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)


def _reached(found: Schema, names: Iterable[str]) -> Iterator[str]:
    """Names of schemas, and of all schemas that they refer to."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            yield name
            waiting += _references(found[name])


def _add_patches(found: Schema, name: str, patch: str) -> None:
    """Add the schema of a merge patch: any part of an object, null to remove; lists as a whole."""
    properties = {field: _or_null(_patch_of(part, found)) for field, part in found[name]["properties"].items()}
    found[patch] = {
        "type": "object",
        "additionalProperties": False,
        "description": f"A change of {name}: the members that change, null to remove one.",
        "properties": properties,
    }


def _patch_of(schema: Schema, found: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_patch_of(choice, found) for choice in schema["anyOf"]]}
    name = schema.get("$ref", "").removeprefix(REF)
    if found.get(name, {}).get("type") != "object":
        return deepcopy(schema)
    patch = f"{name.removesuffix('Input')}Patch"
    if patch not in found:
        _add_patches(found, name, patch)
    return ref(patch)


def _or_null(schema: Schema) -> Schema:
    null = {"type": "null"}
    return schema if null in schema.get("anyOf", []) else {"anyOf": [schema, null]}


def _member_names(name: str, values: list[str]) -> Schema:
    """The extensions in which generators look for the names and descriptions of an enum's members."""
    described = _descriptions(name)
    names = [_member_name(described[value] if name.endswith("NeedCode") else value) for value in values]
    extensions: Schema = {"x-enum-varnames": names, "x-enumNames": names}
    if described:
        extensions["x-enum-descriptions"] = [described[value] for value in values]
    return extensions


def _descriptions(name: str) -> Mapping[str, str]:
    if name.endswith("NeedCode"):
        retired = {code: " (retired)" for code, category in categories().items() if category.retired}
        return {code: next(iter(names.values())) + retired.get(code, "") for code, names in labels().items()}
    if name == "ProblemType":
        return {f"/problems/{problem.code}": problem.title for problem in http_problems()}
    if name == "FieldErrorCode":
        return {code: " / ".join(details) for code, details in field_error_codes().items()}
    return {term.code: term.label.en for term in terms()[_LABELS[name]]} if name in _LABELS else {}


def _member_name(text: str) -> str:
    """A name for generators: none of their languages lets it begin with a digit."""
    name = re.sub(r"[^A-Z0-9]+", "_", text.removeprefix("/problems/").upper()).strip("_")
    return f"FROM_{name}" if name[0].isdigit() else name
