"""Field errors: a stable code and a sentence for people, from `field_errors.csv`. Neither holds the value.

A row is for a rule of our own, which names its code, or for types of pydantic's errors. `fields` restricts it to some
fields. `{prompt}` in its sentence is the prompt of the field in `field_prompts.csv`; other names in braces are bounds.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic_core import ErrorDetails, PydanticCustomError

from shared.data import rows
from shared.errors import FieldError

#: The type of pydantic's error for a field that a model does not have.
_UNKNOWN = "extra_forbidden"
_ANY = "*"
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class _Rule(NamedTuple):
    code: str
    detail: str


def refusal(code: str, **bounds: object) -> PydanticCustomError:
    """The error that a validator raises for a rule of our own."""
    return PydanticCustomError(code, _own_rule(code, "").detail.format_map(bounds))


def field_error(pointer: str, code: str, **bounds: object) -> FieldError:
    """The error of a field that breaks a rule of our own."""
    return FieldError(pointer, code, _own_rule(code, _field(pointer.split("/"))).detail.format_map(bounds))


def field_error_of(entry: ErrorDetails) -> FieldError:
    """The error of a field that pydantic has refused."""
    place, kind = entry["loc"], entry["type"]
    pointer = _pointer(place, kind)
    if kind in _own_codes():
        return FieldError(pointer, kind, entry["msg"])
    field = _field(place)
    rule = _rule(kind, field)
    values = {"prompt": _prompts().get(field, _prompts()[""]), **entry.get("ctx", {})}
    return FieldError(pointer, rule.code, rule.detail.format_map(values))


def unknown_field(place: tuple[int | str, ...]) -> FieldError:
    """The error of a field that the model does not have. Its name is the caller's text: see `_pointer`."""
    rule = _rule(_UNKNOWN, "")
    return FieldError(_pointer(place, _UNKNOWN), rule.code, rule.detail)


def field_error_codes() -> dict[str, list[str]]:
    """The sentences of each code, with `…` for what depends on the field."""
    codes: dict[str, list[str]] = {}
    for row in rows("field_errors.csv"):
        sentence = re.sub(r"\{\w+\}", "…", row["detail"])
        if sentence not in codes.setdefault(row["code"], []):
            codes[row["code"]].append(sentence)
    return codes


@cache
def _rules() -> Mapping[tuple[str, str], _Rule]:
    """Rules by code or type, and field; the field is empty for the rule of all other fields."""
    return {
        (kind, field): _Rule(row["code"], row["detail"])
        for row in rows("field_errors.csv")
        for kind in row["types"].split() or [row["code"]]
        for field in row["fields"].split() or [""]
    }


@cache
def _own_codes() -> frozenset[str]:
    return frozenset(row["code"] for row in rows("field_errors.csv") if not row["types"])


@cache
def _prompts() -> Mapping[str, str]:
    return {row["field"]: row["prompt"] for row in rows("field_prompts.csv")}


def _own_rule(code: str, field: str) -> _Rule:
    return _rules().get((code, field)) or _rules()[code, ""]


def _rule(kind: str, field: str) -> _Rule:
    rules = _rules()
    return rules.get((kind, field)) or rules.get((kind, "")) or rules[_ANY, ""]


def _field(place: Any) -> str:
    """The field's name: the last part of its place that is not the position in a list."""
    return next((str(part) for part in reversed(place) if not str(part).isdigit()), "")


def _pointer(place: tuple[int | str, ...], kind: str) -> str:
    """A JSON Pointer. An unknown field's name is the caller's text, so it is shown only if it looks like a name."""
    if kind == _UNKNOWN and not _FIELD_NAME.fullmatch(str(place[-1])):
        place = place[:-1]
    return "".join(f"/{part}" for part in place)
