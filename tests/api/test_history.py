"""The history of a registration: every change, by version, newest last."""

import uuid

import pytest

from tools.api_client import Caller
from tools.synthetic import registration


def test_an_entry_has_the_outcome_of_a_request_its_actor_and_the_registration_after(agent: Caller) -> None:
    created = agent.create(registration(), key=str(uuid.uuid4())).json()
    amended = agent.amend(created["registration_id"], '"1"', {"needs": [{"code": "08"}]}).json()
    page = agent.changes(created["registration_id"]).json()
    for answer in (created, amended):
        answer.pop("protections")  # computed for a day, never stored
    assert page["next_page_token"] is None
    first, second = page["changes"]
    assert first == {
        "change_id": first["change_id"],
        "kind": "registered",
        "version": 1,
        "actor": "local-agent",
        "source": "http",
        "event_id": None,
        "event_time": first["event_time"],
        "recorded_at": created["created_at"],
        "day": created["created_at"][:10],
        "reason": None,
        "attempt": None,
        "registration": created,
    }
    assert (second["kind"], second["version"], second["registration"]) == ("amended", 2, amended)


def test_a_long_history_comes_in_pages_and_loses_nothing(agent: Caller) -> None:
    registration_id = agent.create(registration()).json()["registration_id"]
    for version in range(1, 6):
        agent.amend(registration_id, f'"{version}"', {"primary_contact": {"name": f"Mrs A Example {version}"}})
        agent.amend(registration_id, f'"{version + 1}"', {})
    entries, token = [], None
    while True:
        page = agent.changes(registration_id, page_size=4, **({"page_token": token} if token else {})).json()
        entries += [(entry["version"], entry["kind"]) for entry in page["changes"]]
        token = page["next_page_token"]
        if token is None:
            break
    expected = [(1, "registered")]
    for version in range(2, 7):
        expected += [(version, "amended"), (version, "no_change")]
    assert entries == expected


def test_a_page_token_of_another_registration_is_refused(agent: Caller) -> None:
    ids = [agent.create(registration()).json()["registration_id"] for _ in range(2)]
    for registration_id in ids:
        agent.amend(registration_id, '"1"', {})
    token = agent.changes(ids[0], page_size=1).json()["next_page_token"]
    assert agent.changes(ids[0], page_size=1, page_token=token).status_code == 200
    refused = agent.changes(ids[1], page_size=1, page_token=token)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "page_token")


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=ten", "page_size"),
        ("offset=3", "offset"),
        ("page_size=1&page_size=2", ""),
        ("page_token=x", "page_token"),
    ],
)
def test_a_parameter_that_cannot_be_is_400(agent: Caller, query: str, pointer: str) -> None:
    registration_id = agent.create(registration()).json()["registration_id"]
    refused = agent.http.get(f"/v1/registrations/{registration_id}/changes?{query}")
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/malformed-parameter")
    assert [error["pointer"] for error in refused.json()["errors"]] == [pointer]


def test_an_account_that_was_never_registered_has_no_history(agent: Caller) -> None:
    missing = agent.changes(str(uuid.uuid4()))
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
