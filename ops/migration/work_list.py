"""The work list for the old platform's team: the faults of each record, and the words that are unknown.

Of a record it has the line, the account and the places of its faults. A word is shown only where a code or a term
belongs, and only if it cannot be recognised as something about the person.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from ops.migration.records import FAULTY_CELLS, Record
from ops.migration.replacing import replacing
from shared.domain.needs import categories
from shared.errors import FieldError
from shared.messages.legacy import code_of
from shared.store.quarantine_records import json_object

_UNKNOWN_NEED = "need_code_unknown"
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,34}")
#: The fields whose values are codes and terms. The values of all others may be about the person.
_VOCABULARY = re.compile(
    r"/data/(status|needs/\d+/(code|legacy)|alternate_contact/relationship"
    r"|sharing/(basis|article_6_basis|schedule_1_paragraph|capture/channel)"
    r"|services/(communication_format|language|arranged/\d+/service))"
)
_NEED = re.compile(r"/data/needs/\d+/(code|legacy)")
_PERSONAL = re.compile(
    r"/data/(account_id|premises|primary_contact|alternate_contact/(name|phones)"
    r"|(referral|sharing/capture/speaker)/(name|organisation|phone))\b.*"
)
#: The rest of a pointer into a list, which makes no difference between words.
_NUMBERED = re.compile(r"/\d+(/.*)?$")
#: A term: short, without the digits of a phone, an MPAN or a date. A spreadsheet takes none for a formula.
_TERM = re.compile(r"(?!.*\d{4})\w[\w '&,().+/-]{0,59}")


class Outcome(NamedTuple):
    """The outcome of a record; of one that cannot be applied also the `problem` and its errors."""

    name: str
    problem: str = ""
    errors: Sequence[FieldError] = ()

    @classmethod
    def failure(cls, name: str, problem: str, errors: Sequence[FieldError]) -> "Outcome":
        """`failed: invalid-content need_code_unknown`: the name has the problem and the first error."""
        return cls(f"{name}: {' '.join([problem, *(error.code for error in errors[:1])])}", problem, errors)


TOO_LARGE = Outcome("too large for a message", "too-large")


class Fault(NamedTuple):
    """A fault of a record. `word` is the value that is unknown; empty if there is none or if it may not be shown."""

    field: str
    code: str
    word: str = ""


class WorkList:
    """Counts the unknown words of failed records by field, and writes the faults to a CSV file if there is one."""

    def __init__(self, text: TextIO | None) -> None:
        self.words: Counter[tuple[str, str]] = Counter()
        self._rows = csv.writer(text) if text else None
        self._write("line", "account", "field", "code", "word")

    def add(self, record: Record, outcome: Outcome) -> None:
        """Note the faults of a record, if it has any."""
        if not outcome.problem:
            return
        account = record.account_id or ""
        for fault in faults(record.data, outcome.problem, outcome.errors):
            self._write(record.line, account if _ACCOUNT.fullmatch(account) else "", *fault)
            if fault.word:
                self.words[_NUMBERED.sub("", fault.field.removeprefix("/data/")), fault.word] += 1

    def _write(self, *cells: object) -> None:
        if self._rows:
            self._rows.writerow(cells)


@contextmanager
def work_list(path: Path | None) -> Iterator[WorkList]:
    """A work list, and its file at a path, if there is one. Raises `CommandError` if nothing can be written there."""
    with ExitStack() as files:
        yield WorkList(files.enter_context(replacing(path)) if path else None)


def faults(data: bytes, problem: str, errors: Sequence[FieldError]) -> Iterator[Fault]:
    """The faults of a record: of its needs each unknown word, also one that the consumer reports together with others.

    A problem without errors is one fault.
    """
    texts = dict(_texts(json_object(data)))
    faulty = any(error.pointer.startswith(FAULTY_CELLS) for error in errors)
    shown = {} if faulty else _shown(texts)
    unknown = [pointer for pointer, text in texts.items() if _is_unknown_need(pointer, text)]
    if any(error.code == _UNKNOWN_NEED for error in errors):
        yield from (Fault(pointer, _UNKNOWN_NEED, shown.get(pointer, "")) for pointer in unknown)
    for error in errors:
        if error.code != _UNKNOWN_NEED or not unknown:
            yield Fault(error.pointer, error.code, shown.get(error.pointer, ""))
    if not errors:
        yield Fault("", problem)


def _is_unknown_need(pointer: str, text: str) -> bool:
    place = _NEED.fullmatch(pointer)
    if place is None:
        return False
    return code_of(text) is None if place[1] == "legacy" else text not in categories()


def _shown(texts: dict[str, str]) -> dict[str, str]:
    """The values that may be shown, by JSON Pointer: terms that have no word in common with the person's own data."""
    personal = set(_words(text for pointer, text in texts.items() if _PERSONAL.fullmatch(pointer)))
    return {
        pointer: text
        for pointer, text in texts.items()
        if _VOCABULARY.fullmatch(pointer) and _TERM.fullmatch(text) and personal.isdisjoint(_words([text]))
    }


def _words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from re.findall(r"\w{3,}", text.casefold())


def _texts(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, by JSON Pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, f"{pointer}/{name}")
