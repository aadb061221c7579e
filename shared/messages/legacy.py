"""Old platforms' terms for needs, as J1699 codes: rows of `shared/data/legacy_needs.csv`, and the catalogue's labels.

A need of a migrated customer may have `legacy` instead of `code`. A message with a term that the table lacks goes into
quarantine. After the row is added, the message can be replayed unchanged. Add rows during a migration, but do not
change them: an event that was applied with another code would look like a new event with an old id.

The terms `a-z 1` to `a-z 27` are the numbers that a switching service gave the labels in alphabetical order. They are
not J1699 codes (8 is electric showering there, 08 is Blind), so they never occur as bare numbers. `a-z 10`, hearing or
speech, has no row: J1699 has two codes for it, and a person decides.
"""

from functools import cache
from typing import Any

from pydantic_core import to_json

from shared.data import rows
from shared.domain.needs import labels
from shared.parsing import json_value

#: Replaces a term that has no row. It is not a code, so the message is refused.
_UNMAPPED = "unmapped"


@cache
def legacy_needs() -> dict[str, str]:
    """J1699 codes by term, in lower case with single spaces."""
    by_label = {_folded(label): code for code, editions in labels().items() for label in editions.values()}
    return by_label | {_folded(row["term"]): row["code"] for row in rows("legacy_needs.csv")}


def code_of(term: str) -> str | None:
    """The code for a term; None if the table lacks it."""
    return legacy_needs().get(_folded(term))


def translated(content: bytes) -> bytes:
    """The event with codes for its needs, each once, even if several terms have it. Raises `MalformedJson`."""
    if b'"legacy"' not in content:
        return content
    event = json_value(content)
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, dict) and isinstance(data.get("needs"), list):
        needs = [_translated(need) for need in data["needs"]]
        data["needs"] = [need for place, need in enumerate(needs) if need not in needs[:place]]
    return to_json(event)


def _translated(need: Any) -> Any:
    if not isinstance(need, dict) or "code" in need or not isinstance(need.get("legacy"), str):
        return need
    rest = {name: value for name, value in need.items() if name != "legacy"}
    return {"code": code_of(need["legacy"]) or _UNMAPPED, **rest}


def _folded(term: str) -> str:
    return " ".join(term.casefold().split())
