"""The log lines of a stack's functions, read as Cloud Logging would and held against the catalogue (`shared.log`)."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from shared.log import FIELDS, Event, has_form

Entry = dict[str, Any]

_OF_EVERY_LINE = {"severity", "message", "event"}
_OF_SOME = {"logging.googleapis.com/trace", "logging.googleapis.com/labels"}


def lines(logs: Path, functions: Iterable[str]) -> Iterator[str]:
    """Every line of every function. The server beneath them prints none of its own, unless it fails."""
    for name in functions:
        yield from (logs / f"{name}.log").read_text(encoding="utf-8").splitlines()


def entries(logs: Path, functions: Iterable[str]) -> Iterator[Entry]:
    """Every entry. Raises `ValueError` for a line that is not JSON."""
    return map(json.loads, lines(logs, functions))


def faults_in(line: str) -> list[str]:
    """The faults of a line: what the catalogue does not allow."""
    try:
        entry = json.loads(line)
    except ValueError:
        return ["not JSON"]
    return faults(entry) if isinstance(entry, dict) else ["not an object"]


def faults(entry: Entry) -> list[str]:
    """The faults of an entry. Names fields, never values."""
    event = Event.__members__.get(entry.get("event", ""))
    if event is None or not entry.keys() >= _OF_EVERY_LINE:
        return [f"not an event of the catalogue: {sorted(entry)}"]
    found = [f"{event.name} is an event of a defect"] if event is Event.FIELD_DROPPED else []
    if (entry["severity"], entry["message"]) != (event.severity, event.text):
        found.append(f"{event.name} with another severity or text")
    fields = entry.keys() - _OF_EVERY_LINE - _OF_SOME
    found += [f"{event.name} with {name}" for name in fields if name not in event.fields]
    return found + [
        f"{event.name} without form in {name}"
        for name in fields
        if name not in FIELDS or not has_form(name, entry[name])
    ]
