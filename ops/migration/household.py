"""The household of a customer in a CSV file. A value that is not valid stays as it is: the consumer refuses it."""

import re
from collections.abc import Mapping
from typing import Any

from shared.domain.household import YES_OR_NO

#: All of these columns may be left out. An empty cell is a fact that is not known.
HOUSEHOLD_COLUMNS = {
    "occupants": (
        "Everybody who lives there, separated by |: a birth year, or an age band with the day on which it was right, "
        "`75_or_over=2026-01-31`; then ` disabled_or_ill` or ` not_disabled_or_ill`, if that is known *"
    ),
    **dict.fromkeys(YES_OR_NO, "`yes` or `no` *"),
    "temporary_circumstances": "Separated by |, each with its last day, `pregnancy=2027-01-31`; `none` if none *",
}
_ANSWERS: dict[str, bool] = {"yes": True, "no": False}
_HEALTH: dict[str, bool] = {"disabled_or_ill": True, "not_disabled_or_ill": False}


def household_of(row: Mapping[str, str]) -> dict[str, Any]:
    """The facts of a row; empty if it has none."""
    household: dict[str, Any] = {name: _ANSWERS.get(row[name], row[name]) for name in YES_OR_NO if row.get(name)}
    if occupants := row.get("occupants"):
        household["occupants"] = [_occupant(term.strip()) for term in occupants.split("|")]
    if circumstances := row.get("temporary_circumstances"):
        terms = [] if circumstances == "none" else circumstances.split("|")
        household["temporary_circumstances"] = [_circumstance(term.strip()) for term in terms]
    return household


def _occupant(term: str) -> dict[str, Any]:
    age, _, health = term.partition(" ")
    band, dated, day = age.partition("=")
    year = int(age) if re.fullmatch("[0-9]{4}", age) else age
    occupant: dict[str, Any] = {"age_band": band, "as_of": day} if dated else {"birth_year": year}
    return occupant | ({"disabled_or_ill": _HEALTH.get(health, health)} if health else {})


def _circumstance(term: str) -> dict[str, str]:
    kind, _, until = term.partition("=")
    return {"kind": kind, "until": until}
