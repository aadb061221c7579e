"""The final content of a world, without values that differ each time, so that two runs can be compared."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import md5, sha256
from typing import Any

from google.cloud.firestore_v1 import types

#: The content of each document, object and message, by its path.
Picture = dict[str, Any]

#: How paths of objects begin: those of the exports' bucket, and of the quarantine's.
EXPORTED, QUARANTINED = "gs://exports/", "gs://quarantine/"

#: Times (without their day), times of files, traces, random ids.
_DIFFERENT = (
    (re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), r"\1T<time>"),
    (re.compile(r"\b20\d{12}\b"), "<time>"),
    (re.compile(r"\b00-[0-9a-f]{32}-[0-9a-f]{16}-01\b"), "<trace>"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "<random>"),
)
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b|[A-Za-z0-9+/]{22}==")
#: A longer text is shown by its digest.
_SHOWN = 100_000


def picture_of(documents: Mapping[str, bytes], objects: Mapping[str, bytes], mail: Sequence[object]) -> Picture:
    """Documents by path, objects by address, messages that wait to be delivered.

    Attempts are left out. A digest of an exported object, whose header holds a time, becomes the object's name.
    """
    same = _Same(objects)
    picture: Picture = {}
    for path, document in documents.items():
        fields = _fields(document)
        place = same.text(path)
        if path.startswith("operator_actions/"):  # a command that is repeated is noted twice
            picture[f"operator_actions/{same.value(fields['state'])}"] = {}
            continue
        while place in picture:
            place += " again"
        picture[place] = same.value(fields)
    for path, content in objects.items():
        picture[path] = "<signature>" if path.endswith(".sig") else same.value(content.decode(errors="replace"))
    return picture | {f"mail/{number}": same.text(f"{one}") for number, one in enumerate(mail)}


def difference(expected: Picture, found: Picture) -> str:
    """The differences between two pictures, in lines."""
    lines = [f"- {place}: {expected[place]}" for place in sorted(expected.keys() - found.keys())]
    lines += [f"+ {place}: {found[place]}" for place in sorted(found.keys() - expected.keys())]
    for place in sorted(expected.keys() & found.keys()):
        lines += _differences(place, expected[place], found[place])
    return "\n".join(lines)


def _differences(place: str, expected: object, found: object) -> list[str]:
    if expected == found:
        return []
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        return [line for name in expected for line in _differences(f"{place} {name}", expected[name], found[name])]
    return [f"~ {place}: {expected} is {found}"]


class _Same:
    """Replaces values that differ each time by the same words."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        exported = {path: content for path, content in objects.items() if path.startswith(EXPORTED)}
        sha256s = {sha256(content).hexdigest(): f"<sha256 of {path}>" for path, content in exported.items()}
        self._digests = sha256s | {_md5(content): f"<md5 of {path}>" for path, content in exported.items()}

    def text(self, text: str) -> str:
        for pattern, instead in _DIFFERENT:
            text = pattern.sub(instead, text)
        return _DIGEST.sub(lambda match: self._digests.get(match[0], match[0]), text)

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.text(name): self.value(part) for name, part in value.items() if name != "attempts"}
        if isinstance(value, list):
            return [self.value(part) for part in value]
        if isinstance(value, str):
            return self.text(value) if len(value) < _SHOWN else sha256(value.encode()).hexdigest()
        return value


def _md5(content: bytes) -> str:
    return b64encode(md5(content, usedforsecurity=False).digest()).decode()


def _fields(document: bytes) -> dict[str, Any]:
    """A document's fields, with its state as parsed JSON."""
    fields: dict[str, Any] = {}
    for name, value in types.Document.pb().FromString(document).fields.items():
        kind = value.WhichOneof("value_type")
        fields[name] = None if kind == "null_value" else getattr(value, kind)
        if kind == "timestamp_value":
            fields[name] = f"{value.timestamp_value.ToDatetime():%Y-%m-%d}T<time>"
    if "state" in fields:
        fields["state"] = json.loads(fields["state"])
    return fields
