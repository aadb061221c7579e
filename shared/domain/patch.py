"""Amending by JSON merge patch (RFC 7396)."""

from typing import Any

from pydantic_core import to_json

from shared.domain.registration import RegistrationInput
from shared.errors import FieldError, InvalidContent
from shared.parsing import validate


def patched(told: RegistrationInput, patch: dict[str, Any]) -> RegistrationInput:
    """What is told with a patch applied. Needs that become known make a pending registration active by themselves.

    Raises `InvalidContent`.
    """
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
