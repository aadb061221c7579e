"""What old platforms called needs, as J1699 codes: rows of `shared/data/legacy_needs.csv`, and the catalogue's labels.

A need of a migrated customer may carry `legacy` instead of `code`. A term that the table does not know keeps the
message in quarantine; once a row is added, it can be replayed as it is. Rows are added during a migration and not
changed: an event that was applied under another code would be taken for a new one under an old id.

The terms `a-z 1` to `a-z 27` are the numbers that a switching service gave the labels in alphabetical order. They are
no J1699 codes (8 there is electric showering, 08 is Blind), so they are never written as bare numbers. `a-z 10`,
hearing or speech, has no row: it became two codes, and a person decides.
"""

from functools import cache
from typing import Any

from pydantic_core import to_json

from shared.data import rows
from shared.domain.needs import labels
from shared.parsing import json_value

#: Stands where a term has no row; it is no code, so the message is refused.
_UNMAPPED = "unmapped"


@cache
def legacy_needs() -> dict[str, str]:
    """J1699 code by term, in lower case with single spaces."""
    named = {_folded(label): code for code, editions in labels().items() for label in editions.values()}
    return named | {_folded(row["term"]): row["code"] for row in rows("legacy_needs.csv")}


def code_of(term: str) -> str | None:
    """The code that a term stands for, None if the table does not know it."""
    return legacy_needs().get(_folded(term))


def translated(octets: bytes) -> bytes:
    """An event whose needs carry codes only, two words for one need once. Raises `MalformedJson`."""
    if b'"legacy"' not in octets:
        return octets
    event = json_value(octets)
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
