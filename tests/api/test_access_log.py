"""The access log has one entry for each answer that shows registrations, and for each refusal."""

import json
import secrets
from typing import Any

import httpx
import pytest

from shared.http.api import Answer
from shared.log import ACCESS_LOG
from tests.api.requests import PREMISES, REQUESTS, ROUTES, Target, absent, send
from tools.api_client import ALL_SCOPES, Caller
from tools.local.log_lines import entries
from tools.local.stack import Stack
from tools.places import ROOT
from tools.synthetic import new_account, registration


class Traced:
    """A caller at the front door each of whose requests has a trace of its own."""

    def __init__(self, stack: Stack, kind: str = "agent", **claims: Any) -> None:
        self._stack = stack
        self.http = Caller(stack, kind, **{"scope": ALL_SCOPES, **claims}).http

    def send(self, operation: str, target: Target) -> httpx.Response:
        self.http.headers["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        return send(self.http, ROUTES[operation], target)

    def access(self) -> list[dict[str, Any]]:
        """The access log's entries of the last request, less what every entry has."""
        trace = self.http.headers["traceparent"].split("-")[1]
        events = {event.name for event in ACCESS_LOG}
        found = [e for e in entries(self._stack.logs, ["lookup", "register"]) if e["event"] in events]
        return [
            {name: value for name, value in e.items() if name not in ("severity", "message") and "google" not in name}
            for e in found
            if trace in e["logging.googleapis.com/trace"]
        ]


@pytest.fixture
def agent(stack: Stack) -> Traced:
    return Traced(stack)


@pytest.fixture
def target(agent: Traced) -> Target:
    submitted = registration(premises=PREMISES)
    created = agent.http.post("/v1/registrations", json=submitted).json()
    return Target(created["registration_id"], submitted["account_id"], submitted["supply_points"]["mpans"][0])


SHOWN = {
    "createRegistration": "registration_and_password",
    "amendRegistration": "registration_and_password",
    "withdrawRegistration": "registration_and_password",
    "getRegistration": "registration_and_password",
    "lookUpRegistration": "registration_and_password",
    "batchLookUpRegistrations": "summary",
    "searchRegistrations": "summary",
    "listChanges": "history_and_password",
    "listSharing": "history",
    "recordAttempt": "registration_and_password",
    "listDueWork": "summary",
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_each_answer_leaves_one_entry(agent: Traced, target: Target, operation: str) -> None:
    answer = agent.send(operation, absent() if operation == "createRegistration" else target)
    assert answer.status_code in (200, 201)
    shown = answer.json()
    found = (
        shown.get("found")
        or shown.get("registrations")
        or shown.get("items")
        or [{"registration_id": target.registration_id}]
    )
    ids = sorted({one["registration_id"] for one in found})
    if operation == "createRegistration":
        ids = [shown["registration_id"]]
    assert agent.access() == [
        {
            "event": "REGISTRATIONS_READ",
            "operation": operation,
            "caller": "local-agent",
            "caller_group": "c3",
            "caller_kind": "agent",
            "purpose": "not_given",
            "shown": SHOWN[operation],
            "registrations": len(ids),
            "registration_ids": ids,
        }
    ]


@pytest.mark.parametrize("operation", REQUESTS)
def test_each_refusal_for_lack_of_a_scope_leaves_one_entry(stack: Stack, target: Target, operation: str) -> None:
    caller = Traced(stack, scope="psr:caller_password", sub="backend-7")
    assert caller.send(operation, target).status_code == 403
    by_path = "{registration_id}" in ROUTES[operation].path
    assert caller.access() == [
        {
            "event": "ACCESS_REFUSED",
            "operation": operation,
            "caller": "backend-7",
            "caller_kind": "agent",
            "problem": "insufficient-scope",
            "registration_ids": [target.registration_id] if by_path else [],
        }
    ]


@pytest.mark.parametrize("operation", ["getRegistration", "lookUpRegistration", "listChanges", "amendRegistration"])
def test_a_customer_who_asks_for_anothers_leaves_an_entry_that_names_it(
    stack: Stack, target: Target, operation: str
) -> None:
    caller = Traced(stack, "customer", account_id=new_account(), sub="customer-9")
    assert caller.send(operation, target).status_code == 404
    (entry,) = caller.access()
    assert (entry["event"], entry["caller"], entry["caller_kind"], entry["problem"], entry["registration_ids"]) == (
        *("ACCESS_REFUSED", "customer-9", "customer", "not-found"),
        [target.registration_id],
    )


def test_a_caller_without_a_token_leaves_an_entry(stack: Stack, target: Target) -> None:
    caller = Traced(stack)
    del caller.http.headers["Authorization"]
    assert caller.send("getRegistration", target).status_code == 401
    assert caller.access() == [
        {
            "event": "ACCESS_REFUSED",
            "operation": "getRegistration",
            "problem": "unauthenticated",
            "registration_ids": [target.registration_id],
        }
    ]


@pytest.mark.parametrize(
    ("headers", "status", "purpose"),
    [
        pytest.param({}, 200, "not_given", id="nothing said"),
        pytest.param({"Psr-Purpose": "outage"}, 200, "outage", id="one of the list"),
        pytest.param({"Psr-Purpose": "Mrs A Example"}, 400, None, id="free text is refused, not logged"),
    ],
)
def test_the_purpose_is_one_of_a_list(
    agent: Traced, target: Target, headers: dict[str, str], status: int, purpose: str | None
) -> None:
    agent.http.headers.update(headers)
    assert agent.send("getRegistration", target).status_code == status
    assert [entry["purpose"] for entry in agent.access()] == ([purpose] if purpose else [])


def test_an_answer_cannot_be_made_without_saying_what_it_shows() -> None:
    with pytest.raises(TypeError, match="shown"):
        Answer(200, "{}")  # type: ignore[call-arg]


def test_terraform_keeps_exactly_the_access_log_in_its_own_bucket() -> None:
    names = " OR ".join(json.dumps(event.name) for event in ACCESS_LOG)
    escaped = f"jsonPayload.event=({names})".replace('"', '\\"')
    assert escaped in (ROOT / "terraform" / "logging.tf").read_text()
