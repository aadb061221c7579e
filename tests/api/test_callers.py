"""Every route for every kind of caller: no answer reveals more than the caller may know."""

import re
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from shared.runtime.manifest import SCOPES
from tests.api.requests import PREMISES, REQUESTS, ROUTES, Target, absent, send
from tests.support.functions import starting
from tools.api_client import ALL_SCOPES, Caller
from tools.errors import CommandError
from tools.local.stack import Stack
from tools.places import FUNCTIONS
from tools.synthetic import new_account, new_mpan, registration

#: Operations on one registration: another's must answer like none. The bulk ones leave out what is not the caller's.
ABOUT_ONE = sorted(set(REQUESTS) - {"batchLookUpRegistrations", "searchRegistrations"})


#: Operations that serve agents and back ends only: they answer everybody else as if there was nothing.
AGENTS_ONLY = {"recordAttempt", "listDueWork"}


@pytest.fixture
def other(agent: Caller) -> Target:
    """A registration that is there."""
    submitted = registration(premises=PREMISES)
    created = agent.create(submitted).json()
    return Target(created["registration_id"], submitted["account_id"], submitted["supply_points"]["mpans"][0])


def comparable(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """All that a caller gets, less what differs from request to request."""
    body = re.sub(r'"trace_id":"[0-9a-f]{32}"', "", answer.text)
    return answer.status_code, body, {name: value for name, value in answer.headers.items() if name != "date"}


def test_every_operation_is_walked() -> None:
    assert set(REQUESTS) == set(ROUTES)


@pytest.mark.parametrize("operation", REQUESTS)
def test_without_a_token_nothing_is_revealed(stack: Stack, other: Target, operation: str) -> None:
    client = httpx.Client(base_url=stack.url)
    there, not_there = (send(client, ROUTES[operation], target) for target in (other, absent()))
    assert there.status_code == 401
    assert comparable(there) == comparable(not_there)


@pytest.mark.parametrize("operation", REQUESTS)
def test_every_other_scope_is_not_enough(stack: Stack, other: Target, operation: str) -> None:
    route = ROUTES[operation]
    caller = Caller(stack, "agent", scope=" ".join(SCOPES - {route.scope}))
    there, not_there = (send(caller.http, route, target) for target in (other, absent()))
    assert there.status_code == 403
    assert route.scope in there.headers["WWW-Authenticate"]
    assert comparable(there) == comparable(not_there)


@pytest.mark.parametrize("operation", ABOUT_ONE)
@pytest.mark.parametrize("kind", ["customer", "network"])
def test_another_customers_registration_answers_exactly_like_none(
    stack: Stack, agent: Caller, other: Target, operation: str, kind: str
) -> None:
    claims = {"account_id": new_account(), "supply_points": []} if kind == "customer" else {"mpids": ["EELC"]}
    caller = Caller(stack, kind, scope=ALL_SCOPES, **claims)
    there, not_there = (send(caller.http, ROUTES[operation], target) for target in (other, absent()))
    assert there.status_code == 404
    assert comparable(there) == comparable(not_there)
    assert agent.get(other.registration_id).json()["version"] == 1


@pytest.mark.parametrize("operation", ["batchLookUpRegistrations", "searchRegistrations"])
def test_bulk_answers_leave_out_what_is_not_the_callers(stack: Stack, other: Target, operation: str) -> None:
    caller = Caller(stack, "customer", scope=ALL_SCOPES, account_id=new_account())
    answer = send(caller.http, ROUTES[operation], other)
    assert answer.status_code == 200
    assert other.registration_id not in answer.text


@pytest.mark.parametrize("operation", REQUESTS)
def test_with_its_scope_an_agent_is_served(stack: Stack, other: Target, operation: str) -> None:
    caller = Caller(stack, "agent", scope=ROUTES[operation].scope)
    target = absent() if operation == "createRegistration" else other
    assert send(caller.http, ROUTES[operation], target).status_code in (200, 201)


@pytest.mark.parametrize("operation", sorted(AGENTS_ONLY))
@pytest.mark.parametrize("kind", ["customer", "network"])
def test_an_operation_of_agents_serves_nobody_else_not_even_for_their_own(
    stack: Stack, agent: Caller, operation: str, kind: str
) -> None:
    submitted = registration(premises=PREMISES)
    points = [*submitted["supply_points"]["mpans"], *submitted["supply_points"]["mprns"]]
    target = Target(agent.create(submitted).json()["registration_id"], submitted["account_id"], points[0])
    claims = {"account_id": target.account_id, "supply_points": points} if kind == "customer" else {"mpids": ["EELC"]}
    answer = send(Caller(stack, kind, scope=ALL_SCOPES, **claims).http, ROUTES[operation], target)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize("operation", sorted(REQUESTS.keys() - AGENTS_ONLY))
def test_with_its_scope_a_customer_is_served_for_its_own_account(stack: Stack, agent: Caller, operation: str) -> None:
    submitted = registration(premises=PREMISES)
    points = [*submitted["supply_points"]["mpans"], *submitted["supply_points"]["mprns"]]
    caller = Caller(
        stack, "customer", scope=ROUTES[operation].scope, account_id=submitted["account_id"], supply_points=points
    )
    if operation == "createRegistration":
        assert caller.create(submitted).status_code == 201
        return
    target = Target(agent.create(submitted).json()["registration_id"], submitted["account_id"], points[0])
    answer = send(caller.http, ROUTES[operation], target)
    assert answer.status_code == 200
    assert target.registration_id in answer.text


def test_a_customer_may_use_only_the_supply_points_of_its_claim(stack: Stack, agent: Caller, other: Target) -> None:
    submitted = registration(supply_points={"mpans": [new_mpan()]})
    own, free, claimed = submitted["supply_points"]["mpans"][0], new_mpan(), new_mpan()
    caller = Caller(stack, "customer", account_id=submitted["account_id"], supply_points=[own, claimed])
    refused = [caller.create({**submitted, "supply_points": {"mpans": [own, mpan]}}) for mpan in (free, other.mpan)]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert comparable(refused[0]) == comparable(refused[1])

    registration_id = caller.create(submitted).json()["registration_id"]
    refused = [
        caller.amend(registration_id, '"1"', {"supply_points": {"mpans": [own, mpan]}}) for mpan in (free, other.mpan)
    ]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert comparable(refused[0]) == comparable(refused[1])
    assert caller.amend(registration_id, '"1"', {"supply_points": {"mpans": [own, claimed]}}).status_code == 200
    assert agent.look_up(mpan=claimed).json()["registration_id"] == registration_id


def test_a_customer_keeps_a_supply_point_that_left_its_claim(stack: Stack, agent: Caller) -> None:
    submitted = registration()
    registration_id = agent.create(submitted).json()["registration_id"]
    caller = Caller(stack, "customer", account_id=submitted["account_id"], supply_points=[])
    assert caller.amend(registration_id, '"1"', {"needs": [{"code": "08"}]}).status_code == 200


def test_a_customer_finds_its_own_registration_by_its_own_supply_points_only(
    stack: Stack, agent: Caller, other: Target
) -> None:
    submitted = registration(supply_points={"mpans": [new_mpan()]})
    agent.create(submitted)
    own, unheld = submitted["supply_points"]["mpans"][0], new_mpan()
    caller = Caller(stack, "customer", account_id=submitted["account_id"], supply_points=[own, unheld, other.mpan])
    assert caller.look_up(mpan=own).status_code == 200
    claimed = [caller.look_up(mpan=mpan) for mpan in (unheld, other.mpan)]
    assert [answer.status_code for answer in claimed] == [404, 404]
    assert comparable(claimed[0]) == comparable(claimed[1])


@pytest.mark.parametrize("operation", ABOUT_ONE)
def test_the_time_of_a_refusal_reveals_nothing(stack: Stack, other: Target, operation: str) -> None:
    """Medians of interleaved requests. A difference that is not noise would show in every one of the attempts."""
    caller = Caller(stack, "customer", scope=ALL_SCOPES, account_id=new_account(), supply_points=[])
    target = absent()
    differences = []
    for _ in range(4):
        times: dict[Target, list[float]] = {other: [], target: []}
        for _ in range(25):
            for asked, taken in times.items():
                began = time.perf_counter()
                send(caller.http, ROUTES[operation], asked)
                taken.append(time.perf_counter() - began)
        there, not_there = (statistics.median(taken) for taken in times.values())
        differences.append(abs(there - not_there) / min(there, not_there))
        if differences[-1] < 0.15:
            return
    pytest.fail(f"refusals differ in time by {differences}")


def without_scope(manifest: dict[str, Any]) -> None:
    del manifest["trigger"]["http"][0]["scope"]


def without_a_route(manifest: dict[str, Any]) -> None:
    del manifest["trigger"]["http"][0]


def with_an_unknown_route(manifest: dict[str, Any]) -> None:
    manifest["trigger"]["http"].append({**manifest["trigger"]["http"][0], "operation": "getMore", "path": "/v1/more"})


@pytest.mark.parametrize(
    ("change", "environment", "reason"),
    [
        pytest.param(without_scope, {}, "scope", id="a route without a scope"),
        pytest.param(without_a_route, {}, "getRegistration", id="an operation without a route"),
        pytest.param(with_an_unknown_route, {}, "getMore", id="a route without an operation"),
        pytest.param(lambda _: None, {"PSR_TOKEN_ISSUER": ""}, "PSR_TOKEN_ISSUER", id="no issuer to check tokens of"),
    ],
)
def test_a_function_that_could_forget_to_check_does_not_start(
    stack: Stack, tmp_path: Path, change: Callable[[dict[str, Any]], None], environment: dict[str, str], reason: str
) -> None:
    folder = tmp_path / "lookup"
    shutil.copytree(FUNCTIONS / "lookup", folder)
    manifest = yaml.safe_load((folder / "function.yaml").read_text())
    change(manifest)
    (folder / "function.yaml").write_text(yaml.safe_dump(manifest))
    child = starting(stack, folder, tmp_path, environment)
    try:
        with pytest.raises(CommandError, match="ended at its start"):
            child.wait_until_ready()
    finally:
        child.end()
    assert reason in (tmp_path / "log").read_text()
