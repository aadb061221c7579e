"""Amending by JSON merge patch (RFC 7396). A patch is judged by what it changes (docs/decisions/patches.md)."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic_core import to_json

from shared.domain.registration import AmendedInput, RegistrationInput
from shared.errors import FieldError, InvalidContent
from shared.field_errors import field_error, unknown_field
from shared.model import Model
from shared.parsing import validate


def patched(submitted: RegistrationInput, patch: dict[str, Any]) -> RegistrationInput:
    """A submission with a patch applied. Needs that become known make a pending registration active.

    Raises `InvalidContent` for errors in the parts that the patch changes.
    """
    if unknown := tuple(_removed_but_unknown(patch, RegistrationInput)):
        raise InvalidContent(unknown)
    before = submitted.model_dump(mode="json")
    whole = merge_patch(before, patch)
    if "status" not in patch and whole.get("needs"):
        whole["status"] = "active"
    after = _judged(before, whole)
    if after.account_id != submitted.account_id:
        raise InvalidContent((field_error("/account_id", "immutable"),))
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


def _judged(before: Any, whole: Any) -> AmendedInput:
    """The whole as a model. Raises `InvalidContent`.

    Content that was stored under other rules than today's breaks them only where it is submitted again.
    """
    text = to_json(whole)
    try:
        return validate(text, AmendedInput)
    except InvalidContent as invalid:
        errors = tuple(error for error in invalid.errors if _differs(error.pointer, before, whole))
        if errors:
            raise InvalidContent(errors) from None
    return validate(text, AmendedInput, context=None)


def _differs(pointer: str, before: Any, after: Any) -> bool:
    """Whether the value at a JSON Pointer differs from before. An element of a list may have moved."""
    for name in pointer.split("/")[1:]:
        if isinstance(after, list):
            after = after[int(name)]
            before = next((element for element in before or [] if element == after), None)
        else:
            before = (before or {}).get(name)
            after = (after or {}).get(name)
    return bool(before != after)


def _removed_but_unknown(
    patch: dict[str, Any], model: type[Model], place: tuple[str, ...] = ()
) -> Iterator[FieldError]:
    """Removals of fields that do not exist: mistyped names, which would change nothing and go unnoticed."""
    for name, value in patch.items():
        field = model.model_fields.get(name)
        if field is None and value is None:
            yield unknown_field((*place, name))
        elif field is not None and isinstance(value, dict):
            for part in (field.annotation, *get_args(field.annotation)):
                if isinstance(part, type) and issubclass(part, Model):
                    yield from _removed_but_unknown(value, part, (*place, name))
