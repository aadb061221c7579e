"""A stored needs code that is retired is read, exported, counted and kept by amendments. Nobody can add it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.domain import account_events, migration, requests
from shared.domain.aspects import Statement, submission_of
from shared.domain.decision import Moment
from shared.domain.needs import NeedCode, NeedInput, categories, live_codes
from shared.domain.patch import patched
from shared.domain.registration import Fact, RegistrationId, RegistrationState
from shared.errors import InvalidContent
from shared.policy import Policy
from tests.compatibility.next_release import NextRelease
from tests.support.functions import starting
from tests.support.register_world import World, account
from tools.api_client import ALL_SCOPES, PATCH, Caller
from tools.local.stack import Stack
from tools.places import FUNCTIONS
from tools.synthetic import registration

ID = RegistrationId("00000000-0000-8000-8000-000000000000")
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BOTH = [{"code": "02"}, {"code": "08", "note": "left eye"}]
RULES: dict[str, Any] = {
    "moment": Moment(NOW, NOW.date()),
    "fact": Fact(time=NOW, source="//old-platform", id="1"),
    "policy": Policy(),
}
REFUSED = [("/needs/1/code", "need_code_retired")]


@pytest.fixture
def known(next_release: NextRelease) -> RegistrationState:
    """A registration with 08, which the next release retires."""
    state = requests.register(account(1, needs=BOTH), None, ID, **RULES).state
    next_release.change("needs.csv", "08", retired="yes")
    return state


def refusals(invalid: pytest.ExceptionInfo[InvalidContent]) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in invalid.value.errors]


def amended(known: RegistrationState, **patch: Any) -> list[str]:
    after = requests.amend(patched(submission_of(known.registration), patch), known, **RULES).state
    return [str(need.code) for need in after.registration.needs]


@pytest.mark.usefixtures("known")
def test_a_retired_code_is_known_but_not_live() -> None:
    assert categories()["08"].retired
    assert "08" not in live_codes()
    assert NeedInput(code=NeedCode.parse("08")).code.category.outage_tier == 3


def test_a_registration_keeps_a_retired_code_when_anything_else_changes(known: RegistrationState) -> None:
    assert amended(known, primary_contact={"name": "Changed"}) == ["02", "08"]
    assert amended(known, needs=[{"code": "08", "note": "both eyes"}, {"code": "22"}]) == ["08", "22"]
    moved = account_events.apply_account_event(
        Statement(premises=account(2).premises, review=True), known, **RULES
    ).state
    assert [need.code for need in moved.registration.needs] == ["02", "08"]
    assert amended(known, needs=[{"code": "02"}]) == ["02"]


def test_a_retired_code_is_not_added(known: RegistrationState) -> None:
    without = requests.amend(
        patched(submission_of(known.registration), {"needs": [{"code": "02"}]}), known, **RULES
    ).state
    withdrawn = requests.withdraw("asked", known, **RULES).state
    with pytest.raises(InvalidContent) as by_a_patch:
        amended(without, needs=BOTH)
    with pytest.raises(InvalidContent) as by_a_new_registration:
        requests.register(account(1, needs=BOTH), None, ID, **RULES)
    with pytest.raises(InvalidContent) as by_registering_again:
        requests.register(account(1, needs=BOTH), withdrawn, ID, **RULES)
    with pytest.raises(InvalidContent) as by_the_migration:
        migration.migrate(account(1, needs=BOTH), without, ID, **RULES)
    assert refusals(by_a_patch) == refusals(by_a_new_registration) == REFUSED
    assert refusals(by_registering_again) == refusals(by_the_migration) == REFUSED


def test_a_migrated_record_may_repeat_a_retired_code(known: RegistrationState) -> None:
    after = migration.migrate(account(1, needs=BOTH), known, ID, **RULES).state
    assert [need.code for need in after.registration.needs] == ["02", "08"]


def run_at(release: NextRelease, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the code and the tables of a release."""
    command = (sys.executable, *arguments)
    return subprocess.run(command, cwd=release.root, env=environment, capture_output=True, text=True, check=True)


def codes_at_networks(world: World) -> list[tuple[str, tuple[str, ...]]]:
    return [(receiver, codes) for (receiver, _), (_, codes) in world.at_networks().items()]


async def test_a_retired_code_is_exported_as_before(world: World, next_release: NextRelease) -> None:
    await world.submit(1, needs=BOTH)
    next_release.change("needs.csv", "08", retired="yes")
    await world.run("2026-11-24 02:05")
    assert codes_at_networks(world) == [("EELC", ("02", "08"))]
    await world.submit(1, needs=BOTH, primary_contact={"name": "Changed", "phones": []})
    await world.apply_due_dates(1)
    await world.run("2026-11-25 02:05")
    assert list(world.at_networks().values()) == [("Changed", ("02", "08"))]


async def test_a_recipient_whose_row_does_not_name_a_retired_code_does_not_receive_it(
    world: World, next_release: NextRelease
) -> None:
    next_release.change("recipients.csv", "electricity distributors", codes="01 02")
    await world.submit(1, needs=BOTH)
    next_release.change("needs.csv", "08", retired="yes")
    await world.submit(1, needs=BOTH, primary_contact={"name": "Changed", "phones": []})
    await world.run("2026-11-24 02:05")
    assert codes_at_networks(world) == [("EELC", ("02",))]


async def test_operators_list_registrations_with_a_retired_code(world: World, next_release: NextRelease) -> None:
    await world.submit(1, needs=BOTH)
    await world.submit(2, needs=[{"code": "02"}])
    await world.submit(3, needs=BOTH)
    await world.withdraw(3)
    next_release.change("needs.csv", "08", retired="yes")
    listed = run_at(next_release, world.child_environment(), "-m", "ops", "needs", "retired")
    about = world.store.registration_id(world.account_id(1))
    assert listed.stdout.splitlines() == [
        "due_on,registration_id,account_id,codes",
        f"2027-11-23,{about},•••,08",
    ]
    assert listed.stderr.splitlines()[-1] == "1 registration"


@pytest.fixture
def servers(stack: Stack, next_release: NextRelease, tmp_path: Path) -> Iterator[dict[str, httpx.Client]]:
    """`register` and `lookup` of a release that retires 08, on the data of the stack."""
    next_release.change("needs.csv", "08", retired="yes")
    environment = {"PYTHONPATH": str(next_release.root)}
    headers = {"Authorization": f"Bearer {stack.token('agent', scope=ALL_SCOPES)}"}
    children = []
    clients = {}
    try:
        for name in ("register", "lookup"):
            children.append(starting(stack, FUNCTIONS / name, tmp_path / name, environment))
            children[-1].wait_until_ready()
            clients[name] = httpx.Client(base_url=f"http://127.0.0.1:{children[-1].port}", headers=headers, timeout=60)
        yield clients
    finally:
        for child in children:
            child.end()


def test_the_api_reads_and_amends_registrations_with_a_retired_code_and_accepts_no_new_one(
    stack: Stack, servers: dict[str, httpx.Client]
) -> None:
    body = registration(needs=BOTH)
    created = Caller(stack, scope=ALL_SCOPES).create(body)
    assert created.status_code == 201
    path = created.headers["Location"]

    read = servers["lookup"].get(path)
    point = {"mpans": body["supply_points"]["mpans"], "mprns": []}
    found = servers["lookup"].post("/v1/registrations:batchLookup", json=point).json()["found"]
    assert [need["code"] for need in read.json()["needs"]] == ["02", "08"]
    assert [[need["code"] for need in one["needs"]] for one in found] == [["02", "08"]]

    headers = {"Content-Type": PATCH, "If-Match": read.headers["ETag"]}
    patch = {"primary_contact": {"phones": ["07700900999"]}}
    amended = servers["register"].request("PATCH", path, json=patch, headers=headers)
    assert (amended.status_code, len(amended.json()["needs"])) == (200, 2)

    refused = servers["register"].post("/v1/registrations", json=registration(needs=BOTH))
    assert refused.status_code == 422
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == REFUSED


def test_the_api_offers_live_codes_for_submission_and_every_code_in_answers(next_release: NextRelease) -> None:
    next_release.change("needs.csv", "08", retired="yes")
    script = (
        "from shared.domain.registration import Registration, RegistrationInput as I;"
        "print(*('08' in str(m.model_json_schema(mode='serialization')) for m in (I, Registration)))"
    )
    shown = run_at(next_release, os.environ, "-c", script)
    assert shown.stdout.split() == ["False", "True"]
