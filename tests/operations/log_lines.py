"""The log lines of a stack's functions, read as Cloud Logging would."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from shared.log import FIELDS, Event

#: What the server itself prints, at its start and end: `[2026-11-24 09:03:19 +0000] [812] [INFO] Booting worker`.
_SERVER = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000\] \[\d+\] \[INFO\] [A-Za-z ()0-9:/.-]+")
_OF_EVERY_LINE = {"severity", "message", "event"}
_OF_SOME = {"logging.googleapis.com/trace", "logging.googleapis.com/labels"}


def entries(logs: Path, functions: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every entry. Fails on a line that is neither JSON nor the server's."""
    for name in functions:
        for line in (logs / f"{name}.log").read_text(encoding="utf-8").splitlines():
            if not _SERVER.fullmatch(line):
                yield json.loads(line)


def faults(entry: dict[str, Any]) -> list[str]:
    """What the catalogue does not allow in an entry."""
    event = Event.__members__.get(entry.get("event", ""))
    if event is None or not entry.keys() >= _OF_EVERY_LINE:
        return [f"not an event of the catalogue: {sorted(entry)}"]
    found = [f"{event.name} is an event of a defect"] if event is Event.FIELD_DROPPED else []
    if (entry["severity"], entry["message"]) != (event.severity, event.text):
        found.append(f"{event.name} with another severity or text")
    fields = entry.keys() - _OF_EVERY_LINE - _OF_SOME
    found += [f"{event.name} with {name}" for name in fields if name not in event.fields]
    return found + [f"{event.name} without form in {name}" for name in fields if not _has_form(name, entry[name])]


def _has_form(name: str, value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return all(re.fullmatch(FIELDS[name].form, str(one)) for one in values)
