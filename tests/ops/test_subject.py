"""A person's requests: all data about them, and its erasure."""

import base64
import json
import secrets
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from shared.clock import LONDON, london_day
from shared.domain.delivery import Delivery
from shared.domain.registration import AccountId, RegistrationId
from shared.errors import Disposition, RegistrationErased
from shared.flows.erasure import Erasure
from shared.settings import settings
from shared.store.documents import Key
from shared.store.due_dates import ERASE_DUE, DueDates
from shared.store.operator_actions import OperatorActions
from tests.support.commands import psr
from tests.support.markers import MarkedPerson
from tests.support.proxied_stack import ProxiedStack
from tools.api_client import ALL_SCOPES, PATCH, Caller
from tools.local.layout import Layout


class Person(NamedTuple):
    """A marked person with a registration at a stack, and everything that belongs to it."""

    proxied: ProxiedStack
    marked: MarkedPerson
    agent: Caller
    registration_id: str
    event: dict[str, Any]

    def push(self, event: dict[str, Any]) -> int:
        """A delivery to the migration's consumer."""
        data = base64.b64encode(json.dumps(event).encode()).decode()
        message = {
            "messageId": secrets.token_hex(6),
            "publishTime": "2026-11-01T08:00:00Z",
            "data": data,
            "attributes": {},
        }
        body = {"subscription": "projects/p/subscriptions/consume-migration", "message": message}
        return httpx.post(self.proxied.stack.function_url("consume_migration"), json=body, timeout=60).status_code

    def run(self, function: str, expected: int = 200) -> dict[str, Any]:
        """A run of a scheduled function, now."""
        slot = {"X-CloudScheduler-ScheduleTime": self.proxied.stack.clock.now().isoformat()}
        answer = httpx.post(self.proxied.stack.function_url(function), headers=slot, timeout=60)
        assert answer.status_code == expected
        return dict(answer.json())

    def until_released(self, day: date) -> None:
        """The clock advances to the morning after a day, and the export runs until it is released."""
        morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), LONDON) + timedelta(hours=3)
        if self.proxied.stack.clock.now() < morning:
            self.proxied.stack.clock.jump_to(morning)
        end = time.monotonic() + 60
        while not list(self.proxied.stack.exports.glob(f"{day}/r*/manifest.json")):
            assert time.monotonic() < end
            self.run("export_daily")
            time.sleep(0.3)

    def command(self, *arguments: str | Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """`psr subject …` on the stack of this person."""
        with monkeypatch.context() as environment:
            for name, value in self.proxied.stack.layout.environment().items():
                environment.setenv(name, value)
            done = psr("subject", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def holding(self) -> list[str]:
        """The documents that hold a mark of the person, by the emulator's own export."""
        layout: Layout = self.proxied.stack.layout
        folder = layout.home / f"firestore-{time.monotonic_ns()}"
        folder.mkdir()
        url = f"http://{self.proxied.proxy._emulator}/emulator/v1/projects/{layout.project}:export"
        body = {"database": f"projects/{layout.project}/databases/(default)", "export_directory": str(folder)}
        answer = httpx.post(url, json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) > 1000
        return sorted({mark for path in files for mark in self.marked.found_in(path.read_bytes())})


@pytest.fixture
def person(proxied: ProxiedStack) -> Person:
    marked = MarkedPerson()
    agent = Caller(proxied.stack, "agent", scope=ALL_SCOPES)
    event = marked.event("customer.migrated", marked.registration())
    registration_id = proxied.registrations.registration_id(AccountId(marked.account_id))
    person = Person(proxied, marked, agent, registration_id, event)
    assert person.push(event) == 204
    assert person.push(marked.event("customer.migrated", {**marked.registration(), "premises": marked.mark})) == 204
    path = f"/v1/registrations/{registration_id}"
    headers = {"If-Match": '"1"', "Content-Type": PATCH, "Idempotency-Key": "call-1"}
    patch = {"needs": [{"code": "02", "note": f"again {marked.mark}"}]}
    assert agent.http.request("PATCH", path, json=patch, headers=headers).status_code == 200
    return person


def test_an_export_has_all_that_is_held(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person.command(
        *("export", person.marked.account_id, "--reason", "SAR 1", "--out", tmp_path / "held.json"),
        monkeypatch=monkeypatch,
    )
    held = json.loads((tmp_path / "held.json").read_text())
    assert held["registration"]["registration"]["primary_contact"]["name"] == f"Zoe {person.marked.mark}"
    household = held["registration"]["registration"]["household"]
    assert household["occupants"][0]["as_of"] == person.marked.aged_on
    assert household["temporary_circumstances"] == [{"kind": "pregnancy", "until": person.marked.until}]
    assert [change["kind"] for change in held["changes"]] == ["registered", "amended"]
    assert {entry["supply_point"] for entry in held["told_to_networks"]} == {
        f"mpan:{person.marked.mpan}",
        f"mprn:{person.marked.mprn}",
    }
    (message,) = held["messages"]
    assert (message["reason"], person.marked.found_in(message["data"]) != []) == ("invalid-content", True)


async def test_erasing_leaves_a_shell_once_the_networks_have_the_deletes(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = london_day(person.proxied.stack.clock.now())
    person.until_released(day)
    assert "text" in person.holding()

    output = person.command("erase", person.marked.account_id, "--reason", "request 2", monkeypatch=monkeypatch)
    assert "is now ended" in output
    assert person.holding() == ["mpan", "mprn"], "only what tells the networks to delete"

    today = london_day(person.proxied.stack.clock.now())
    person.until_released(today)
    deleted = list(person.proxied.stack.exports.glob(f"{today}/r*/D0225/*.txt"))
    assert any(person.marked.mpan in path.read_text() for path in deleted)
    assert person.run("erase_ended") == {"erased": 0}
    assert person.holding() == ["mpan", "mprn"], "a delete names nobody, and can be sent again until it expires"

    history = await person.proxied.registrations.history(RegistrationId(person.registration_id), after=None, limit=10)
    assert [(change.kind, change.erased) for change in history[0]] == [
        ("registered", True),
        ("amended", True),
        ("withdrawn", True),
    ]
    actions = await OperatorActions(person.proxied.documents).on(person.registration_id)
    assert [(action.action, action.reason) for action in actions] == [("erased", "request 2")]


def test_erased_data_is_gone_and_a_replay_does_not_bring_it_back(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.command("erase", person.marked.account_id, "--reason", "request 3", monkeypatch=monkeypatch)
    path = f"/v1/registrations/{person.registration_id}"
    headers = {"If-Match": '"1"', "Content-Type": PATCH, "Idempotency-Key": "call-1"}
    answers = [
        person.agent.http.get(path),
        person.agent.http.get(f"{path}/changes"),
        person.agent.look_up(account_id=person.marked.account_id),
        person.agent.http.request("PATCH", path, json={"needs": [{"code": "02"}]}, headers=headers),
        person.agent.withdraw(person.registration_id, '"3"'),
    ]
    assert [answer.status_code for answer in answers] == [410] * 5
    assert {answer.json()["type"] for answer in answers} == {"/problems/erased"}

    held_before = person.holding()
    assert person.push(person.event) == 204
    older = {**person.event, "id": "an-older-record", "time": "2026-10-01T08:00:00Z"}
    assert person.push(older) == 204
    assert person.holding() == held_before
    assert person.agent.http.get(path).status_code == 410


def test_an_erased_account_can_be_registered_again(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.command("erase", person.marked.account_id, "--reason", "request 4", monkeypatch=monkeypatch)
    again = person.agent.create(person.marked.registration())
    assert again.status_code == 201
    assert again.json()["account_id"] == person.marked.account_id
    assert person.agent.get(person.registration_id).json() == again.json()
    pages = [person.agent.changes(person.registration_id, page_size=2).json()]
    while token := pages[-1]["next_page_token"]:
        pages.append(person.agent.changes(person.registration_id, page_size=2, page_token=token).json())
    assert len(pages) == 2
    stored = {name: value for name, value in again.json().items() if name != "protections"}
    assert [change["registration"] for page in pages for change in page["changes"]] == [stored]


def test_erasing_again_changes_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.command("erase", person.marked.account_id, "--reason", "request 5", monkeypatch=monkeypatch)
    output = person.command("erase", person.marked.account_id, "--reason", "request 5", monkeypatch=monkeypatch)
    assert "0 changes, 0 feed entries and 0 quarantined messages overwritten" in output


async def test_an_ended_registration_is_erased_when_its_retention_is_over_and_not_before(person: Person) -> None:
    version = person.agent.get(person.registration_id).headers["ETag"]
    assert person.agent.withdraw(person.registration_id, version).status_code == 200
    day = london_day(person.proxied.stack.clock.now())
    last_day = day + timedelta(days=settings().ended_kept_days)
    erasure = Erasure(person.proxied.service)
    due_dates = DueDates(person.proxied.documents)
    before = [one async for page in due_dates.to_erase(last_day - timedelta(days=1)) for one in page]
    assert person.registration_id not in before
    assert person.registration_id in [one async for page in due_dates.to_erase(last_day) for one in page]

    registration_id = RegistrationId(person.registration_id)
    assert await erasure.erase_due(registration_id, last_day - timedelta(days=1)) is None
    assert await erasure.erase_due(registration_id, last_day) is not None
    assert person.agent.get(person.registration_id).status_code == 410
    stored = await person.proxied.documents.get(Key("registrations", person.registration_id))
    assert stored is not None
    assert str(stored.fields[ERASE_DUE]).endswith(str(day + timedelta(days=1))), "for what raced the erasure"


async def test_a_registration_that_cannot_be_read_does_not_keep_others_from_being_erased(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.command("erase", person.marked.account_id, "--reason", "request 7", monkeypatch=monkeypatch)
    late = person.marked.event("customer.migrated", {**person.marked.registration(), "premises": person.marked.mark})
    assert person.push(late) == 204
    assert "text" in person.holding()
    clock, documents = person.proxied.stack.clock, person.proxied.documents
    clock.jump_to(clock.now() + timedelta(days=1))
    broken, due = Key("registrations", "0" * 8), f"0|{london_day(clock.now())}"
    try:
        await documents.commit([documents.put(broken, {"state": "{}", ERASE_DUE: due})])
        person.run("erase_ended", expected=500)
    finally:
        shell = await documents.get(Key("registrations", person.registration_id))
        assert shell is not None
        await documents.commit([documents.put(broken, {"state": shell.state})])
    assert "text" not in person.holding()


def test_someone_who_is_only_in_the_quarantine_is_found_and_erased(
    proxied: ProxiedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = MarkedPerson()
    agent = Caller(proxied.stack, "agent", scope=ALL_SCOPES)
    event = marked.event("customer.migrated", {**marked.registration(), "premises": marked.mark})
    person = Person(proxied, marked, agent, "", event)
    assert person.push(event) == 204
    assert "text" in person.holding()
    person.command("erase", marked.account_id, "--reason", "request 6", "--yes", monkeypatch=monkeypatch)
    assert person.holding() == []


def test_a_message_about_the_erased_is_not_kept() -> None:
    assert RegistrationErased.disposition is Disposition.DROPPED
    assert Delivery._fields[-2:] == ("data", "delivery_attempt")
