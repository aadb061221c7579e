"""Records of a source file, one at a time, as the bytes of the event that is published for each.

NDJSON: one CloudEvent `uk.psr.customer.migrated.v1` a line, published as it stands. CSV: one customer a row, made into
an event here. What is wrong in a record is not mended and not left out: the consumer keeps it with its reason.
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ops.errors import CommandError
from shared.digest import digest
from shared.domain.needs import YOUNG_CHILDREN, categories
from shared.messages.legacy import code_of
from shared.store.quarantine import event_attributes

TYPE = "uk.psr.customer.migrated.v1"
#: Pub/Sub takes 10 MB a message and a request; some of it is the envelope.
LARGEST_BYTES = 9_900_000
_SURPLUS = "surplus_cells"
#: The columns of a CSV file; those with * may be left out.
COLUMNS = {
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
    "basis": "Lawful basis for sharing, as in the API",
    "basis_recorded_on": "Day of the lawful basis record",
    "basis_evidence": "Where its evidence is",
    "caller_password": "*",
    "communication_format": "As in the API *",
    "language": "ISO 639 code *",
}


class Record(NamedTuple):
    """One record: its number in the file from 1, the event's bytes, and as far as they can be read, what it is."""

    number: int
    data: bytes
    source: str | None
    event_id: str | None
    account_id: str | None

    @property
    def named(self) -> bool:
        """Whether the event says what it is; another is found by its message id only."""
        return self.source is not None and self.event_id is not None


def records(file: Path, source: str) -> Iterator[Record]:
    """Every record of a file, in flat memory. `source` is the CloudEvents source of CSV rows.

    Raises `CommandError` if it is neither NDJSON nor CSV with the columns that are needed.
    """
    if file.suffix == ".csv":
        return _rows(file, source)
    if file.suffix in (".ndjson", ".jsonl"):
        return _lines(file)
    raise CommandError(f"{file.name}: give a file that ends with .ndjson, .jsonl or .csv")


def _lines(file: Path) -> Iterator[Record]:
    """A line that no message can hold is read to its end in pieces, and yielded as its beginning: too large."""
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(LARGEST_BYTES + 2):
            begun = line
            while not begun.endswith(b"\n") and (begun := lines.readline(LARGEST_BYTES)):
                pass
            if line.strip():
                number += 1
                yield _record(number, line.rstrip(b"\r\n"))


def _rows(file: Path, source: str) -> Iterator[Record]:
    """Bytes that are no UTF-8, and cells beyond the last column, go into the event as they are: it is refused."""
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        reader = csv.DictReader(text, restkey=_SURPLUS)
        named = set(reader.fieldnames or [])
        needed = {name for name, meaning in COLUMNS.items() if not meaning.endswith("*")}
        if needed - named or named - set(COLUMNS):
            wrong = sorted(needed - named) + sorted(named - set(COLUMNS))
            raise CommandError(f"{file.name}: columns that are missing or not known: {', '.join(wrong)}")
        for number, row in enumerate(reader, 1):
            surplus = row.pop(_SURPLUS, None)
            event = _event({name: value or "" for name, value in row.items()}, source, surplus)
            yield _record(number, json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogateescape"))


def _record(number: int, data: bytes) -> Record:
    """Read as the quarantine reads it, so that both know it by the same name."""
    told = event_attributes(data)
    return Record(number, data, told.get("source") or None, told.get("id") or None, told.get("subject"))


def _event(row: dict[str, str], source: str, surplus: object) -> dict[str, object]:
    """The same row makes the same event, whenever and however often it is published."""
    data = _customer(row)
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": source,
        "id": digest(json.dumps([row.get(name, "") for name in COLUMNS])),
        "subject": row["account_id"],
        "time": row["recorded_at"],
        "data": data if surplus is None else {**data, _SURPLUS: surplus},
    }


def _customer(row: dict[str, str]) -> dict[str, object]:
    needs = [_need(term, row.get("youngest_child_born_on", "")) for term in _parts(row.get("needs", ""))]
    customer: dict[str, object] = {
        "account_id": row["account_id"],
        "status": "active" if needs else "pending",
        "supply_points": {"mpans": row.get("mpans", "").split(), "mprns": row.get("mprns", "").split()},
        "premises": {"address_lines": _parts(row["address"]), "postcode": row["postcode"]},
        "primary_contact": {"name": row["name"], "phones": _parts(row.get("phones", ""))},
        "needs": needs,
        "sharing": {
            "basis": row["basis"],
            "recorded_on": row["basis_recorded_on"],
            "evidence": row["basis_evidence"],
        },
    }
    if row.get("nominee_name"):
        customer["alternate_contact"] = {
            "name": row["nominee_name"],
            "phones": _parts(row.get("nominee_phones", "")),
            "relationship": row.get("nominee_relationship") or "other",
        }
    services = {name: row[name] for name in ("caller_password", "communication_format", "language") if row.get(name)}
    return customer | ({"services": services} if services else {})


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
