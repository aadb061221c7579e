"""Records of a source file, one at a time, as the bytes of the event that is published for each.

NDJSON: one CloudEvent `uk.psr.customer.migrated.v1` a line, published unchanged. CSV: one customer a row, which becomes
an event here. A faulty record is neither fixed nor left out: the consumer quarantines it with the fault. A line that
cannot be read is no record: the whole file is refused.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from ops.migration.csv_lines import CsvLine, csv_lines, not_utf8
from ops.migration.household import HOUSEHOLD_COLUMNS, household_of
from shared.digest import digest
from shared.domain.needs import YOUNG_CHILDREN, categories
from shared.messages.legacy import code_of
from shared.store.quarantine_records import event_attributes
from tools.errors import CommandError

TYPE = "uk.psr.customer.migrated.v1"
#: Pub/Sub takes 10 MB a message and a request; some of it is the envelope.
LARGEST_BYTES = 9_900_000
#: Fields of an event whose row has too many or too few cells. The consumer refuses it for them.
_SURPLUS = "surplus_cells"
_MISSING = "missing_cells"
#: The beginnings of their JSON Pointers.
FAULTY_CELLS = (f"/data/{_SURPLUS}", f"/data/{_MISSING}")
_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")
#: The first columns of a CSV file; those with * may be left out.
_FIRST = {
    "account_id": "Account",
    "recorded_at": "When the old platform last knew this, RFC 3339; orders this among other facts",
    "mpans": "MPANs, separated by spaces *",
    "mprns": "MPRNs, separated by spaces *",
    "address": "Lines of the premises' address, separated by |",
    "postcode": "Of the premises",
    "name": "The customer",
    "phones": "At most two, separated by | *",
    "nominee_name": "Alternate contact *",
    "nominee_phones": "At most two, separated by | *",
    "nominee_relationship": "As in the API *",
    "needs": "J1699 codes or the old platform's words, separated by |; `=2027-01-31` after one gives its last day *",
    "youngest_child_born_on": "For code 29 *",
    "basis": "Article 9 condition of sharing, as in the API",
    "basis_recorded_on": "Day of the lawful basis record",
    "basis_evidence": "Where its evidence is",
    "caller_password": "*",
    "communication_format": "As in the API *",
    "language": "ISO 639 code *",
}
#: The rest of the sharing record.
_SHARING = {
    "article_6_basis": "As in the API; left empty, it is not recorded *",
    "schedule_1_paragraph": "As in the API *",
    "cannot_consent_reason": "For vital interests *",
    "captured_at": "When the customer agreed, RFC 3339; with captured_by and channel *",
    "captured_by": "Staff number or system *",
    "channel": "As in the API *",
    "wording": "Version and language of the wording, such as 2026-1 en *",
}
_SERVICES = {
    "services": "Services given, as in the API, separated by |; `=2026-01-31` after each gives the day of delivery *",
}
#: Columns that came after the first. Empty, they change no event's id, so that an earlier file makes the same events.
_LATER = {**_SHARING, **_SERVICES, **HOUSEHOLD_COLUMNS}
COLUMNS = {**_FIRST, **_LATER}


class Record(NamedTuple):
    """One record: its number and its line in the file from 1, the event's bytes, and what it is if they can be read."""

    number: int
    line: int
    data: bytes
    source: str | None
    event_id: str | None
    account_id: str | None

    @property
    def named(self) -> bool:
        """Whether the event states source and id; one that does not is found by its message id only."""
        return self.source is not None and self.event_id is not None


class Reading:
    """The counts of one pass over a file. It skips faulty lines and keeps the first few by number."""

    _KEPT = 5

    def __init__(self) -> None:
        self.lines = self.headers = self.blank = self.records = self.wrong = 0
        self.first_wrong: dict[int, str] = {}

    def refuse(self, line: CsvLine) -> None:
        """Count a line that cannot be read."""
        self.wrong += 1
        if len(self.first_wrong) < self._KEPT:
            self.first_wrong[line.number] = str(line.wrong)


def records(file: Path, source: str, reading: Reading | None = None) -> Iterator[Record]:
    """Every record of a file, in flat memory. `source` is the CloudEvents source of CSV rows.

    Raises `CommandError` if it is neither NDJSON nor CSV with the columns that are needed, each once; and, without a
    `reading` to note it, for a line that cannot be read.
    """
    if file.suffix == ".csv":
        return _rows(file, source, reading)
    if file.suffix in (".ndjson", ".jsonl"):
        return _lines(file, reading)
    raise CommandError(f"{file.name}: give a file that ends with .ndjson, .jsonl or .csv")


def _lines(file: Path, noted: Reading | None) -> Iterator[Record]:
    """A line that no message can hold is read to its end in pieces, and yielded as its beginning: too large."""
    reading = noted or Reading()
    with file.open("rb") as lines:
        while line := lines.readline(LARGEST_BYTES + 2):
            begun = line
            while not begun.endswith(b"\n") and (begun := lines.readline(LARGEST_BYTES)):
                pass
            reading.lines += 1
            wrong = not_utf8(line) if len(line) <= LARGEST_BYTES else None
            if wrong:
                _refuse(file, CsvLine(reading.lines, [], wrong), noted)
            elif line.strip():
                reading.records += 1
                yield _record(reading.records, reading.lines, line.rstrip(b"\r\n"))
            else:
                reading.blank += 1


def _rows(file: Path, source: str, noted: Reading | None) -> Iterator[Record]:
    """Cells beyond the last column, and how many are missing, go into the event, which is refused for them."""
    reading = noted or Reading()
    lines = csv_lines(file)
    names = _columns(file, next(lines, CsvLine(1, [])))
    reading.lines = reading.headers = 1
    for line in lines:
        reading.lines += 1
        if line.wrong:
            _refuse(file, line, noted)
        elif not line.cells:
            reading.blank += 1
        else:
            reading.records += 1
            surplus, missing = line.cells[len(names) :], len(names) - len(line.cells)
            unlike = ({_SURPLUS: surplus} if surplus else {}) | ({_MISSING: missing} if missing > 0 else {})
            row = dict.fromkeys(names, "") | dict(zip(names, line.cells, strict=False))
            event = json.dumps(_event(row, source, unlike), ensure_ascii=False)
            yield _record(reading.records, line.number, event.encode())


def _refuse(file: Path, line: CsvLine, noted: Reading | None) -> None:
    """Note a line that cannot be read. Raises `CommandError` if nobody notes it."""
    if noted is None:
        raise CommandError(f"{file.name}, line {line.number}: {line.wrong}")
    noted.refuse(line)


def _columns(file: Path, header: CsvLine) -> list[str]:
    """The names of a file's columns. Raises `CommandError`."""
    if header.wrong:
        raise CommandError(f"{file.name}, line 1: {header.wrong}")
    named = Counter(header.cells)
    if repeated := sorted(name for name, times in named.items() if times > 1):
        raise CommandError(f"{file.name}: columns that are named more than once: {_listed(repeated)}")
    needed = {name for name, meaning in COLUMNS.items() if not meaning.endswith("*")}
    if wrong := sorted(needed - set(named)) + sorted(set(named) - set(COLUMNS)):
        raise CommandError(f"{file.name}: columns that are missing or not known: {_listed(wrong)}")
    return header.cells


def _listed(names: list[str]) -> str:
    """The names, without those that may belong to a customer because the line of names is missing."""
    return ", ".join(name if _COLUMN.fullmatch(name) else "(no column name)" for name in names)


def _record(number: int, line: int, data: bytes) -> Record:
    """A record, with the attributes that the quarantine would read, so that both use the same id."""
    stated = event_attributes(data)
    return Record(number, line, data, stated.get("source") or None, stated.get("id") or None, stated.get("subject"))


def _event(row: dict[str, str], source: str, unlike: Mapping[str, object]) -> dict[str, object]:
    """The same row always makes the same event."""
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": source,
        "id": digest(json.dumps(_identity(row))),
        "subject": row["account_id"],
        "time": row["recorded_at"],
        "data": {**_customer(row), **unlike},
    }


def _identity(row: dict[str, str]) -> list[object]:
    """The cells that a record's id comes from."""
    later = {name: row[name] for name in _LATER if row.get(name)}
    return [*(row.get(name, "") for name in _FIRST), *([later] if later else [])]


def _customer(row: dict[str, str]) -> dict[str, object]:
    needs = [_need(term, row.get("youngest_child_born_on", "")) for term in _parts(row.get("needs", ""))]
    customer: dict[str, object] = {
        "account_id": row["account_id"],
        "status": "active" if needs else "pending",
        "supply_points": {"mpans": row.get("mpans", "").split(), "mprns": row.get("mprns", "").split()},
        "premises": {"address_lines": _parts(row["address"]), "postcode": row["postcode"]},
        "primary_contact": {"name": row["name"], "phones": _parts(row.get("phones", ""))},
        "needs": needs,
        "sharing": _sharing(row),
    }
    if row.get("nominee_name"):
        customer["alternate_contact"] = {
            "name": row["nominee_name"],
            "phones": _parts(row.get("nominee_phones", "")),
            "relationship": row.get("nominee_relationship") or "other",
        }
    names = ("caller_password", "communication_format", "language")
    services: dict[str, object] = {name: row[name] for name in names if row.get(name)}
    if row.get("services"):
        services["arranged"] = [_service(term) for term in _parts(row["services"])]
    household = household_of(row)
    return customer | ({"services": services} if services else {}) | ({"household": household} if household else {})


def _sharing(row: dict[str, str]) -> dict[str, object]:
    """The sharing record. Nothing is guessed: what the row does not say is not recorded."""
    stated = {name: row[name] for name in _SHARING if row.get(name)}
    capture: dict[str, object] = {
        name: stated.pop(name) for name in ("captured_at", "captured_by", "channel") if name in stated
    }
    if wording := stated.pop("wording", None):
        version, _, language = wording.partition(" ")
        capture["wording"] = {"version": version, "language": language}
    return {
        "basis": row["basis"],
        "recorded_on": row["basis_recorded_on"],
        "evidence": row["basis_evidence"],
        **stated,
        **({"capture": capture} if capture else {}),
    }


def _service(term: str) -> dict[str, str]:
    """A service that the customer got."""
    name, _, day = (part.strip() for part in term.partition("="))
    return {"service": name, "delivered_on": day}


def _need(term: str, born_on: str) -> dict[str, str]:
    """A need by its code, else by the old platform's word, which the consumer's table maps."""
    word, _, ends_on = (part.strip() for part in term.partition("="))
    known = word in categories()
    need = {"code" if known else "legacy": word}
    if ends_on:
        need["ends_on"] = ends_on
    if born_on and (word if known else code_of(word)) == YOUNG_CHILDREN:
        need["youngest_child_born_on"] = born_on
    return need


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]
