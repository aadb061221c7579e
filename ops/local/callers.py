"""What frontends do in the tour: an agent and a customer at the HTTP API, through the front door."""

import time
from datetime import date
from typing import Any, NamedTuple
from uuid import uuid4

import httpx

from ops.errors import CommandError
from ops.local.sample import Record, mpan, registration
from ops.local.stack import Stack

REGISTERED = 10
#: Answers that mean: the same request can be sent again (with the same Idempotency-Key).
_TRY_AGAIN = (502, 503)
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.25


class Step(NamedTuple):
    """A request, and whether its answer is the one that the API promises."""

    what: str
    expected: int
    status: int


class Caller:
    """A holder of a token. Waits for a function that is starting, as a good client does."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30)

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        """The final answer. Raises `CommandError` if there is none in time."""
        headers = {"Idempotency-Key": key} if key else {}
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            try:
                answer = self._client.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                time.sleep(_PAUSE_SECONDS)
                continue
            if answer.status_code not in _TRY_AGAIN:
                return answer
            time.sleep(_PAUSE_SECONDS)
        raise CommandError(f"{method} {path} was not answered in {_PATIENCE_SECONDS:.0f} s")


def register_customers(stack: Stack, day: date) -> list[Record]:
    """Register customers who are not in the migration; the answers. Raises `CommandError` if one is refused."""
    agent = Caller(stack.url, stack.token("agent"))
    answers = [
        agent.call("POST", "/v1/registrations", registration(number, day), str(uuid4())) for number in range(REGISTERED)
    ]
    if refused := [answer.status_code for answer in answers if answer.status_code != httpx.codes.CREATED]:
        raise CommandError(f"{len(refused)} registrations were refused, the first with status {refused[0]}")
    return [answer.json() for answer in answers]


def show_the_rules(stack: Stack, day: date, registered: list[Record]) -> list[Step]:
    """What the API promises for repeats, clashes, mistakes, and people who may not know."""
    first, other = registered[0], registered[1]
    agent = Caller(stack.url, stack.token("agent"))
    customer = Caller(stack.url, stack.token("customer", account_id=first["account_id"]))
    new = registration(REGISTERED, day)
    taken = {**registration(REGISTERED + 1, day), "supply_points": first["supply_points"]}
    mistyped = {**new, "supply_points": {"mpans": [mpan("10", 1)[:-1] + "x"]}}
    key = str(uuid4())
    return [
        _step(agent, "an agent registers a customer", 201, "POST", "/v1/registrations", new, key),
        _step(agent, "… the answer gets lost, the request is repeated", 201, "POST", "/v1/registrations", new, key),
        _step(agent, "… registers the same account again", 409, "POST", "/v1/registrations", new),
        _step(agent, "… takes a supply point of another customer", 409, "POST", "/v1/registrations", taken),
        _step(agent, "… mistypes an MPAN", 422, "POST", "/v1/registrations", mistyped),
        _step(agent, "… reads a registration", 200, "GET", _path(first)),
        _step(agent, "… looks one up by account", 200, *_lookup("account_id", first["account_id"])),
        _step(agent, "… looks one up by MPAN", 200, *_lookup("mpan", first["supply_points"]["mpans"][0])),
        _step(agent, "… looks one up by MPRN", 200, *_lookup("mprn", first["supply_points"]["mprns"][0])),
        _step(customer, "a customer reads their own registration", 200, "GET", _path(first)),
        _step(customer, "… another customer's", 404, "GET", _path(other)),
        _step(Caller(stack.url), "somebody without a token", 401, "GET", _path(first)),
    ]


def _step(caller: Caller, what: str, expected: int, *call: Any) -> Step:
    return Step(what, expected, caller.call(*call).status_code)


def _path(registered: Record) -> str:
    return f"/v1/registrations/{registered['registration_id']}"


def _lookup(name: str, value: str) -> tuple[str, str, Record]:
    return "POST", "/v1/registrations:lookup", {name: value}
