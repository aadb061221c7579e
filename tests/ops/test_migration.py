"""`psr migrate`: a file is published once, with interruptions, and every record is accounted for."""

import asyncio
import csv
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.migration.journal import Journal
from ops.migration.publishing import Ramp
from ops.migration.records import COLUMNS, records
from shared.domain.delivery import Delivery
from shared.domain.household import Household
from shared.domain.needs import categories
from shared.domain.registration import AccountId
from shared.errors import InvalidContent
from shared.messages.legacy import code_of, legacy_needs, translated
from shared.settings import settings
from shared.store.quarantine import Quarantine
from shared.store.registrations import Registrations
from shared.store.service import Service, service
from tests.ops.migration_files import AT, SOURCE, ndjson, row, rows_of, settled
from tests.support.commands import psr
from tests.support.push import Push
from tools.errors import CommandError
from tools.places import ROOT


@pytest.mark.usefixtures("stack")
def test_every_record_of_a_file_is_accounted_for(tmp_path: Path) -> None:
    file, late = ndjson(tmp_path, "whole", 40)

    assert psr("migrate", "publish", file).returncode == 0
    found = settled(file)
    assert found.returncode == 0, found.stdout + found.stderr
    assert rows_of(found.stdout) == {"sent": 41, "duplicate": 1, "applied": 40, "accounted for": 41}

    assert psr("migrate", "publish", late).returncode == 0
    found = settled(late)
    assert found.returncode == 0, found.stdout + found.stderr
    assert rows_of(found.stdout) == {
        "sent": 5,
        "duplicate": 0,
        "stale": 1,
        "failed: invalid-content need_code_unknown": 1,
        "failed: invalid-content wrong_type": 1,
        "failed: malformed-json": 1,
        "failed: idempotency-key-reused": 1,
        "accounted for": 5,
    }


@pytest.mark.usefixtures("stack")
def test_a_record_that_is_neither_applied_nor_quarantined_is_named(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "lost", 5)
    Journal.of(file, SOURCE).model_copy(update={"published": 5}).keep(file)

    found = psr("migrate", "status", file)

    assert found.returncode == 1
    assert "missing: record 1, account lost-0" in found.stdout
    assert "error: 5 records are neither applied nor quarantined yet, see lost.ndjson.missing.csv" in found.stderr
    listed = (tmp_path / "lost.ndjson.missing.csv").read_text().splitlines()
    assert listed == ["record,account_id", *(f"{number + 1},lost-{number}" for number in range(5))]


async def test_the_outcome_of_another_event_under_the_same_id_is_no_answer(tmp_path: Path, push: Push) -> None:
    file, late = ndjson(tmp_path, "alike", 4)
    first, *_ = reused = [json.loads(file.read_text().splitlines()[3]), json.loads(late.read_text().splitlines()[2])]
    file.write_text("".join(f"{json.dumps(one)}\n" for one in reused))
    Journal.of(file, SOURCE).model_copy(update={"published": 2}).keep(file)

    assert push("consume_migration", first) == 204

    found = await asyncio.to_thread(psr, "migrate", "status", file)
    assert rows_of(found.stdout) == {"sent": 2, "duplicate": 0, "applied": 1, "missing": 1, "accounted for": 1}


async def test_a_quarantined_record_that_has_been_applied_since_is_applied(tmp_path: Path, push: Push) -> None:
    file, _ = ndjson(tmp_path, "since", 4)
    line = file.read_text().splitlines()[0].encode()
    file.write_bytes(line)
    Journal.of(file, SOURCE).model_copy(update={"published": 1}).keep(file)
    await service().part(Quarantine).put(Delivery("t", "s", "1", AT, {}, line, 1), InvalidContent())

    held = await asyncio.to_thread(psr, "migrate", "status", file)
    assert push("consume_migration", line) == 204
    applied = await asyncio.to_thread(psr, "migrate", "status", file)

    assert rows_of(held.stdout) == {"sent": 1, "duplicate": 0, "failed: invalid-content": 1, "accounted for": 1}
    assert rows_of(applied.stdout) == {"sent": 1, "duplicate": 0, "applied": 1, "accounted for": 1}


@pytest.mark.usefixtures("stack")
def test_lines_that_no_message_can_hold_are_reported_and_the_others_accounted_for(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "long", 4)
    right = file.read_text().splitlines()[0]
    with file.open("w") as text:
        text.write(f"{{no JSON, first\n{right}\n")
        for _ in range(3):
            text.write("x" * 9_000_000)
        text.write("\n{no JSON, last")

    published = psr("migrate", "publish", file)
    assert (published.returncode, published.stderr.splitlines()[-1]) == (
        1,
        "error: 1 records are larger than a message can be (numbers 3)",
    )
    assert rows_of(settled(file).stdout) == {
        "sent": 4,
        "duplicate": 0,
        "applied": 1,
        "failed: malformed-json": 2,
        "too large for a message": 1,
        "accounted for": 4,
    }


@pytest.mark.usefixtures("stack")
def test_a_file_of_which_a_part_is_published_is_not_reported_as_done(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "part", 4)
    lines = file.read_text().splitlines(keepends=True)
    assert psr("migrate", "publish", file).returncode == 0
    assert settled(file).returncode == 0

    Journal.of(file, SOURCE).model_copy(update={"published": 2}).keep(file)
    found = psr("migrate", "status", file)

    assert (found.returncode, len(lines)) == (1, 5)
    assert f"error: 3 records are not published yet: psr migrate publish {file}" in found.stderr


def test_each_project_has_its_own_journal_and_a_file_its_one_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, _ = ndjson(tmp_path, "again", 4)
    Journal.of(file, SOURCE).model_copy(update={"published": 2}).keep(file)
    with pytest.raises(CommandError, match="was published in part with --source //old-platform/customers"):
        Journal.of(file, "//other-platform/customers")

    elsewhere = settings().model_copy(update={"project": "another-project"})
    monkeypatch.setattr("ops.migration.journal.service", lambda: Service(elsewhere))
    assert Journal.of(file, SOURCE).published == 0


@pytest.mark.usefixtures("stack")
def test_a_run_that_was_killed_continues_where_it_was(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "killed", 60)
    command = [sys.executable, "-m", "ops", "migrate", "publish", str(file), "--rate", "20", "--ceiling", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        while Journal.of(file, SOURCE).published < 10:
            time.sleep(0.05)
        run.kill()
    published = Journal.of(file, SOURCE).published
    assert 10 <= published < 60

    again = psr("migrate", "publish", file)

    assert again.returncode == 0, again.stderr
    assert f"{published} records are published already" in again.stdout
    assert rows_of(settled(file).stdout)["applied"] == 60


def test_a_file_that_changed_since_is_refused(tmp_path: Path) -> None:
    file, _ = ndjson(tmp_path, "changed", 5)
    Journal.of(file, SOURCE).model_copy(update={"published": 2}).keep(file)
    file.write_text(file.read_text() + "{}\n")

    answer = psr("migrate", "publish", file)

    assert answer.returncode == 1
    assert "changed.ndjson has changed since it was published in part" in answer.stderr
    assert Journal.of(file, SOURCE, restart=True).published == 0


@pytest.mark.parametrize(
    ("minutes", "rate"), [(0, 500), (4.9, 500), (5, 750), (10, 1125), (30, 500 * 1.5**6), (600, 10_000)]
)
def test_the_rate_grows_by_half_every_five_minutes(minutes: float, rate: float) -> None:
    assert Ramp().rate(minutes * 60) == pytest.approx(rate)


def test_the_page_shows_the_ramp_as_it_is() -> None:
    shown = re.findall(
        r"^\| (\d+) min \| ([\d,]+) \| ([\d,]+) \|$", (ROOT / "docs/migration.md").read_text(), re.MULTILINE
    )
    ramp = Ramp()

    def published(minutes: int) -> float:
        return sum(ramp.rate(second) for second in range(minutes * 60))

    assert len(shown) > 3
    for minutes, rate, total in shown:
        assert int(rate.replace(",", "")) == int(ramp.rate(int(minutes) * 60))
        assert int(total.replace(",", "")) == pytest.approx(published(int(minutes)), abs=500)


@pytest.mark.usefixtures("stack")
async def test_a_row_of_a_csv_file_becomes_a_registration(tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    rows = [
        row("csv-1", nominee_name="Mr B Nominee", nominee_phones="07700900456", language="cy", can_top_up="no"),
        row("csv-2", needs="back from hospital=2031-01-31|Young children|a-z 9", youngest_child_born_on="2025-05-01"),
        row("csv-3", needs="aching tooth"),
        row("csv-4", needs="Deaf|hearing  impaired|Hearing impairment (inc. Deaf)"),
    ]
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(COLUMNS))
        writer.writeheader()
        writer.writerows(rows)

    published = await asyncio.to_thread(psr, "migrate", "publish", file)
    assert published.returncode == 0, published.stderr
    found = await asyncio.to_thread(settled, file)

    assert rows_of(found.stdout) == {
        "sent": 4,
        "duplicate": 0,
        "applied": 3,
        "failed: invalid-content need_code_unknown": 1,
        "accounted for": 4,
    }
    store = service().part(Registrations)
    first = await store.get(store.registration_id(AccountId("csv-1")))
    second = await store.get(store.registration_id(AccountId("csv-2")))
    fourth = await store.get(store.registration_id(AccountId("csv-4")))
    assert first is not None
    assert second is not None
    assert fourth is not None
    assert [need.code for need in fourth.registration.needs] == ["35"]
    registration = first.registration
    assert [need.code for need in registration.needs] == ["02", "08"]
    assert registration.alternate_contact is not None
    assert registration.primary_contact.phones == ["07700900123", "07700900124"]
    assert registration.services.language == "cy"
    assert registration.household == Household(can_top_up=False)
    assert [(need.code, str(need.ends_on)) for need in second.registration.needs] == [
        ("29", "2031-05-01"),
        ("33", "2031-01-31"),
    ]


@pytest.mark.usefixtures("stack")
def test_rows_that_are_broken_are_quarantined_and_not_fixed(tmp_path: Path) -> None:
    file = tmp_path / "broken.csv"
    cells = row("broken-1", name="Ren\u00e9e Example", language="cy")
    header, values = ",".join(cells), ",".join(cells.values())
    surplus = values.replace("broken-1", "broken-2") + ",surplus"
    short = values.replace("broken-1", "broken-3").rpartition(",")[0]
    file.write_bytes(f"\ufeff{header}\r\n{values}\r\n{surplus}\r\n{short}".encode())

    published = psr("migrate", "publish", file)

    assert published.returncode == 0
    assert "4 lines: 1 with names of columns, 3 records, 0 blank." in published.stdout
    assert "warning: the last line has no line break at its end. Check that the file is whole." in published.stderr
    assert rows_of(settled(file).stdout) == {
        "sent": 3,
        "duplicate": 0,
        "applied": 1,
        "failed: invalid-content unknown_field": 2,
        "accounted for": 3,
    }


@pytest.mark.usefixtures("stack")
async def test_an_account_in_several_rows_keeps_every_need_and_is_reported_by_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "needs.csv"
    accounts = [row(f"several-{number}") for number in range(8)]
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(COLUMNS))
        writer.writeheader()
        writer.writerows(account | {"needs": need} for account in accounts for need in ("02", "08"))
        writer.writerow(row("once"))

    published = await asyncio.to_thread(psr, "migrate", "publish", file)
    found = await asyncio.to_thread(settled, file)

    warning = "warning: 8 accounts have more than one record, and the records differ: lines 2, 3, 4, 5, 6, 7, "
    for answer in (published, found):
        assert answer.returncode == 0
        assert warning in answer.stderr
        assert "several-" not in answer.stdout + answer.stderr
    listed = (tmp_path / "needs.csv.repeated.csv").read_text().splitlines()
    assert listed == ["account,line", *(f"{(line + 1) // 2},{line + 1}" for line in range(1, 17))]
    assert sum(count for what, count in rows_of(found.stdout).items() if what in ("applied", "stale")) == 17
    for account in accounts:
        state = (
            await service()
            .part(Registrations)
            .get(service().part(Registrations).registration_id(AccountId(account["account_id"])))
        )
        assert state is not None
        assert [need.code for need in state.registration.needs] == ["02", "08"]
        assert state.registration.review_due_on == state.day


def test_a_csv_file_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    file.write_text("account_id,shoe_size\nA,7\n")
    with pytest.raises(CommandError, match=r"short\.csv: columns that are missing or not known: .*postcode.*shoe_size"):
        list(records(file, "//s"))


def test_the_catalogue_itself_and_the_alphabetical_numbers_are_known() -> None:
    assert [code_of("Heart, lung & ventilator"), code_of("MDE electric showering")] == ["02", "23"]
    numbers = {number: code_of(f"a-z {number}") for number in range(1, 28)}
    assert [number for number, code in numbers.items() if code is None] == [10]
    assert (numbers[8], numbers[2], code_of("8"), code_of("08")) == ("23", "08", None, None)


@pytest.mark.parametrize(("term", "code"), legacy_needs().items())
def test_each_of_the_old_platforms_words_is_a_live_code(term: str, code: str) -> None:
    assert code in categories()
    data = json.dumps({"data": {"needs": [{"legacy": f" {term.upper()} ", "note": "n"}]}}).encode()
    assert json.loads(translated(data)) == {"data": {"needs": [{"code": code, "note": "n"}]}}


def test_every_live_code_has_a_word() -> None:
    assert set(legacy_needs().values()) == set(categories())
