"""Fields of forms: what they look like, what was typed into them, and what is missing.

A page builds `Field`s with the words of its language; `templates/fields.html` shows them. Only the API knows the
rules of its fields: here a field is only compared with being required, and with being a date or a choice at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from functions.pages.words import Label, Words
from shared.errors import FieldError

#: `lines`: an address; `note`: a longer text; `choices`: several; `switch`: one box to tick.
Kind = Literal["text", "tel", "lines", "note", "date", "choice", "choices", "select", "switch"]
Values = Mapping[str, Any]
#: Smaller numbers are years without their century.
_FIRST_YEAR = 1000
_DATE_PARTS = ("day", "month", "year")


class Option(NamedTuple):
    """A choice."""

    value: str
    label: Label
    hint: str = ""


class Field(NamedTuple):
    """A field. `pointers` name the fields of the API's body whose errors belong here; `*` is any part of a pointer."""

    name: str
    kind: Kind
    label: Label
    hint: str = ""
    options: Sequence[Option] = ()
    required: bool = False
    pointers: Sequence[str] = ()
    autocomplete: str = ""
    width: str = ""


class Mistake(NamedTuple):
    """A mistake in a field, as a sentence."""

    field: str
    text: str


def read_values(fields: Iterable[Field], form: Mapping[str, list[str]] | None) -> dict[str, Any]:
    """The values as they were typed; a list for several choices."""
    return {field.name: _value(field, form or {}) for field in fields}


def _value(field: Field, form: Mapping[str, list[str]]) -> Any:
    if field.kind == "choices":
        known = {option.value for option in field.options}
        return [value for value in form.get(field.name, []) if value in known]
    if field.kind == "date":
        parts = [form.get(f"{field.name}-{part}", [""])[0].strip().replace("/", "") for part in _DATE_PARTS]
        return "/".join(parts) if any(parts) else ""
    return form.get(field.name, [""])[0].replace("\r\n", "\n").strip()


def mistakes_in(fields: Iterable[Field], values: Values, words: Words) -> list[Mistake]:
    """Values that are missing, are no date or are none of the choices."""
    found = []
    for field in fields:
        value = values[field.name]
        if field.required and not value:
            text = words.get(f"missing.{field.name}") or words(f"missing.any_{field.kind}")
            found.append(Mistake(field.name, text))
        elif field.kind == "date" and value and day_in(value) is None:
            found.append(Mistake(field.name, words("field_error.date_malformed")))
        elif field.kind in {"choice", "select"} and value and value not in {o.value for o in field.options}:
            found.append(Mistake(field.name, words("missing.any_choice")))
    return found


def day_in(typed: str) -> date | None:
    """The day that day, month and year name, the year with all its digits; None if there is no such day."""
    try:
        day, month, year = map(int, typed.split("/"))
        return date(year, month, day) if year >= _FIRST_YEAR else None
    except (ValueError, OverflowError):
        return None


def typed_day(day: str | None) -> str:
    """A day of the API as it would be typed."""
    return "/".join(str(int(part)) for part in reversed(day.split("-"))) if day else ""


def mistakes_of_api(errors: Iterable[FieldError], fields: Sequence[Field], words: Words) -> list[Mistake]:
    """The API's errors about these fields, in this page's language."""
    return [
        Mistake(field.name, words.get(f"field_error.{error.code}") or error.detail)
        for error in errors
        for field in fields
        if any(matches(pointer, error.pointer) for pointer in field.pointers)
    ]


def matches(pattern: str, pointer: str) -> bool:
    """Whether a pointer is the pattern's, or below it. `*` in a pattern is any part."""
    wanted, given = pattern.split("/"), pointer.split("/")
    return len(given) >= len(wanted) and all(w in {"*", g} for w, g in zip(wanted, given, strict=False))


def options_of(terms: Iterable[Mapping[str, Any]], words: Words, keep: Callable[[str], bool] = bool) -> list[Option]:
    """The choices of a list of codes of the API."""
    return [Option(term["code"], words.label(term["label"])) for term in terms if keep(term["code"])]
