"""Contact attempts and work lists over HTTP: what an agents' desk records and sees."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from shared.clock import london_day
from tests.api.requests import ATTEMPT
from tests.support.push import Push
from tools.api_client import Caller
from tools.local.stack import Stack
from tools.synthetic import event, new_account, registration


def tomorrow(stack: Stack) -> str:
    return (london_day(stack.clock.now()) + timedelta(days=1)).isoformat()


def ending(stack: Stack, **changes: Any) -> dict[str, Any]:
    """A submission with a need that ends tomorrow, and another that lasts."""
    return registration(needs=[{"code": "33", "ends_on": tomorrow(stack)}, {"code": "08"}], **changes)


def about(stack: Stack, **changes: Any) -> dict[str, Any]:
    """An attempt about that need."""
    return {**ATTEMPT, "due_on": tomorrow(stack), **changes}


def work_of(agent: Caller, registration_id: str, **query: Any) -> list[dict[str, Any]]:
    """The items about a registration in a whole work list, in pages of seven."""
    found, token = [], None
    while True:
        page = agent.due_work(**query, page_size=7, **({"page_token": token} if token else {})).json()
        found += [item for item in page["items"] if item["registration_id"] == registration_id]
        token = page["next_page_token"]
        if token is None:
            return found


def test_an_attempt_is_on_the_registration_and_in_its_history(stack: Stack, agent: Caller) -> None:
    registration_id = agent.create(ending(stack)).json()["registration_id"]
    answer = agent.attempt(registration_id, **about(stack), key="first")
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    (campaign,) = answer.json()["campaigns"]
    (attempt,) = campaign["attempts"]
    assert {name: attempt[name] for name in ATTEMPT} == about(stack)
    assert (campaign["state"], campaign["due_on"]) == ("open", tomorrow(stack))

    repeated = agent.attempt(registration_id, **about(stack), key="first")
    assert (repeated.json(), repeated.headers["Idempotent-Replayed"]) == (answer.json(), "true")
    assert agent.attempt(registration_id, **about(stack, channel="letter"), key="first").status_code == 422

    first, second = agent.changes(registration_id).json()["changes"]
    assert (first["attempt"], second["kind"], second["attempt"]) == (None, "contacted", attempt)
    assert agent.get(registration_id).json() == answer.json()


def test_the_work_list_shows_what_to_do_now(stack: Stack, agent: Caller) -> None:
    created = agent.create(ending(stack)).json()
    registration_id, until = created["registration_id"], tomorrow(stack)
    query = {"work": "need_ending", "until": until}
    (item,) = work_of(agent, registration_id, **query)
    assert item == {
        "registration_id": registration_id,
        "account_id": created["account_id"],
        "status": "active",
        "work": "need_ending",
        "due_on": until,
        "contact": created["primary_contact"],
        "alternate_contact": created["alternate_contact"],
        "communication_format": "large_print",
        "language": "cy",
        "needs": created["needs"],
        "campaign": None,
    }

    campaigns = agent.attempt(registration_id, **about(stack)).json()["campaigns"]
    assert work_of(agent, registration_id, **query) == []
    later = campaigns[0]["next_attempt_on"]
    assert [item["campaign"] for item in work_of(agent, registration_id, **query | {"until": later})] == campaigns

    for channel in ("text", "visit"):
        agent.attempt(registration_id, **about(stack, channel=channel))
    assert work_of(agent, registration_id, **query) == []
    (escalated,) = work_of(agent, registration_id, **query, escalated=True)
    assert (escalated["campaign"]["state"], len(escalated["campaign"]["attempts"])) == ("escalated", 3)
    assert agent.get(registration_id).json()["warnings"] == [{"pointer": "/campaigns/0", "code": "nobody_reached"}]

    agent.attempt(registration_id, **about(stack, outcome="confirmed"))
    assert work_of(agent, registration_id, **query, escalated=True) == []
    assert work_of(agent, registration_id, **query | {"until": later}) == []
    assert agent.get(registration_id).json()["warnings"] == []


def test_a_need_is_listed_although_an_earlier_end_is_settled(stack: Stack, agent: Caller) -> None:
    first, second = tomorrow(stack), str(london_day(stack.clock.now()) + timedelta(days=2))
    needs = [{"code": "33", "ends_on": first}, {"code": "32", "ends_on": second}]
    registration_id = agent.create(registration(needs=needs)).json()["registration_id"]
    query = {"work": "need_ending", "until": second}
    agent.attempt(registration_id, **about(stack, outcome="confirmed"))
    assert [(item["due_on"], item["campaign"]) for item in work_of(agent, registration_id, **query)] == [(second, None)]
    assert work_of(agent, registration_id, **query | {"until": first}) == []

    for channel in ("phone", "text", "visit"):
        agent.attempt(registration_id, **about(stack, due_on=second, channel=channel))
    (escalated,) = work_of(agent, registration_id, **query, escalated=True)
    assert (escalated["due_on"], escalated["campaign"]["state"]) == (second, "escalated")
    assert agent.get(registration_id).json()["warnings"] == [{"pointer": "/campaigns/1", "code": "nobody_reached"}]
    agent.attempt(registration_id, **about(stack, due_on=second, outcome="confirmed"))
    assert work_of(agent, registration_id, **query) == []


def test_a_follow_up_is_listed_until_the_needs_are_known(stack: Stack, agent: Caller) -> None:
    created = agent.create(registration(status="pending", needs=[])).json()
    registration_id, due_on = created["registration_id"], created["follow_up_on"]
    query = {"work": "follow_up", "until": due_on}
    assert [item["due_on"] for item in work_of(agent, registration_id, **query)] == [due_on]
    assert work_of(agent, registration_id, work="follow_up", until=tomorrow(stack)) == []
    agent.attempt(registration_id, **about(stack, work="follow_up", due_on=due_on, outcome="reached"))
    agent.amend(registration_id, '"2"', {"needs": [{"code": "08"}]})
    assert work_of(agent, registration_id, **query) == []


def test_a_confirmed_review_moves_the_next_one(stack: Stack, agent: Caller) -> None:
    created = agent.create(registration()).json()
    registration_id, due_on = created["registration_id"], created["review_due_on"]
    at = stack.clock.now().astimezone(UTC).isoformat()
    moved = agent.attempt(registration_id, **about(stack, work="review", due_on=due_on, outcome="confirmed", at=at))
    assert moved.json()["review_due_on"] == due_on  # the same day: it was registered today
    assert [campaign["state"] for campaign in moved.json()["campaigns"]] == ["settled"]


async def test_a_message_records_an_attempt_once_and_waits_for_its_account(
    stack: Stack, agent: Caller, push: Push
) -> None:
    account, at = new_account(), (stack.clock.now().astimezone(UTC) + timedelta(minutes=1)).replace(microsecond=0)
    data = {"work": "review", "due_on": "2028-10-01", "channel": "letter", "outcome": "message_left", "by": "post-room"}
    message = event("customer.contact_attempted", account, at, "//dialler", f"{account}-1", data)
    assert push("consume_account_events", message) == 204
    registration_id = agent.create(registration(account_id=account)).json()["registration_id"]
    for _ in range(2):
        assert push("consume_account_events", message) == 204
    stored = agent.get(registration_id).json()
    assert (stored["version"], stored["campaigns"]) == (
        2,
        [
            {
                "work": "review",
                "due_on": "2028-10-01",
                "state": "open",
                "next_attempt_on": (london_day(at) + timedelta(days=7)).isoformat(),
                "attempts": [{**data, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}],
            }
        ],
    )


def test_an_attempt_on_a_registration_that_is_not_live_is_409(stack: Stack, agent: Caller) -> None:
    registration_id = agent.create(ending(stack)).json()["registration_id"]
    agent.withdraw(registration_id, '"1"')
    refused = agent.attempt(registration_id, **about(stack))
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-live")


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        pytest.param({"work": "sales"}, "/work", "unknown_value", id="another work"),
        pytest.param({"channel": None}, "/channel", "unknown_value", id="no channel"),
        pytest.param({"outcome": "gone"}, "/outcome", "unknown_value", id="another outcome"),
        pytest.param({"by": "Mrs A Example"}, "/by", "staff_id_malformed", id="a name"),
        pytest.param({"due_on": "2099-01-30"}, "/due_on", "not_due", id="not due"),
        pytest.param({"at": "2026-11-23T09:00:00"}, "/at", "time_malformed", id="no time zone"),
        pytest.param({"at": "2099-01-01T00:00:00Z"}, "/at", "time_in_future", id="in the future"),
        pytest.param({"at": "0001-01-01T00:00:00+14:00"}, "/at", "before_registration", id="the year 1"),
        pytest.param({"note": "angry"}, "/note", "unknown_field", id="free text"),
    ],
)
def test_an_attempt_that_cannot_be_is_422(agent: Caller, changes: dict[str, Any], pointer: str, code: str) -> None:
    registration_id = agent.create(registration()).json()["registration_id"]
    refused = agent.attempt(registration_id, **{**ATTEMPT, **changes})
    errors = [(error["pointer"], error["code"]) for error in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])
    assert agent.get(registration_id).json()["version"] == 1


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        pytest.param({"work": "sales", "until": "2026-12-01"}, "/work", "unknown_value", id="another work"),
        pytest.param({"work": "review"}, "/until", "missing", id="no date"),
        pytest.param({"work": "review", "until": "2026-13-01"}, "/until", "date_malformed", id="no day"),
        pytest.param(
            {"work": "review", "until": "2026-12-01", "page_size": 101}, "/page_size", "out_of_range", id="101"
        ),
        pytest.param(
            {"work": "review", "until": "2026-12-01", "page_token": "x"}, "/page_token", "page_token", id="a token"
        ),
    ],
)
def test_a_work_list_that_cannot_be_is_422(agent: Caller, query: dict[str, Any], pointer: str, code: str) -> None:
    refused = agent.due_work(**query)
    errors = [(error["pointer"], error["code"]) for error in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(pointer, code)])


def test_a_page_token_of_another_list_is_refused(stack: Stack, agent: Caller) -> None:
    for _ in range(2):
        agent.create(ending(stack))
    query = {"work": "need_ending", "until": tomorrow(stack), "page_size": 1}
    token = agent.due_work(**query).json()["next_page_token"]
    assert agent.due_work(**query, page_token=token).status_code == 200
    refused = agent.due_work(**query, page_token=token, escalated=True)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/page_token")


@pytest.mark.parametrize(
    ("service", "pointer", "code"),
    [
        pytest.param(
            {"service": "tea", "offered_on": "2026-01-01"}, "/0/service", "unknown_value", id="another service"
        ),
        pytest.param({"service": "braille"}, "/0/declined_on", "service_date_missing", id="no date"),
        pytest.param({"service": "braille", "offered_on": "2099-01-01"}, "/0/offered_on", "date_in_future", id="ahead"),
        pytest.param(
            {"service": "braille", "offered_on": "2026-01-02", "delivered_on": "2026-01-01"},
            "/0/delivered_on",
            "dates_out_of_order",
            id="out of order",
        ),
    ],
)
def test_a_service_that_cannot_be_is_422(agent: Caller, service: dict[str, str], pointer: str, code: str) -> None:
    refused = agent.create(registration(services={"arranged": [service]}))
    errors = [(error["pointer"], error["code"]) for error in refused.json()["errors"]]
    assert (refused.status_code, errors) == (422, [(f"/services/arranged{pointer}", code)])
