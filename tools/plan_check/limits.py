"""Planned resources against the table of documented limits (limits.yaml)."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.model import Model
from tools.plan_check.resources import Resource, is_unknown


class Limit(Model):
    """A row of the table, which explains the names."""

    type: str
    attribute: str
    source: str
    says: str | None = None
    pattern: str | None = None
    least: int | None = None
    most: int | None = None
    of: str | None = None
    unique: bool = False
    needed: bool = False
    where: dict[str, str | None] | None = None
    no_defaults: bool = False


def table() -> list[Limit]:
    """The rows."""
    rows = yaml.safe_load(Path(__file__).with_name("limits.yaml").read_text(encoding="utf-8"))
    return [Limit.model_validate(row) for row in rows]


def findings(resources: Iterable[Resource]) -> Iterator[str]:
    """Values past a limit, by address and attribute, with the limit's source."""
    known = list(resources)
    for limit in table():
        of_type = [resource for resource in known if resource.type == limit.type]
        for place, fault in _faults(limit, of_type):
            yield f"{place}: {limit.attribute} {fault} ({limit.source})"


def _faults(limit: Limit, resources: list[Resource]) -> Iterator[tuple[str, str]]:
    values = {resource.address: resource.get(limit.attribute) for resource in resources}
    if limit.of == "resources":
        if limit.most is not None and len(values) > limit.most:
            yield limit.type, f"is set {len(values)} times, more than {limit.most}"
        return
    if limit.unique:
        times = Counter(value for value in values.values() if value is not None)
        yield from ((place, f"{value!r} is not unique") for place, value in values.items() if times[value] > 1)
        return
    for resource in resources:
        value = values[resource.address]
        fault = _missing(limit, resource) if value is None else None if is_unknown(value) else _fault(limit, value)
        if fault:
            yield resource.address, fault


def _missing(limit: Limit, resource: Resource) -> str | None:
    applies = all(resource.get(path) == wanted for path, wanted in (limit.where or {}).items())
    return "is needed" if limit.needed and applies else None


def _fault(limit: Limit, value: Any) -> str | None:
    if limit.no_defaults:
        return _default_in(json.loads(value))
    if limit.pattern and not re.fullmatch(limit.pattern, str(value)):
        return f"is {value!r}, which does not match {limit.pattern}"
    if limit.least is not None or limit.most is not None:
        size = len(str(value)) if limit.of == "characters" else float(str(value).removesuffix("s"))
        if not (limit.least or 0) <= size <= (limit.most or size):
            return f"is {size:g}, not {limit.least or 0} to {limit.most}"
    return None


def _default_in(value: Any, path: str = "") -> str | None:
    """The first value of a JSON text that the server would leave out."""
    if value in (0, "", [], False):
        return f"has {value!r} at {path}, which the server leaves out"
    inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    found = (_default_in(inner, f"{path}.{name}" if path else str(name)) for name, inner in inside)
    return next((fault for fault in found if fault), None)
