"""Planned resources against the APIs' own descriptions: patterns, enumerations, required fields, formats, names.

The descriptions (discovery documents) are packaged in google-api-python-client, so this needs no network.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tools.plan_check.resources import Resource, is_unknown, only

_TABLE: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("apis.yaml").read_text(encoding="utf-8"))
_DOCUMENTS = files("googleapiclient.discovery_cache.documents")
_FORMATS = {"google-duration": r"-?\d+(\.\d{1,9})?s", "int64": r"-?\d+", "int32": r"-?\d+", "uint32": r"\d+"}

Json = Mapping[str, Any]


@cache
def document(name: str) -> Json:
    """A packaged discovery document, `pubsub.v1`."""
    content: Json = json.loads((_DOCUMENTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


def findings(resources: Iterable[Resource]) -> Iterator[str]:
    """Values that the APIs would not take, by address and attribute."""
    for resource in resources:
        if resource.type in _TABLE["types"]:
            yield from _Checked(resource).findings()


class _Checked:
    """A resource with the schema that describes it."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        entry = _TABLE["types"][resource.type]
        self._schemas = document(entry["document"])["schemas"]
        self._schema = self._schemas[entry["schema"]]
        self._names = entry.get("names", {})
        self._ours = {*_TABLE["ours"], *entry.get("ours", [])}

    def findings(self) -> Iterator[str]:
        for fault in self._object(self._resource.values, self._schema, ""):
            yield f"{self._resource.address}: {fault}"

    def _object(self, values: Json, schema: Json, path: str) -> Iterator[str]:
        properties = schema.get("properties", {})
        given = {}
        for name, value in values.items():
            if _is_empty(value) or name in self._ours:
                continue
            known = _camel(name) if _camel(name) in properties else self._names.get(name)
            if known not in properties:
                yield f"{path}{name} is not in the API"
                continue
            given[known] = value
            yield from self._value(value, properties[known], f"{path}{name}")
        for name, described in properties.items():
            if _is_required(described) and name not in given and _snake(name) not in self._ours and name != "name":
                yield f"{path}{_snake(name)} is required"

    def _value(self, value: Any, described: Json, path: str) -> Iterator[str]:
        if described.get("type") == "array":
            for item in value if isinstance(value, list) else [value]:
                yield from self._value(item, described["items"], path)
            return
        schema = self._schemas.get(described.get("$ref"), described)
        plain = only(value)
        if isinstance(plain, Mapping):
            if "additionalProperties" not in schema:
                yield from self._object(plain, schema, f"{path}.")
        elif not isinstance(plain, list) and not is_unknown(plain):
            yield from _scalar(plain, schema, path)


def _scalar(value: Any, described: Json, path: str) -> Iterator[str]:
    allowed = described.get("enum")
    if allowed and value not in allowed:
        yield f"{path} is {value!r}, not one of {', '.join(allowed)}"
    for pattern in (described.get("pattern"), _FORMATS.get(described.get("format", ""))):
        if pattern and not re.fullmatch(pattern, str(value)):
            yield f"{path} is {value!r}, which does not match {pattern}"


def _is_required(described: Json) -> bool:
    text = described.get("description", "")
    return bool(re.match(r"(Immutable\. )?Required[.,]", text)) and "Output only" not in text


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
