"""What the old platform called needs: its words and letters, mapped to J1699 codes (`shared/data/legacy_needs.csv`).

A need of a migrated customer may carry `legacy` instead of `code`. A term that the table does not know keeps the
message in quarantine; once a row is added, it can be replayed as it is.
"""

from functools import cache
from typing import Any

from pydantic_core import to_json

from shared.data import rows
from shared.parsing import json_value

#: Stands where a term has no row; it is no code, so the message is refused.
_UNMAPPED = "unmapped"


@cache
def legacy_needs() -> dict[str, str]:
    """J1699 code by term, in lower case with single spaces."""
    return {_folded(row["term"]): row["code"] for row in rows("legacy_needs.csv")}


def translated(octets: bytes) -> bytes:
    """An event whose needs carry codes only. Raises `MalformedJson`."""
    if b'"legacy"' not in octets:
        return octets
    event = json_value(octets)
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, dict) and isinstance(data.get("needs"), list):
        data["needs"] = [_translated(need) for need in data["needs"]]
    return to_json(event)


def _translated(need: Any) -> Any:
    if not isinstance(need, dict) or "code" in need or not isinstance(need.get("legacy"), str):
        return need
    rest = {name: value for name, value in need.items() if name != "legacy"}
    return {"code": legacy_needs().get(_folded(need["legacy"]), _UNMAPPED), **rest}


def _folded(term: str) -> str:
    return " ".join(term.casefold().split())
