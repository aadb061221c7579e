"""The whole service, end to end: the tour as `make run EXIT=1` runs it, while functions are killed at their work."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from shared.domain.supply_points import distributors
from shared.runtime.manifest import read_manifests
from tools.local.log_lines import faults_in, lines
from tools.local.sample import registration, sample
from tools.places import FUNCTIONS, ROOT

WORKING = {"consume_migration", "register", "lookup", "export_daily", "export_recipient"}


class Tour(NamedTuple):
    """A tour that has ended: its folder, status and output, and the functions that were killed during it."""

    home: Path
    status: int
    output: str
    killed: set[str]

    @property
    def figures(self) -> dict[str, Any]:
        """`tour.json`."""
        figures: dict[str, Any] = json.loads((self.home / "tour.json").read_text(encoding="utf-8"))
        return figures

    @property
    def files(self) -> list[Path]:
        """The D0225 files."""
        return sorted(self.home.glob("exports/*/r*/D0225/*.txt"))


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    home = tmp_path_factory.mktemp("tour")
    own_emulators = {"FIRESTORE_EMULATOR_HOST": "", "PUBSUB_EMULATOR_HOST": ""}
    ended = threading.Event()
    killed: set[str] = set()
    killer = threading.Thread(target=kill_each_once, args=(home, killed, ended))
    process = subprocess.Popen(
        [sys.executable, "-m", "ops", "local", "run", "--exit", "--port", "0", "--home", str(home)],
        env={**os.environ, **own_emulators},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer.start()
    try:
        output, _ = process.communicate(timeout=150)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        ended.set()
        killer.join()
    return Tour(home, process.returncode, output, killed)


def kill_each_once(home: Path, killed: set[str], ended: threading.Event) -> None:
    """Kill each function, with all its workers, as soon as its log has a line of its work."""
    while not ended.wait(0.02):
        for name in read_manifests(FUNCTIONS).keys() - killed:
            log = home / "logs" / f"{name}.log"
            if log.exists() and any(_of_work(line) for line in log.read_text(encoding="utf-8").splitlines()):
                pid = json.loads((home / "processes.json").read_text())[name]
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                    killed.add(name)


def _of_work(line: str) -> bool:
    """Whether a line of a log is more than a served request. The first ones are of the status page, asked for while the
    stack still starts.
    """
    return '"event":' in line and '"event":"REQUEST_SERVED"' not in line


def test_the_tour_succeeds_although_each_function_is_killed_at_its_work(tour: Tour) -> None:
    assert (tour.status, tour.killed >= WORKING) == (0, True), (tour.killed, tour.output)


def test_every_message_has_one_outcome(tour: Tour) -> None:
    messages = tour.figures["messages"]
    quarantined = sum(messages["quarantined"].values())
    assert (messages["applied"], messages["duplicates"], messages["stale"], quarantined) == (970, 50, 50, 30)
    assert messages["published"] == messages["applied"] + messages["duplicates"] + messages["stale"] + quarantined
    assert len(messages["quarantined"]) == 13


def test_every_supply_point_of_the_day_is_exported_or_withheld_with_a_reason(tour: Tour) -> None:
    export = tour.figures["export"]
    recipients = export["recipients"].values()
    assert all(r["counted"] == r["exported"] + sum(r["withheld"].values()) for r in recipients)
    assert export["supply_points"] == sum(r["counted"] for r in recipients)
    assert {reason for r in recipients for reason in r["withheld"]} == {"no_lawful_basis", "not_active", "unroutable"}
    assert all(tour.figures["checks"].values())


def test_each_distributor_gets_one_file_with_its_own_supply_points_only(tour: Tour) -> None:
    mpids = {distributor_id: d.mpid for distributor_id, d in distributors().items()}
    receivers = []
    for file in tour.files:
        lines = file.read_text(encoding="ascii").split("\n")
        receiver = lines[0].split("|")[6]
        receivers.append(receiver)
        assert {mpids[line.split("|")[1][:2]] for line in lines if line.startswith("510|")} == {receiver}
        assert file.name.startswith(receiver)
    assert sorted(receivers) == sorted(mpids.values())


def test_each_record_has_its_number_of_values_and_each_trailer_its_counts(tour: Tour) -> None:
    for file in tour.files:
        *lines, last = file.read_text(encoding="ascii").split("\n")
        header, *groups, trailer = (line.split("|") for line in lines)
        names = [group[0] for group in groups]
        values = {(name, len(group) - 2) for name, group in zip(names, groups, strict=True)}
        assert last == ""
        assert (header[0], header[2], header[3], trailer[0]) == ("ZHV", "D0225002", "X", "ZPT")
        assert values == {("510", 29), ("99C", 3)}
        assert (trailer[1], trailer[2], trailer[4]) == (header[1], str(len(groups)), str(names.count("510")))


def test_every_log_line_is_an_entry_of_the_catalogue(tour: Tour) -> None:
    functions = [name for name in read_manifests(FUNCTIONS) if (tour.home / "logs" / f"{name}.log").exists()]
    written = list(lines(tour.home / "logs", functions))
    assert [fault for line in written for fault in faults_in(line)] == []
    assert tour.figures["log"]["outside"] == 0
    assert 2000 < tour.figures["log"]["lines"] <= len(written)
    events = {json.loads(line)["event"] for line in written}
    assert events >= {"CHANGE_STORED", "MESSAGE_QUARANTINED", "REGISTRATIONS_READ", "EXPORT_DAY_RELEASED"}


def test_no_log_has_anything_of_a_person(tour: Tour) -> None:
    day = date.fromisoformat(tour.figures["day"])
    submitted = [*customers(day), *(registration(number, day) for number in range(12))]
    planted = {value for customer in submitted for value in personal_values(customer)}
    logs = {path.name: path.read_text(encoding="utf-8") for path in (tour.home / "logs").iterdir()}
    found = {name: planted & {*re.findall(r"[\w-]+", text), *POSTCODE.findall(text)} for name, text in logs.items()}
    assert len(planted) > 5000
    assert all('"event":"REQUEST_SERVED"' in logs[f"{name}.log"] for name in WORKING)
    assert {name: values for name, values in found.items() if values} == {}


POSTCODE = re.compile(r"[A-Z]{1,2}\d{1,2} \d[A-Z]{2}")


def customers(day: date) -> Iterator[dict[str, Any]]:
    """The accounts that the messages name, as far as they can be read."""
    for message in sample(day).first:
        with suppress(json.JSONDecodeError):
            yield json.loads(message)["data"]


def personal_values(customer: dict[str, Any]) -> Iterator[str]:
    """Values that no log may contain: surname, phones, postcode, street, supply points, password, account."""
    yield customer["account_id"]
    for contact in (customer.get("primary_contact"), customer.get("alternate_contact")):
        if contact:
            yield contact["name"].split()[-1]
            yield from contact["phones"]
    if premises := customer.get("premises"):
        yield premises["postcode"]
        yield premises["address_lines"][0].split()[1]
    for numbers in customer.get("supply_points", {}).values():
        yield from numbers
    if password := customer.get("services", {}).get("caller_password"):
        yield password
