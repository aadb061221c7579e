"""Source files of migrations for tests, and how a migration of one has ended."""

import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tools.synthetic import event

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)
SOURCE = "//old-platform/customers"


def rows_of(table: str) -> dict[str, int]:
    """The rows of the printed tables with two columns, by what they count."""
    rows = [[cell.strip() for cell in line.strip("│ \n").split("│")] for line in table.splitlines() if "│" in line]
    return {cells[0]: int(cells[1].replace(",", "")) for cells in rows if len(cells) == len(("what", "count"))}


def settled(file: Path) -> subprocess.CompletedProcess[str]:
    """The status once nothing is missing any more."""
    until = time.monotonic() + 60
    while True:
        found = psr("migrate", "status", file)
        if found.returncode == 0 or time.monotonic() > until:
            return found


def ndjson(folder: Path, name: str, count: int) -> tuple[Path, Path]:
    """A file of right customers, one of them twice; and one of what comes late: an older version of one, and four
    records that are wrong in their own way.
    """
    events: list[dict[str, Any]] = []
    for number in range(count):
        account = f"{name}-{number}"
        data = customer(account, [new_mpan()], ["02"])
        events.append(event("customer.migrated", account, AT, f"//{name}", str(number), data))
    older = {**events[1], "id": "older", "time": "2026-09-01T09:00:00Z"}
    wrong = {**events[2], "id": "wrong", "data": {**events[2]["data"], "needs": [{"code": "10"}]}}
    reused = {**events[3], "data": {**events[3]["data"], "primary_contact": {"name": "Somebody Else"}}}
    files = folder / f"{name}.ndjson", folder / f"{name}-late.jsonl"
    files[0].write_text("".join(f"{json.dumps(one)}\n" for one in [*events, events[0]]))
    late = [json.dumps(one) for one in (older, wrong, reused)]
    files[1].write_text("\n".join([*late, "{not JSON", "", "[1]"]))
    return files


def row(account: str, **changed: str) -> dict[str, str]:
    return {
        "account_id": account,
        "recorded_at": "2026-10-01T09:00:00Z",
        "mpans": new_mpan(),
        "address": "1 Test Street|Testtown",
        "postcode": "BS1 4DJ",
        "name": "Mrs A Example",
        "phones": "07700900123|07700900124",
        "needs": "Home  Ventilator|08",
        "basis": "explicit_consent",
        "basis_recorded_on": "2026-01-05",
        "basis_evidence": "call 4711",
        **changed,
    }


NAMES = (
    "account_id",
    "recorded_at",
    "address",
    "postcode",
    "basis",
    "basis_recorded_on",
    "basis_evidence",
    "name",
    "needs",
)
HEADER = ",".join(NAMES)


def line(number: int, name: str = "Ann", needs: str = "02") -> str:
    """A row as text."""
    return f"C-{number},2026-11-01T00:00:00Z,1 Test Street,BS1 4DJ,none,2026-01-01,call {number},{name},{needs}"


def written(folder: Path, content: str | bytes, name: str = "c.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def lines_file(folder: Path, *lines: str) -> Path:
    return written(folder, "".join(f"{one}\n" for one in (HEADER, *lines)))
