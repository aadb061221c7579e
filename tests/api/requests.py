"""A good request for each operation of the API."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx

from shared.runtime.manifest import PUBLIC, Route, read_manifests
from tools.api_client import PATCH
from tools.places import FUNCTIONS
from tools.synthetic import new_account, new_mpan, registration

#: All operations but the public ones, which have no caller.
ROUTES = {
    route.operation: route
    for manifest in read_manifests(FUNCTIONS).values()
    for route in manifest.trigger.http or []
    if route.scope != PUBLIC
}


class Target(NamedTuple):
    """The subject of a request, which exists or does not."""

    registration_id: str
    account_id: str
    mpan: str


#: Premises that only the registrations of these tests have.
PREMISES = {"address_lines": ["1 Test Street"], "postcode": "HU1 2AB"}

#: An attempt about the need with an end of `tools.synthetic.registration`.
ATTEMPT = {
    "work": "need_ending",
    "due_on": "2099-01-31",
    "channel": "phone",
    "outcome": "no_answer",
    "by": "agent-17",
}

#: A good request of each operation about a target: body and headers.
REQUESTS: dict[str, Callable[[Target], dict[str, Any]]] = {
    "createRegistration": lambda t: {"json": registration(account_id=t.account_id)},
    "amendRegistration": lambda _: {"json": {}, "headers": {"If-Match": '"1"', "Content-Type": PATCH}},
    "withdrawRegistration": lambda _: {"json": {"reason": "asked"}, "headers": {"If-Match": '"1"'}},
    "getRegistration": lambda _: {},
    "lookUpRegistration": lambda t: {"json": {"account_id": t.account_id}},
    "batchLookUpRegistrations": lambda t: {"json": {"mpans": [t.mpan]}},
    "searchRegistrations": lambda _: {"json": {"postcode": PREMISES["postcode"]}},
    "listChanges": lambda _: {},
    "listSharing": lambda _: {},
    "recordAttempt": lambda _: {"json": ATTEMPT},
    "listDueWork": lambda _: {"json": {"work": "need_ending", "until": ATTEMPT["due_on"]}},
}


def send(caller: httpx.Client, route: Route, target: Target) -> httpx.Response:
    path = route.path.format(registration_id=target.registration_id)
    return caller.request(route.method, path, **REQUESTS[route.operation](target))


def absent() -> Target:
    return Target(str(uuid.uuid4()), new_account(), new_mpan())
