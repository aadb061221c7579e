"""How many calls to Firestore each operation makes: what an answer costs, in time and on the bill."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.requests import ATTEMPT, ROUTES
from tests.support.proxied_stack import ProxiedStack
from tools.api_client import ALL_SCOPES, Caller
from tools.synthetic import new_account, new_mpan, new_mprn, registration

Call = Callable[[Caller, dict[str, Any]], httpx.Response]


def batch_of(count: int) -> Call:
    def call(caller: Caller, submitted: dict[str, Any]) -> httpx.Response:
        unknown = [new_mpan() for _ in range(count - 2)]
        return caller.batch(
            mpans=submitted["supply_points"]["mpans"] + unknown, mprns=submitted["supply_points"]["mprns"]
        )

    return call


def _submission(known: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name != "id"}


#: By case: the operation, its call, its status, and the calls to Firestore by method.
TABLE: dict[str, tuple[str, Call, int, dict[str, int]]] = {
    "create": ("createRegistration", lambda c, _: c.create(registration()), 201, {"Commit": 1}),
    "create with a key": ("createRegistration", lambda c, _: c.create(registration(), "k"), 201, {"Commit": 1}),
    "create again with its key": (
        "createRegistration",
        lambda c, t: c.create(_submission(t), "first"),
        201,
        {"Commit": 1, "BatchGetDocuments": 1},
    ),
    "create what is registered": (
        "createRegistration",
        lambda c, t: c.create(_submission(t)),
        409,
        {"Commit": 1, "BatchGetDocuments": 1},
    ),
    "amend": (
        "amendRegistration",
        lambda c, t: c.amend(t["id"], '"1"', {"needs": [{"code": "08"}]}),
        200,
        {"BatchGetDocuments": 1, "Commit": 1},
    ),
    "amend with a supply point": (
        "amendRegistration",
        lambda c, t: c.amend(t["id"], '"1"', {"supply_points": {"mpans": [new_mpan()], "mprns": [new_mprn()]}}),
        200,
        {"BatchGetDocuments": 1, "Commit": 1},
    ),
    "amend nothing": (
        "amendRegistration",
        lambda c, t: c.amend(t["id"], '"1"', {}),
        200,
        {"BatchGetDocuments": 1, "Commit": 1},
    ),
    "amend a stale version": (
        "amendRegistration",
        lambda c, t: c.amend(t["id"], '"0"', {}),
        412,
        {"BatchGetDocuments": 1},
    ),
    "withdraw": (
        "withdrawRegistration",
        lambda c, t: c.withdraw(t["id"], '"1"'),
        200,
        {"BatchGetDocuments": 1, "Commit": 1},
    ),
    "get": ("getRegistration", lambda c, t: c.get(t["id"]), 200, {"GetDocument": 1}),
    "get unchanged": (
        "getRegistration",
        lambda c, t: c.get(t["id"], **{"If-None-Match": "*"}),
        304,
        {"GetDocument": 1},
    ),
    "look up by account": (
        "lookUpRegistration",
        lambda c, t: c.look_up(account_id=t["account_id"]),
        200,
        {"GetDocument": 1},
    ),
    "look up by MPAN": (
        "lookUpRegistration",
        lambda c, t: c.look_up(mpan=t["supply_points"]["mpans"][0]),
        200,
        {"GetDocument": 2},
    ),
    "look up by MPRN": (
        "lookUpRegistration",
        lambda c, t: c.look_up(mprn=t["supply_points"]["mprns"][0]),
        200,
        {"GetDocument": 2},
    ),
    "look up an unknown account": (
        "lookUpRegistration",
        lambda c, _: c.look_up(account_id=new_account()),
        404,
        {"GetDocument": 1},
    ),
    "look up an unknown MPAN": ("lookUpRegistration", lambda c, _: c.look_up(mpan=new_mpan()), 404, {"GetDocument": 1}),
    "batch of 500 ids": ("batchLookUpRegistrations", batch_of(500), 200, {"BatchGetDocuments": 2}),
    "batch of 1,000 ids": ("batchLookUpRegistrations", batch_of(1000), 200, {"BatchGetDocuments": 3}),
    "search by postcode": ("searchRegistrations", lambda c, _: c.search(postcode="BS1 4DJ"), 200, {"RunQuery": 1}),
    "search by sector": ("searchRegistrations", lambda c, _: c.search(postcode="BS1 4"), 200, {"RunQuery": 1}),
    "record an attempt": (
        "recordAttempt",
        lambda c, t: c.attempt(t["id"], **ATTEMPT),
        200,
        {"BatchGetDocuments": 1, "Commit": 1},
    ),
    "record an attempt about nothing": (
        "recordAttempt",
        lambda c, t: c.attempt(t["id"], **ATTEMPT | {"due_on": "2099-01-30"}),
        422,
        {"BatchGetDocuments": 1},
    ),
    "page of ending needs": (
        "listDueWork",
        lambda c, _: c.due_work(work="need_ending", until="2099-01-31"),
        200,
        {"RunQuery": 1},
    ),
    "page of reviews, of which none is noted": (
        "listDueWork",
        lambda c, _: c.due_work(work="review", until="2099-01-31"),
        200,
        {"RunQuery": 2},
    ),
    "sharing records": (
        "listSharing",
        lambda c, t: c.sharing(t["id"]),
        200,
        {"GetDocument": 1, "RunQuery": 1},
    ),
    "page of a history": ("listChanges", lambda c, t: c.changes(t["id"]), 200, {"RunQuery": 1}),
}


def test_every_operation_has_a_case() -> None:
    assert {operation for operation, *_ in TABLE.values()} == ROUTES.keys()


@pytest.mark.parametrize(("operation", "call", "status", "calls"), TABLE.values(), ids=TABLE.keys())
def test_an_operation_makes_no_more_calls_than_it_needs(
    proxied: ProxiedStack, proxied_agent: Caller, operation: str, call: Call, status: int, calls: dict[str, int]
) -> None:
    submitted = registration()
    submitted_with_id = {**submitted, "id": proxied_agent.create(submitted, "first").json()["registration_id"]}
    proxied_agent.look_up(account_id=new_account())  # the first that a process does not find makes one more call
    proxied.proxy.calls.clear()
    answer = call(proxied_agent, submitted_with_id)
    assert (answer.status_code, dict(proxied.proxy.calls)) == (status, calls)
    path = ROUTES[operation].path.format(registration_id=submitted_with_id["id"])
    assert (answer.request.method, answer.request.url.path) == (ROUTES[operation].method, path)


@pytest.mark.parametrize("registered", [2, pytest.param(25, marks=pytest.mark.soak)])
def test_a_batch_of_1000_ids_makes_a_constant_number_of_calls_however_many_are_registered(
    proxied: ProxiedStack, proxied_agent: Caller, registered: int
) -> None:
    points = [{"mpans": [new_mpan() for _ in range(20)], "mprns": [new_mprn() for _ in range(20)]} for _ in range(25)]
    for some in points[:registered]:
        assert proxied_agent.create(registration(supply_points=some)).status_code == 201
    mpans, mprns = ([number for some in points for number in some[fuel]] for fuel in ("mpans", "mprns"))
    proxied.proxy.calls.clear()
    batch = proxied_agent.batch(mpans=mpans, mprns=mprns)
    assert dict(proxied.proxy.calls) == {"BatchGetDocuments": 3}
    found = [entry.get("mpan") or entry.get("mprn") for entry in batch.json()["found"]]
    assert found == [*mpans[: registered * 20], *mprns[: registered * 20]]
    assert batch.json()["not_found"] == [*mpans[registered * 20 :], *mprns[registered * 20 :]]


def test_a_request_refused_for_its_caller_costs_no_call(proxied: ProxiedStack, proxied_agent: Caller) -> None:
    other = proxied_agent.create(registration()).json()
    customer = Caller(proxied.stack, "customer", account_id=new_account(), supply_points=[], scope=ALL_SCOPES)
    proxied.proxy.calls.clear()
    refused = [
        customer.get(other["registration_id"]),
        customer.look_up(account_id=other["account_id"]),
        customer.look_up(mpan=other["supply_points"]["mpans"][0]),
        customer.amend(other["registration_id"], '"1"', {}),
        customer.withdraw(other["registration_id"], '"1"'),
        customer.attempt(other["registration_id"], **ATTEMPT),
        customer.due_work(work="review", until="2099-01-31"),
        customer.create(registration()),
    ]
    assert [answer.status_code for answer in refused] == [404] * len(refused)
    assert dict(proxied.proxy.calls) == {}
