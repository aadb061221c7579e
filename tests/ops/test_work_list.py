"""The work list of a migration: each fault with its place, and a word only if it says nothing about a person."""

import asyncio
import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ops.migration.checking import Rules
from ops.migration.records import COLUMNS
from ops.migration.work_list import Fault, faults
from shared.clock import Clock
from shared.policy import Policy
from tests.ops.migration_files import AT, line, lines_file, row, rows_of, settled
from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tools.places import ROOT
from tools.synthetic import event

SAMPLE = ROOT / "docs" / "migration-sample.csv"
#: A text that must not leave the file, in each field that is not for codes and terms.
PRIVATE = "Zebedee Quillfen"


def migrated(**data: Any) -> bytes:
    """An event of one customer, with other data than the usual."""
    usual = customer("work-1", ["1000999001019"], ["02"])
    return json.dumps(event("customer.migrated", "work-1", AT, "//work", "1", {**usual, **data})).encode()


def found(data: bytes) -> list[Fault]:
    outcome = Rules(Policy(), Clock()).outcome(data)
    return list(faults(data, outcome.problem, outcome.errors)) if outcome.problem else []


def check(file: Path, report: Path) -> subprocess.CompletedProcess[str]:
    """The check as the old platform's team runs it, who have no deployment."""
    return psr("migrate", "check", file, "--report", report, environment={"COLUMNS": "120"})


def test_each_unknown_word_is_a_fault_of_its_own() -> None:
    needs = [{"legacy": "aching tooth"}, {"legacy": " Deaf "}, {"legacy": "sore toe"}, {"code": "38"}]
    assert found(migrated(needs=needs)) == [
        Fault("/data/needs/0/legacy", "need_code_unknown", "aching tooth"),
        Fault("/data/needs/2/legacy", "need_code_unknown", "sore toe"),
        Fault("/data/needs/3/code", "need_code_unknown", "38"),
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"status": "lively"}, Fault("/data/status", "unknown_value", "lively")),
        (
            {"sharing": {"basis": "consent", "recorded_on": "2026-01-05", "evidence": "call"}},
            Fault("/data/sharing/basis", "unknown_value", "consent"),
        ),
        (
            {"alternate_contact": {"name": "Mr B Nominee", "relationship": "cousin"}},
            Fault("/data/alternate_contact/relationship", "unknown_value", "cousin"),
        ),
        (
            {"services": {"communication_format": "fax"}},
            Fault("/data/services/communication_format", "unknown_value", "fax"),
        ),
        ({"services": {"language": "Welsh"}}, Fault("/data/services/language", "language_malformed", "Welsh")),
    ],
)
def test_the_unknown_value_of_a_field_for_terms_is_shown(changed: dict[str, Any], expected: Fault) -> None:
    assert found(migrated(**changed)) == [expected]


@pytest.mark.parametrize(
    "changed",
    [
        {"primary_contact": {"name": PRIVATE * 30, "phones": [PRIVATE]}},
        {"primary_contact": {"name": "Mrs A", "phones": [], PRIVATE: PRIVATE}},
        {"premises": {"address_lines": [PRIVATE * 30], "postcode": PRIVATE}},
        {"alternate_contact": {"name": "", "phones": [PRIVATE], "relationship": "carer"}},
        {"supply_points": {"mpans": [PRIVATE], "mprns": [PRIVATE]}},
        {"sharing": {"basis": "none", "recorded_on": PRIVATE, "evidence": PRIVATE * 300}},
        {"needs": [{"code": "02", "note": PRIVATE * 300}, {"code": "33", "ends_on": PRIVATE}]},
        {"services": {"caller_password": PRIVATE * 30}},
        {PRIVATE: PRIVATE},
        {"needs": [{"code": "10", "note": {PRIVATE: {"code": PRIVATE}}}]},
        {"account_id": PRIVATE},
    ],
    ids=str,
)
def test_the_value_of_any_other_field_is_never_shown(changed: dict[str, Any]) -> None:
    assert found(migrated(**changed))
    assert "Zebedee" not in str(found(migrated(**changed)))


@pytest.mark.parametrize(
    "word",
    [
        pytest.param("zebedee's carer", id="a name of the record"),
        pytest.param("12 Dray Lane", id="the address of the record"),
        pytest.param("07700 900123", id="a phone"),
        pytest.param("born 1950", id="a year"),
        pytest.param("ann@example.org", id="an address of e-mail"),
        pytest.param("a long story about what happened on the way to the hospital, and after", id="a sentence"),
        pytest.param("=HYPERLINK(1)", id="a formula"),
        pytest.param("two\nlines", id="two lines"),
    ],
)
def test_a_word_that_may_be_about_the_person_is_not_shown(word: str) -> None:
    contact = {"name": PRIVATE, "phones": []}
    premises = {"address_lines": ["1 Dray Lane"], "postcode": "BS1 4DJ"}
    record = migrated(primary_contact=contact, premises=premises, needs=[{"legacy": word}])
    assert found(record) == [Fault("/data/needs/0/legacy", "need_code_unknown")]


@pytest.mark.parametrize("field", ["name", "organisation"])
def test_a_word_that_may_be_about_somebody_who_speaks_for_the_person_is_not_shown(field: str) -> None:
    needs = [{"legacy": "Quillfen House"}]
    referral = {"referrer": "charity", "name": "Mr A", "referred_on": "2026-01-05", field: PRIVATE}
    speaker = {"role": "referrer", "name": "Mr A", "organisation": "Aid", field: PRIVATE}
    capture = {"captured_at": "2026-01-05T09:00:00Z", "captured_by": "a1", "channel": "phone", "speaker": speaker}
    sharing = {"basis": "none", "recorded_on": "2026-01-05", "evidence": "call", "capture": capture}
    for record in (migrated(needs=needs, referral=referral), migrated(needs=needs, sharing=sharing)):
        assert Fault("/data/needs/0/legacy", "need_code_unknown") in found(record)
        assert "Quillfen" not in str(found(record))


def test_a_row_whose_cells_are_in_the_wrong_columns_shows_no_word(tmp_path: Path) -> None:
    shifted = line(2, "02", "aching tooth,too many")
    answer = check(lines_file(tmp_path, line(1), shifted), tmp_path / "work.csv")
    assert answer.returncode == 1
    rows = (tmp_path / "work.csv").read_text().splitlines()
    assert "3,C-2,/data/needs/0/legacy,need_code_unknown," in rows
    assert "tooth" not in str(rows) + answer.stdout + answer.stderr


def test_an_account_that_has_not_the_form_of_one_is_not_shown(tmp_path: Path) -> None:
    wrong = line(1).replace("C-1", PRIVATE)
    answer = check(lines_file(tmp_path, wrong), tmp_path / "work.csv")
    assert answer.returncode == 1
    assert "2,,/data/account_id,account_id_malformed," in (tmp_path / "work.csv").read_text().splitlines()
    assert "Zebedee" not in (tmp_path / "work.csv").read_text() + answer.stdout + answer.stderr


def test_a_check_needs_no_deployment_and_fails_with_what_the_consumer_would_refuse(tmp_path: Path) -> None:
    needs = ["02", "aching tooth|02", "Aching  tooth", "aching tooth"]
    rows = [row(f"C-{number}", needs=words) for number, words in enumerate(needs, 1)]
    rows.append(row("C-5", basis_recorded_on="2999-01-01"))
    file = tmp_path / "c.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)

    answer = check(file, tmp_path / "work.csv")

    assert (answer.returncode, answer.stderr) == (
        1,
        f"error: 4 of 5 records would be refused, see {tmp_path / 'work.csv'}\n",
    )
    assert "│ refused: invalid-content need_code_unknown │ 3 " in answer.stdout
    assert "│ accepted                                   │ 1 " in answer.stdout
    assert "│ needs │ aching tooth  │ 2 " in answer.stdout
    assert list(csv.reader((tmp_path / "work.csv").open(encoding="utf-8"))) == [
        ["line", "account", "field", "code", "word"],
        ["3", "C-2", "/data/needs/0/legacy", "need_code_unknown", "aching tooth"],
        ["4", "C-3", "/data/needs/0/legacy", "need_code_unknown", "Aching  tooth"],
        ["5", "C-4", "/data/needs/0/legacy", "need_code_unknown", "aching tooth"],
        ["6", "C-5", "/data/sharing/recorded_on", "date_in_future", ""],
    ]
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "work.csv"}


def test_a_report_never_replaces_the_file(tmp_path: Path) -> None:
    file = lines_file(tmp_path, line(1))
    before = file.read_bytes()
    answer = check(file, file)
    assert (answer.returncode, answer.stderr) == (1, "error: the report would replace c.csv: choose another file\n")
    assert file.read_bytes() == before


def test_the_sample_file_has_every_column_and_the_faults_that_the_page_shows(tmp_path: Path) -> None:
    answer = check(SAMPLE, tmp_path / "work.csv")
    page = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    assert next(csv.reader(SAMPLE.open(encoding="utf-8"))) == list(COLUMNS)
    assert (tmp_path / "work.csv").read_text() in page
    assert "error: 3 of 20 records would be refused" in answer.stderr


@pytest.mark.usefixtures("stack")
async def test_the_status_reports_what_the_check_has_reported(tmp_path: Path) -> None:
    unlawful = {"basis": "none", "recorded_on": "2999-01-01", "evidence": "call"}
    changes: list[dict[str, Any]] = [{}, {"needs": [{"legacy": "aching tooth"}]}, {"sharing": unlawful}]
    accounts = [(f"report-{number}", changed) for number, changed in enumerate(changes)]
    events = [
        event("customer.migrated", account, AT, "//report", account, customer(account, [new_mpan()], ["02"]) | changed)
        for account, changed in accounts
    ]
    file = tmp_path / "report.ndjson"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in events))
    checked = await asyncio.to_thread(psr, "migrate", "check", file, "--report", tmp_path / "checked.csv")
    assert checked.returncode == 1
    assert (await asyncio.to_thread(psr, "migrate", "publish", file)).returncode == 0
    await asyncio.to_thread(settled, file)

    status = await asyncio.to_thread(psr, "migrate", "status", file, "--report", tmp_path / "status.csv")

    assert status.returncode == 0
    assert "│ needs │ aching tooth │ 1" in status.stdout.replace("  ", " ").replace("  ", " ")
    assert rows_of(status.stdout.partition("Field")[0])["applied"] == 1
    assert (tmp_path / "status.csv").read_text() == (tmp_path / "checked.csv").read_text()
    assert len((tmp_path / "status.csv").read_text().splitlines()) == 3
