"""Faults in the middle of a form: nothing that was typed is lost, and nothing is stored twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from html import unescape
from typing import Any

import jwt
import pytest

from functions.pages.session import Cookies
from functions.pages.words import WORDS
from shared.clock import LONDON
from tests.pages.person import ANSWERS, Person, hidden
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import registration

WORDS_EN = WORDS["en"]
ANN = "Ann O'Example"


@pytest.fixture(scope="module")
def agent(stack: Stack) -> Caller:
    return Caller(stack, scope=ALL_SCOPES)


@pytest.fixture
def person(stack: Stack) -> Person:
    person = Person(stack)
    person.sign_in()
    return person


@contextmanager
def without(stack: Stack, function: str) -> Iterator[None]:
    """A function of the API is away."""
    stack.kill(function)
    try:
        yield
    finally:
        stack.restart(function)


def test_a_double_submit_registers_once(stack: Stack, person: Person, agent: Caller) -> None:
    form = hidden(person.answer_all().text)
    cookies, token = dict(person.cookies), person.form_token

    def submit(_: int) -> tuple[int, str]:
        twin = Person(stack)
        twin.cookies = dict(cookies)
        answer = twin.post("/join/check", form, token=token)
        return answer.status_code, answer.headers.get("location", "")

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(submit, range(4)))
    assert answers == {(303, "/join/done")}
    stored = agent.look_up(account_id=person.account_id).json()
    changes = agent.changes(stored["registration_id"]).json()["changes"]
    assert [change["kind"] for change in changes] == ["registered"]
    assert person.post("/join/check", form).headers["location"] == "/join/done"
    assert person.post("/join/check", form).headers["location"] == "/join/done"  # without the draft


def test_looking_is_no_answer(person: Person) -> None:
    person.post("/join/name", ANSWERS["name"])
    assert person.get("/join/name", method="HEAD").status_code == 200
    assert "Mrs A Example" in person.get("/join/name").text


@pytest.mark.parametrize("path", ["/join/done", "/refer/done", "/change/done"])
def test_nothing_is_confirmed_that_was_not_done(person: Person, path: str) -> None:
    assert person.get(path).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/wp-admin", "/cyx", "/join/name/more", "/cy/nothing", "/..%2f"])
def test_other_paths_are_no_pages(stack: Stack, path: str) -> None:
    assert Person(stack).get(path).status_code == 404


@pytest.mark.parametrize("year", ["24", "9" * 40])
def test_a_year_has_four_digits(person: Person, year: str) -> None:
    person.post("/join/situations", {"situations": "age"})
    person.post("/join/needs", {"needs_age": "29"})
    answer = person.post("/join/dates", {"born-day": "1", "born-month": "5", "born-year": year})
    assert unescape(answer.text).count(WORDS_EN("field_error.date_malformed")) == 2


def test_checking_an_answer_registers_nobody(person: Person, agent: Caller) -> None:
    person.answer_all()
    assert agent.look_up(account_id=person.account_id).status_code == 404


def test_the_api_is_down_when_the_answers_are_sent(stack: Stack, person: Person, agent: Caller) -> None:
    page = person.answer_all()
    with without(stack, "register"):
        answer = person.send("join", page)
        assert answer.status_code == 503
        text = unescape(answer.text)
        assert WORDS_EN("problem.unavailable.title") in text
        assert "Mrs A Example" in text
        assert hidden(answer.text) == hidden(page.text)  # the same key: a retry cannot register twice
    assert person.send("join", answer).headers["location"] == "/join/done"
    assert agent.look_up(account_id=person.account_id).json()["version"] == 1


def test_the_api_is_down_when_a_registration_is_read(stack: Stack, person: Person) -> None:
    person.join()
    with without(stack, "lookup"):
        answer = person.post("/change/name", {"name": ANN})
        assert answer.status_code == 503
        assert 'href="/change/name"' in answer.text
    assert ANN in unescape(person.get("/change/name").text)
    assert ANN not in unescape(person.get("/change/name").text)  # shown again once, until it is posted


@pytest.mark.parametrize("over", ["idle", "expired"])
def test_a_session_that_ended_in_the_middle_of_a_form_loses_nothing(person: Person, over: str) -> None:
    person.post("/join/name", ANSWERS["name"])
    token = person.form_token
    if over == "idle":
        person.replace_session(seen_at=int(time.time()) - 15 * 60)
    else:
        person.replace_session(access_token=_expiring(person.session.access_token, 1))
    answer = person.post("/join/home", {"lines": "7 Kept Street", "postcode": "BS1 4DJ"}, token=token)
    assert answer.headers["location"] == "/sign-in?next=%2Fjoin%2Fhome"
    person.sign_in()
    assert "7 Kept Street" in person.get("/join/home").text
    assert "Mrs A Example" in person.get("/join/name").text


@pytest.mark.parametrize(("token_seconds", "seconds", "why"), [(3600, 15 * 60, "idle"), (300, 300, "expired")])
def test_every_page_says_when_the_session_ends(
    stack: Stack, person: Person, token_seconds: int, seconds: int, why: str
) -> None:
    now = int(time.time())
    person.replace_session(access_token=_expiring(person.session.access_token, now + token_seconds))
    for path in ("/join/name", "/signed-out", "/nothing"):
        text = unescape(person.get(path).text)
        times = {f"{datetime.fromtimestamp(at + seconds, LONDON):%H:%M}" for at in (now, time.time())}
        assert any(WORDS_EN(f"layout.ends.{why}", at=at) in text for at in times)
    assert 'class="ends"' not in Person(stack).get("/").text


def test_a_token_that_the_api_no_longer_takes_leads_to_the_sign_in(person: Person) -> None:
    header, payload, _ = person.session.access_token.split(".")
    person.replace_session(access_token=f"{header}.{payload}.AAAA")
    answer = person.post("/join/name", ANSWERS["name"])
    assert answer.headers["location"] == "/sign-in?next=%2Fjoin%2Fname"
    person.sign_in()
    assert "Mrs A Example" in person.get("/join/name").text


def test_a_conflict_shows_both_versions_and_overwrites_nothing(person: Person, agent: Caller) -> None:
    person.join()
    person.post("/change/name", {"name": ANN})
    page = person.get("/change/check")
    stored = agent.look_up(account_id=person.account_id)
    registration_id = stored.json()["registration_id"]
    theirs = {"primary_contact": {"name": "Mrs A Colleague"}}
    assert agent.amend(registration_id, stored.headers["etag"], theirs).status_code == 200
    answer = person.send("change", page)
    assert answer.status_code == 412
    text = unescape(answer.text)
    assert WORDS_EN("problem.version-stale.title") in text
    assert ANN in text
    assert "Mrs A Colleague" in text
    assert agent.get(registration_id).json()["primary_contact"]["name"] == "Mrs A Colleague"
    assert person.send("change", answer).headers["location"] == "/change/done"
    assert agent.get(registration_id).json()["primary_contact"]["name"] == ANN


def test_somebody_else_holds_the_supply_point(stack: Stack, agent: Caller) -> None:
    person = Person(stack)
    body = registration()
    assert agent.create(body).status_code == 201
    person.points = [*body["supply_points"]["mpans"], *body["supply_points"]["mprns"]]
    person.sign_in()
    answer = person.send("join", person.answer_all())
    assert answer.status_code == 409
    assert WORDS_EN("problem.supply-point-held.title") in unescape(answer.text)
    assert "Mrs A Example" in person.get("/join/check").text
    assert body["account_id"] not in answer.text


def test_an_agent_registers_the_account_meanwhile(person: Person, agent: Caller) -> None:
    page = person.answer_all()
    points = {"mpans": person.points[:1], "mprns": person.points[1:]}
    assert agent.create(registration(account_id=person.account_id, supply_points=points)).status_code == 201
    answer = person.send("join", page)
    assert answer.status_code == 409
    assert WORDS_EN("problem.already-registered.title") in unescape(answer.text)
    assert person.get("/").headers["location"] == "/registration"


def test_an_error_of_the_api_is_at_its_question(person: Person) -> None:
    page = person.answer_all(answers={**ANSWERS, "notes": {**ANSWERS["notes"], "note_25": "x"}})
    draft = _draft(person)
    draft[2]["note_25"] = "x" * 201  # as if a rule had become stricter meanwhile
    person.write("draft", draft)
    answer = person.send("join", page)
    assert answer.status_code == 422
    assert 'href="#row-notes"' in answer.text


@pytest.mark.parametrize(
    ("question", "typed", "says"),
    [
        ("name", {"name": " "}, "missing.name"),
        ("phones", {"phone": "12"}, "field_error.phone_malformed"),
        ("phones", {"phone_2": "12"}, "field_error.phone_malformed"),
        ("home", {"lines": "1 Test Street", "postcode": "nowhere"}, "field_error.postcode_malformed"),
        ("situations", {}, "missing.situations"),
        ("situations", {"situations": "made-up"}, "missing.situations"),
        ("format", {"format": "made-up"}, "missing.any_choice"),
        ("agree", {}, "missing.agree"),
    ],
)
def test_a_mistake_is_named_at_its_field(person: Person, question: str, typed: dict[str, str], says: str) -> None:
    answer = person.post(f"/join/{question}", typed)
    assert answer.status_code == 422
    assert unescape(answer.text).count(WORDS_EN(says)) == 2  # in the summary and at the field


@pytest.mark.parametrize("value", ["\x00", "\u202e", "<script>", "{{7*7}}", "'; --", "😀" * 60, "x" * 60_000])
def test_odd_values_get_a_page(person: Person, value: str) -> None:
    for question in ANSWERS:
        answer = person.post(f"/join/{question}", dict.fromkeys(ANSWERS[question], value))
        assert answer.status_code in {303, 403, 413, 422}, (question, answer.status_code)
        assert "<script>" not in answer.text


def _draft(person: Person) -> list[Any]:
    draft: list[Any] = Cookies(person.cookies).read("draft")
    return draft


def _expiring(token: str, at: int) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode({**claims, "exp": at}, "a key of no importance, long enough", "HS256")
