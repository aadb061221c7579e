"""Clients that change one record at the same time: no update is lost, and none is invented."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import new_mpan, registration


def count_up(caller: Caller, registration_id: str, times: int) -> int:
    """Read the count in the contact's name, write one more, `times` times; how often somebody else was faster."""
    stale = 0
    for _ in range(times):
        while True:
            read = caller.get(registration_id)
            count = int(read.json()["primary_contact"]["name"])
            patch = {"primary_contact": {"name": str(count + 1)}}
            written = caller.amend(registration_id, read.headers["ETag"], patch)
            if written.status_code == 200:
                break
            assert written.status_code == 412
            stale += 1
    return stale


@pytest.mark.parametrize("times", [15, pytest.param(200, marks=pytest.mark.soak)])
def test_two_clients_amending_one_record_lose_no_update_and_invent_none(stack: Stack, times: int) -> None:
    callers = [Caller(stack, sub=f"client-{number}", scope=ALL_SCOPES) for number in range(2)]
    submitted = registration(primary_contact={"name": "0"})
    registration_id = callers[0].create(submitted).json()["registration_id"]
    with ThreadPoolExecutor(2) as pool:
        stale = list(pool.map(lambda caller: count_up(caller, registration_id, times), callers))

    assert callers[0].get(registration_id).json()["primary_contact"]["name"] == str(2 * times)
    entries, token = [], None
    while True:
        page = callers[0].changes(registration_id, page_size=100, **({"page_token": token} if token else {})).json()
        entries += page["changes"]
        if (token := page["next_page_token"]) is None:
            break
    submission_of = [(entry["version"], int(entry["registration"]["primary_contact"]["name"])) for entry in entries]
    assert submission_of == [(count + 1, count) for count in range(2 * times + 1)]
    for number, caller_stale in enumerate(stale):
        made = [entry for entry in entries[1:] if entry["actor"] == f"client-{number}"]
        assert len(made) == times, f"client {number} met {caller_stale} stale versions"


def test_of_many_who_want_one_supply_point_exactly_one_gets_it(stack: Stack) -> None:
    caller = Caller(stack, scope=ALL_SCOPES)
    wanted = {"mpans": [new_mpan()]}
    bodies = [registration(supply_points=wanted) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(caller.create, bodies))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    (winner,) = (answer.json()["registration_id"] for answer in answers if answer.status_code == 201)
    assert caller.look_up(mpan=wanted["mpans"][0]).json()["registration_id"] == winner


def test_one_request_sent_many_times_at_once_is_stored_once(stack: Stack) -> None:
    caller = Caller(stack, scope=ALL_SCOPES)
    submitted = registration()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: caller.create(submitted, "one-key"), range(8)))
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert len(caller.changes(answers[0].json()["registration_id"]).json()["changes"]) == 1
