"""`ops migrate`: a file is published once, whatever happens on the way, and every record is accounted for."""

import asyncio
import csv
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ops.errors import CommandError
from ops.migration.journal import Journal
from ops.migration.publishing import Ramp
from ops.migration.records import COLUMNS, records
from shared.domain.needs import categories
from shared.domain.registration import AccountId
from shared.messages.legacy import legacy_needs, translated
from shared.store.registrations import registrations
from tests.messages.events import customer, event, new_mpan
from tests.ops.commands import ops

AT = datetime(2026, 10, 1, 9, tzinfo=UTC)


def rows_of(table: str) -> dict[str, int]:
    """The rows of a printed table, by what they count."""
    cells = [[cell.strip() for cell in line.strip("│┃ \n").split("│")] for line in table.splitlines() if "│" in line]
    return {what: int(count.replace(",", "")) for what, count in cells}


def settled(file: Path) -> subprocess.CompletedProcess[str]:
    """The status once nothing is missing any more."""
    until = time.monotonic() + 60
    while True:
        found = ops("migrate", "status", file)
        if found.returncode == 0 or time.monotonic() > until:
            return found


def ndjson(folder: Path, name: str, count: int) -> tuple[Path, Path]:
    """A file of right customers, one of them twice; and one of what comes late: an older version of one, and four
    records that are wrong in their own way.
    """
    events: list[dict[str, Any]] = []
    for number in range(count):
        account = f"{name}-{number}"
        told = customer(account, [new_mpan()], ["02"])
        events.append(event("customer.migrated", account, AT, f"//{name}", str(number), told))
    older = {**events[1], "id": "older", "time": "2026-09-01T09:00:00Z"}
    wrong = {**events[2], "id": "wrong", "data": {**events[2]["data"], "needs": [{"code": "10"}]}}
    reused = {**events[3], "data": {**events[3]["data"], "primary_contact": {"name": "Somebody Else"}}}
    files = folder / f"{name}.ndjson", folder / f"{name}-late.jsonl"
    files[0].write_text("".join(f"{json.dumps(one)}\n" for one in [*events, events[0]]))
    late = [json.dumps(one) for one in (older, wrong, reused)]
    files[1].write_text("\n".join([*late, "{not JSON", "", "[1]"]))
    return files


@pytest.mark.usefixtures("stack")
def test_every_record_of_a_file_is_accounted_for(tmp_path: Path) -> None:
    file, late = ndjson(tmp_path, "whole", 40)

    assert ops("migrate", "publish", file).returncode == 0
    found = settled(file)
    assert found.returncode == 0, found.stdout + found.stderr
    assert rows_of(found.stdout) == {"sent": 41, "duplicate": 1, "applied": 40, "accounted for": 41}

    assert ops("migrate", "publish", late).returncode == 0
    found = settled(late)
    assert found.returncode == 0, found.stdout + found.stderr
    assert rows_of(found.stdout) == {
        "sent": 5,
        "duplicate": 0,
        "stale": 1,
        "held: invalid-content need_code_unknown": 1,
        "held: invalid-content model_type": 1,
        "held: malformed-json": 1,
        "held: idempotency-key-reused": 1,
        "accounted for": 5,
    }


@pytest.mark.usefixtures("stack")
def test_what_is_neither_applied_nor_quarantined_is_named(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "lost", 5)
    Journal.of(file).model_copy(update={"published": 5}).keep(file)

    found = ops("migrate", "status", file)

    assert found.returncode == 1
    assert "missing: record 1, account lost-0" in found.stdout
    assert "error: 5 records are neither applied nor quarantined yet" in found.stderr


@pytest.mark.usefixtures("stack")
def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "killed", 60)
    command = [sys.executable, "-m", "ops", "migrate", "publish", str(file), "--rate", "20", "--ceiling", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        while Journal.of(file).published < 10:
            time.sleep(0.05)
        run.kill()
    published = Journal.of(file).published
    assert 10 <= published < 60

    again = ops("migrate", "publish", file)

    assert again.returncode == 0, again.stderr
    assert f"{published} records are published already" in again.stdout
    assert rows_of(settled(file).stdout)["applied"] == 60


def test_a_file_that_changed_since_is_refused(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "changed", 5)
    Journal.of(file).model_copy(update={"published": 2}).keep(file)
    file.write_text(file.read_text() + "{}\n")

    answer = ops("migrate", "publish", file)

    assert answer.returncode == 1
    assert "changed.ndjson has changed since it was published in part" in answer.stderr
    assert Journal.of(file, restart=True).published == 0


@pytest.mark.parametrize(
    ("minutes", "rate"), [(0, 500), (4.9, 500), (5, 750), (10, 1125), (30, 500 * 1.5**6), (600, 10_000)]
)
def test_the_rate_grows_by_half_every_five_minutes(minutes: float, rate: float) -> None:
    assert Ramp().rate(minutes * 60) == pytest.approx(rate)


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


@pytest.mark.usefixtures("stack")
async def test_a_row_of_a_csv_file_becomes_a_registration(tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    rows = [
        row("csv-1", nominee_name="Mr B Nominee", nominee_phones="07700900456", language="cy"),
        row("csv-2", needs="back from hospital=2031-01-31|young children|29", youngest_child_born_on="2025-05-01"),
        row("csv-3", needs="aching tooth"),
    ]
    rows[1]["needs"] = "back from hospital=2031-01-31|29"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(COLUMNS))
        writer.writeheader()
        writer.writerows(rows)

    published = await asyncio.to_thread(ops, "migrate", "publish", file)
    assert published.returncode == 0, published.stderr
    found = await asyncio.to_thread(settled, file)

    assert rows_of(found.stdout) == {
        "sent": 3,
        "duplicate": 0,
        "applied": 2,
        "held: invalid-content need_code_unknown": 1,
        "accounted for": 3,
    }
    store = registrations()
    first = await store.get(store.registration_id(AccountId("csv-1")))
    second = await store.get(store.registration_id(AccountId("csv-2")))
    assert first is not None
    assert second is not None
    registration = first.registration
    assert [need.code for need in registration.needs] == ["02", "08"]
    assert registration.alternate_contact is not None
    assert registration.primary_contact.phones == ["07700900123", "07700900124"]
    assert registration.services.language == "cy"
    assert [(need.code, str(need.ends_on)) for need in second.registration.needs] == [
        ("29", "2031-05-01"),
        ("33", "2031-01-31"),
    ]


def test_a_csv_file_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    file.write_text("account_id,shoe_size\nA,7\n")
    with pytest.raises(CommandError, match=r"short\.csv: columns that are missing or not known: .*postcode.*shoe_size"):
        list(records(file, "//s"))


@pytest.mark.parametrize(("term", "code"), legacy_needs().items())
def test_each_of_the_old_platforms_words_is_a_live_code(term: str, code: str) -> None:
    assert code in categories()
    told = json.dumps({"data": {"needs": [{"legacy": f" {term.upper()} ", "note": "n"}]}}).encode()
    assert json.loads(translated(told)) == {"data": {"needs": [{"code": code, "note": "n"}]}}


def test_every_live_code_has_a_word() -> None:
    assert set(legacy_needs().values()) == set(categories())
