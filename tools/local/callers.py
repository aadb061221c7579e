"""The frontends of the tour: an agent and a customer call the HTTP API through the front door."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import NamedTuple
from uuid import uuid4

import httpx

from tools.errors import CommandError
from tools.local.sample import Record, recipient_of, registration
from tools.local.stack import Stack
from tools.synthetic import consent

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


class Ask(NamedTuple):
    """A request to the API."""

    method: str
    path: str
    body: Record | None = None
    headers: Mapping[str, str] = {}


class Caller:
    """A holder of a token. Waits for a function that is starting, as a good client does."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30)

    def call(self, ask: Ask) -> httpx.Response:
        """The final answer; every attempt has the same Idempotency-Key. Raises `CommandError` if none comes in time."""
        media_type = "application/merge-patch+json" if ask.method == "PATCH" else "application/json"
        headers = {"Content-Type": media_type, "Idempotency-Key": str(uuid4()), **ask.headers}
        content = json.dumps(ask.body) if ask.body is not None else None
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                answer = self._client.request(ask.method, ask.path, content=content, headers=headers)
                if answer.status_code not in _TRY_AGAIN:
                    return answer
            time.sleep(_PAUSE_SECONDS)
        raise CommandError(f"{ask.method} {ask.path} was not answered in {_PATIENCE_SECONDS:.0f} s")


def register_customers(stack: Stack, day: date) -> list[Record]:
    """Register customers who are not in the migration; the answers. Raises `CommandError` if one is refused."""
    agent = Caller(stack.url, stack.token("agent"))
    answers = [agent.call(_register(_customer(number, day))) for number in range(REGISTERED)]
    if refused := [answer.status_code for answer in answers if answer.status_code != httpx.codes.CREATED]:
        raise CommandError(f"{len(refused)} registrations were refused, the first with status {refused[0]}")
    return [answer.json() for answer in answers]


def show_the_rules(stack: Stack, day: date, registered: list[Record]) -> list[Step]:
    """Check repeats, conflicts, mistakes, and callers without a right."""
    first, other = registered[0], registered[1]
    mpan, mprn = first["supply_points"]["mpans"][0], first["supply_points"]["mprns"][0]
    agent = Caller(stack.url, stack.token("agent"))
    customer = Caller(stack.url, stack.token("customer", account_id=first["account_id"]))
    network = Caller(stack.url, stack.token("network", mpids=[recipient_of(mpan)]))
    nobody = Caller(stack.url)
    new = _customer(REGISTERED, day)
    taken = {**_customer(REGISTERED + 1, day), "supply_points": first["supply_points"]}
    mistyped = {**new, "supply_points": {"mpans": [mpan[:-1] + "x"]}}
    key = {"Idempotency-Key": str(uuid4())}
    steps = [
        (agent, "an agent registers a customer", 201, _register(new, key)),
        (agent, "… the answer gets lost, the request is repeated", 201, _register(new, key)),
        (agent, "… registers the same account again", 409, _register(new)),
        (agent, "… takes a supply point of another customer", 409, _register(taken)),
        (agent, "… mistypes an MPAN", 422, _register(mistyped)),
        (agent, "… looks a customer up by account", 200, _lookup(account_id=first["account_id"])),
        (agent, "… looks a customer up by MPAN", 200, _lookup(mpan=mpan)),
        (agent, "… looks a customer up by MPRN", 200, _lookup(mprn=mprn)),
        (customer, "a customer reads their own registration", 200, Ask("GET", _path(first))),
        (customer, "… amends it", 200, _amend(first, communication_format="large_print")),
        (customer, "… amends it from a page that is out of date", 412, _amend(first, language="cy")),
        (customer, "… reads another customer's", 404, Ask("GET", _path(other))),
        (agent, "an agent reads what has changed", 200, Ask("GET", f"{_path(first)}/changes")),
        (agent, "… lists the reviews that are due", 200, _due_reviews(day)),
        (agent, "… records that a customer did not answer", 200, _attempt(other)),
        (customer, "a customer records an attempt to contact them", 404, _attempt(first)),
        (network, "a network operator asks for its own supply points", 200, _batch(mpan)),
        (nobody, "somebody without a token reads a registration", 401, Ask("GET", _path(first))),
    ]
    return [Step(what, expected, caller.call(ask).status_code) for caller, what, expected, ask in steps]


def _customer(number: int, day: date) -> Record:
    """A customer who consents by phone, as the API asks for it."""
    return {**registration(number, day), "sharing": consent(day.isoformat())}


def _register(record: Record, headers: Mapping[str, str] = {}) -> Ask:
    return Ask("POST", "/v1/registrations", record, headers)


def _amend(registered: Record, **services: str) -> Ask:
    """By who has seen the first version."""
    return Ask("PATCH", _path(registered), {"services": services}, {"If-Match": '"1"'})


def _due_reviews(day: date) -> Ask:
    return Ask("POST", "/v1/registrations:dueWork", {"work": "review", "until": day.isoformat()})


def _attempt(registered: Record) -> Ask:
    """About the review of a registration."""
    attempt = {"work": "review", "due_on": registered["review_due_on"], "channel": "phone"}
    return Ask("POST", f"{_path(registered)}/attempts", {**attempt, "outcome": "no_answer", "by": "agent-17"})


def _lookup(**key: str) -> Ask:
    return Ask("POST", "/v1/registrations:lookup", key)


def _batch(mpan: str) -> Ask:
    return Ask("POST", "/v1/registrations:batchLookup", {"mpans": [mpan]})


def _path(registered: Record) -> str:
    return f"/v1/registrations/{registered['registration_id']}"
