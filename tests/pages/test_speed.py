"""The time that pages add to the API's, as ratios in one run, so that the machine's load counts on both sides."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import httpx

from tests.pages import desk
from tests.pages.person import ANSWERS, Person
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import registration

ROUNDS = 15
#: The page's own time is less than twice that of its calls.
AT_MOST = 3.0


def test_a_page_takes_less_than_twice_the_time_of_its_calls(stack: Stack) -> None:
    customer, sam, api = Person(stack), desk.agent(stack), Caller(stack, scope=ALL_SCOPES)
    customer.join()
    new = Person(stack)
    new.sign_in()
    one = desk.created(api, registration())
    known, found = f"/v1/registrations/{one['registration_id']}", {"account_id": customer.account_id}
    at, work = f"/desk/registrations/{one['registration_id']}", {"work": "follow_up", "until": "2026-01-01"}
    calls = api.http
    pages: dict[str, tuple[Callable[[], httpx.Response], list[Callable[[], httpx.Response]]]] = {
        "registration": (lambda: customer.get("/registration"), [lambda: api.look_up(**found)]),
        "change": (lambda: customer.get("/change/name"), [lambda: api.look_up(**found)]),
        "question": (
            lambda: new.post("/join/name", ANSWERS["name"]),
            [lambda: calls.post("/v1/registrations", json=registration(sharing=None))],
        ),
        "desk": (
            lambda: sam.get(at),
            [lambda: calls.get(known), lambda: calls.get(f"{known}/sharing"), lambda: calls.get(f"{known}/changes")],
        ),
        "amend": (lambda: sam.get(f"{at}/amend"), [lambda: calls.get(known)]),
        "work": (
            lambda: sam.get("/desk/due/follow_up?until-day=1&until-month=1&until-year=2026"),
            [lambda: api.due_work(**work)],
        ),
    }
    ratios = {name: _ratio(page, made) for name, (page, made) in pages.items()}
    assert {name: ratio for name, ratio in ratios.items() if ratio >= AT_MOST} == {}, ratios


def _ratio(page: Callable[[], Any], calls: list[Callable[[], Any]]) -> float:
    """The page's time ÷ the time of its calls, in turns."""
    spent: dict[str, list[float]] = {"page": [], "calls": []}
    for _ in range(ROUNDS):
        for name, requests in (("page", [page]), ("calls", calls)):
            began = time.perf_counter()
            for request in requests:
                assert request().status_code < 500
            spent[name].append(time.perf_counter() - began)
    return round(median(spent["page"]) / median(spent["calls"]), 2)
