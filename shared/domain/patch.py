"""Amending by JSON merge patch (RFC 7396)."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic_core import to_json

from shared.domain.registration import RegistrationInput
from shared.errors import FieldError, InvalidContent
from shared.model import Model
from shared.parsing import UNKNOWN_FIELD, json_pointer, validate


def patched(told: RegistrationInput, patch: dict[str, Any]) -> RegistrationInput:
    """What is told with a patch applied. Needs that become known make a pending registration active by themselves.

    Raises `InvalidContent`.
    """
    if unknown := tuple(_removed_but_unknown(patch, RegistrationInput)):
        raise InvalidContent(unknown)
    whole = merge_patch(told.model_dump(mode="json"), patch)
    if "status" not in patch and whole.get("needs"):
        whole["status"] = "active"
    after = validate(to_json(whole), RegistrationInput)
    if after.account_id != told.account_id:
        raise InvalidContent((FieldError("/account_id", "immutable", "cannot be changed"),))
    return after


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` changed by `patch`: objects member by member, null removes, anything else replaces. A new value."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _removed_but_unknown(
    patch: dict[str, Any], model: type[Model], place: tuple[str, ...] = ()
) -> Iterator[FieldError]:
    """To remove what cannot be there is a mistyped name, which would change nothing and tell nobody."""
    for name, value in patch.items():
        field = model.model_fields.get(name)
        if field is None and value is None:
            pointer = json_pointer((*place, name), UNKNOWN_FIELD)
            yield FieldError(pointer, UNKNOWN_FIELD, "there is no such field")
        elif field is not None and isinstance(value, dict):
            for part in (field.annotation, *get_args(field.annotation)):
                if isinstance(part, type) and issubclass(part, Model):
                    yield from _removed_but_unknown(value, part, (*place, name))
