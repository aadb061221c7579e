"""The rules of the desk: who sees what, what is sent along, what is kept, and how fast lists are."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest

from functions.pages import agent, agent_forms
from functions.pages.caller import FACTS
from functions.pages.words import WORDS
from tests.pages import desk
from tests.pages.person import Person, hidden
from tools.api_client import ALL_SCOPES, Caller
from tools.local.layout import PAGES
from tools.local.stack import Stack
from tools.places import ROOT
from tools.synthetic import new_postcode, registration

WORDS_EN = WORDS["en"]
DESK = [page.path for page in (*agent.PAGES, *agent_forms.PAGES)]


@pytest.fixture(scope="module")
def api(stack: Stack) -> Caller:
    return Caller(stack, scope=ALL_SCOPES)


@pytest.fixture(scope="module")
def one(stack: Stack) -> dict[str, Any]:
    return desk.stored(stack)


@pytest.fixture(scope="module")
def sam(stack: Stack) -> Person:
    return desk.agent(stack)


def path_of(one: dict[str, Any], action: str = "") -> str:
    return f"/desk/registrations/{one['registration_id']}{action}"


def test_customers_open_no_page_of_the_desk(stack: Stack, one: dict[str, Any]) -> None:
    customer = Person(stack)
    customer.sign_in()
    for path in DESK:
        real = path.format(registration_id=one["registration_id"], work="review")
        assert customer.get(real).status_code == 403, path
        assert customer.post(real, {"purpose": desk.PURPOSE}).status_code in {403, 405}, path
        assert Person(stack).get(real).headers["location"].startswith("/sign-in?"), path


def test_a_password_is_shown_on_a_click_and_to_its_scope_only(stack: Stack, one: dict[str, Any]) -> None:
    sam, priya = desk.agent(stack), desk.agent(stack, "senior")
    password, page = one["services"]["caller_password"], path_of(one)
    assert "/password" not in sam.get(page).text
    refused = sam.post(f"{page}/password", {})
    assert refused.status_code == 403
    assert password not in refused.text
    before = priya.get(page).text
    assert f'action="{page}/password"' in before
    assert password not in before
    assert password in priya.post(f"{page}/password", {}).text
    assert password not in priya.get(page).text
    assert password not in priya.get(f"{page}/amend").text
    assert priya.get(f"{page}/password").headers["location"] == page
    assert password not in (stack.logs / f"{PAGES}.log").read_text()


def test_agents_choose_a_purpose_once_a_session(stack: Stack, one: dict[str, Any]) -> None:
    agent = Person(stack)
    agent.sign_in("agent")
    asked = agent.get(path_of(one)).headers["location"]
    assert asked == f"/desk/purpose?next=%2Fdesk%2Fregistrations%2F{one['registration_id']}"
    assert agent.post(asked, {}).status_code == 422
    assert agent.post(asked, {"purpose": "outage"}).headers["location"] == path_of(one)
    assert agent.get(path_of(one)).status_code == 200
    read = [line for line in _log(stack, "lookup") if one["registration_id"] in line and '"outage"' in line]
    assert read
    agent.sign_in("agent")
    assert agent.get("/desk").headers["location"].startswith("/desk/purpose?")


def _log(stack: Stack, function: str) -> list[str]:
    return (stack.logs / f"{function}.log").read_text().splitlines()


@pytest.mark.parametrize("by", ["account_id", "mpan", "mprn", "postcode"])
def test_a_customer_is_found_by_each_key(stack: Stack, sam: Person, by: str) -> None:
    # Other tests' customers share one postcode, and would fill several pages.
    one = desk.stored(stack, premises={"address_lines": ["1 Test Street"], "postcode": new_postcode()})
    terms = {
        "account_id": one["account_id"],
        "mpan": one["supply_points"]["mpans"][0],
        "mprn": one["supply_points"]["mprns"][0],
        "postcode": one["premises"]["postcode"],
    }
    answer = sam.post("/desk", {"by": by, "term": terms[by]})
    if by == "postcode":
        assert f'href="{path_of(one)}"' in answer.text
    else:
        assert answer.headers["location"] == path_of(one)


def test_only_agents_who_may_search_are_offered_postcodes(stack: Stack) -> None:
    agent = desk.agent(stack)
    assert 'value="postcode"' in agent.get("/desk").text
    header, payload, signature = Caller(stack, scope="psr:read psr:work").http.headers["authorization"].split(".")
    agent.replace_session(access_token=".".join((header.removeprefix("Bearer "), payload, signature)))
    assert 'value="postcode"' not in agent.get("/desk").text


def test_the_screen_has_reasons_labels_and_differences(sam: Person, api: Caller) -> None:
    one = desk.created(api, registration())
    amended = {"needs": [{"code": "08"}], "primary_contact": {"phones": ["07700900999"]}}
    assert api.amend(one["registration_id"], '"1"', amended).status_code == 200
    text = unescape(sam.get(path_of(one)).text)
    assert api.get(one["registration_id"]).json()["protections"]["prepayment_installation"]["why"]["en"] in text
    timeline = text[text.index("07700900123") - 200 :]
    assert re.search(r"<del>.*?07700900123</del>", timeline)
    assert re.search(r"<ins>.*?07700900999</ins>", timeline)
    assert re.search(r"<ins>.*?Blind</ins>", timeline)
    assert api.sharing(one["registration_id"]).json()["periods"][0]["wording_text"] in text


def test_the_screen_has_everybody_who_lives_there(sam: Person, api: Caller) -> None:
    one = desk.created(api, registration())
    fewer = {"occupants": one["household"]["occupants"][:1], "temporary_circumstances": []}
    assert api.amend(one["registration_id"], '"1"', {"household": fewer}).status_code == 200
    text = unescape(sam.get(path_of(one)).text)
    assert "<p>Occupant born in 1948 · disabled or chronically sick</p>" in text
    assert "<p>Temporary circumstances · None</p>" in text
    assert re.search(r"<del>[^\n]*Occupant aged 75 or over on 5 January 2020</del>", text)
    assert re.search(r"<del>[^\n]*Temporary circumstances · Recovery · until 31 January 2099</del>", text)


def test_a_double_submit_registers_once(stack: Stack, api: Caller) -> None:
    agent = desk.agent(stack)
    page = agent.get("/desk/register").text
    form = hidden(page) | _filled(page) | desk.caller_answers(agent)
    first, second = (agent.post("/desk/register", form) for _ in range(2))
    assert first.status_code == 303, first.text
    assert first.headers["location"] == second.headers["location"]
    stored = api.look_up(account_id=agent.account_id).json()
    assert stored["version"] == 1
    again = agent.post("/desk/register", form | {"name": "Mrs B Example"})
    assert again.status_code == 422
    assert WORDS_EN("problem.desk-idempotency-key-reused.title") in unescape(again.text)
    other = agent.post("/desk/register", {**form, **hidden(again.text)})
    assert other.status_code == 409
    assert WORDS_EN("problem.desk-already-registered.title") in unescape(other.text)


def test_an_outage_of_the_api_loses_no_typing_and_no_version(stack: Stack, api: Caller) -> None:
    one, agent = desk.created(api, registration()), desk.agent(stack)
    page = agent.get(path_of(one, "/amend")).text
    form, typed = hidden(page), _filled(page) | {"name": "Mrs A Typed"}
    stack.kill("register")
    try:
        assert agent.post(path_of(one, "/amend"), form | typed).status_code == 503
    finally:
        stack.restart("register")
    theirs = {"primary_contact": {"name": "Mrs A Colleague"}}
    assert api.amend(one["registration_id"], '"1"', theirs).status_code == 200
    again = agent.get(path_of(one, "/amend")).text
    assert hidden(again) == form  # the same key, and the version that the agent read
    assert "Mrs A Typed" in again
    conflict = agent.post(path_of(one, "/amend"), hidden(again) | _filled(again))
    assert conflict.status_code == 412
    assert "Mrs A Colleague" in conflict.text
    assert api.get(one["registration_id"]).json()["primary_contact"]["name"] == "Mrs A Colleague"


def test_a_form_of_the_desk_survives_the_end_of_the_session(stack: Stack, one: dict[str, Any]) -> None:
    agent, page = desk.agent(stack), path_of(one, "/withdraw")
    form, token = hidden(agent.get(page).text), agent.form_token
    agent.replace_session(seen_at=int(time.time()) - 15 * 60)
    assert agent.post(page, form | {"reason": "asked twice"}, token=token).headers["location"].startswith("/sign-in?")
    agent.sign_in("agent")
    assert agent.post(agent.get(page).headers["location"], {"purpose": desk.PURPOSE}).headers["location"] == page
    again = agent.get(page).text
    assert "asked twice" in again
    assert hidden(again) == form  # the same key, and the version that the agent read


def _filled(page: str) -> dict[str, Any]:
    """The fields of a form as a browser would send them."""
    filled: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page[page.index("<main") :]):
        attributes = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if attributes.get("type") in {"checkbox", "radio"}:
            if " checked" in tag:
                filled.setdefault(attributes["name"], []).append(attributes["value"])
        elif attributes.get("type") != "hidden":
            filled[attributes["name"]] = attributes["value"]
    for name, options in re.findall(r'<select id="\w+" name="(\w+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]* selected', options) or re.search(r'value="([^"]*)"', options)
        filled[name] = chosen[1] if chosen else ""
    filled |= dict(re.findall(r'<textarea id="\w+" name="(\w+)".*?>\n(.*?)</textarea>', page, re.DOTALL))
    return filled


def test_saving_without_a_change_stores_nothing(sam: Person, api: Caller) -> None:
    one = desk.created(api, registration())
    page = sam.get(path_of(one, "/amend")).text
    answer = sam.post(path_of(one, "/amend"), hidden(page) | _filled(page))
    assert answer.headers["location"] == path_of(one)
    assert WORDS_EN("desk.done.unchanged") in unescape(sam.get(path_of(one)).text)
    assert api.get(one["registration_id"]).json()["version"] == 1


def test_a_second_submit_of_a_change_says_that_it_is_saved(sam: Person, api: Caller) -> None:
    one = desk.created(api, registration())
    page = sam.get(path_of(one, "/amend")).text
    form = hidden(page) | _filled(page) | {"name": "Mrs A Changed"}
    for _ in range(2):
        assert sam.post(path_of(one, "/amend"), form).headers["location"] == path_of(one)
    assert WORDS_EN("desk.done.amend") in unescape(sam.get(path_of(one)).text)
    assert api.get(one["registration_id"]).json()["version"] == 2


def test_an_agent_records_a_new_basis(sam: Person, api: Caller) -> None:
    one = desk.created(api, registration())
    page = sam.get(path_of(one, "/amend")).text
    basis = {
        "new_basis": "yes",
        "basis": "substantial_public_interest",
        "article_6": "legitimate_interests",
        "paragraph": "safeguarding_of_individuals_at_risk",
        "evidence": "call 4713",
        "wording": "",
    }
    answer = sam.post(path_of(one, "/amend"), hidden(page) | _filled(page) | basis)
    assert answer.status_code == 303, answer.text
    sharing = api.get(one["registration_id"]).json()["sharing"]
    assert (sharing["basis"], sharing["capture"]["wording"]) == ("substantial_public_interest", None)
    assert sharing["schedule_1_paragraph"] == "safeguarding_of_individuals_at_risk"


def test_a_missing_fact_is_asked_for_and_recorded(sam: Person, api: Caller) -> None:
    one = desk.created(api, registration())
    asked = WORDS_EN("desk.fact.means_tested_benefit")
    assert one["protections"]["gas_safety_check_eligible"]["missing"] == ["/household/means_tested_benefit"]
    assert f"{WORDS_EN('desk.registration.ask')} {asked}" in unescape(sam.get(path_of(one)).text)
    page = sam.get(path_of(one, "/amend")).text
    answer = sam.post(path_of(one, "/amend"), hidden(page) | _filled(page) | {"fact_means_tested_benefit": "yes"})
    assert answer.status_code == 303, answer.text
    amended = api.get(one["registration_id"]).json()
    assert len(amended["household"]["occupants"]) == 2  # the form has no field for them, and so keeps them
    assert amended["household"] == one["household"] | {"means_tested_benefit": True}
    assert amended["protections"]["gas_safety_check_eligible"]["missing"] == []


@pytest.mark.parametrize(
    ("action", "typed"),
    [("/withdraw", {"reason": "asked"}), ("/stop-sharing", {"ending": "consent", "channel": "phone"})],
)
def test_an_act_on_a_registration_that_changed_meanwhile_shows_the_changes(
    sam: Person, api: Caller, action: str, typed: dict[str, str]
) -> None:
    one = desk.created(api, registration())
    form = hidden(sam.get(path_of(one, action)).text) | typed
    assert api.amend(one["registration_id"], '"1"', {"needs": [{"code": "08"}]}).status_code == 200
    answer = sam.post(path_of(one, action), form)
    assert answer.status_code == 412
    text = unescape(answer.text)
    assert WORDS_EN("problem.desk-version-stale.title") in text
    assert re.search(r"<del>[^\n]*Heart, lung & ventilator</del>", text)
    assert re.search(r"<ins>[^\n]*Blind</ins>", text)
    assert f"<dt>{WORDS_EN('desk.topic.contact')}</dt>" not in text  # nobody changed it
    now = api.get(one["registration_id"]).json()
    assert (now["version"], now["status"], now["sharing"]["withdrawn"]) == (2, "active", None)
    assert sam.post(path_of(one, action), form | hidden(answer.text)).status_code == 303


@pytest.mark.parametrize("ending", ["consent", "objection"])
def test_sharing_ends_once_and_the_customer_stays(sam: Person, api: Caller, ending: str) -> None:
    one = desk.created(api, registration())
    path = path_of(one, "/stop-sharing")
    assert f'href="{path}"' in sam.get(path_of(one)).text
    form = hidden(sam.get(path).text) | {"ending": ending, "channel": "phone"}
    assert sam.post(path, {**form, "ending": ""}).status_code == 422
    assert [sam.post(path, form).headers["location"] for _ in range(2)] == [path_of(one)] * 2
    stored = api.get(one["registration_id"]).json()
    withdrawn = stored["sharing"]["withdrawn"]
    assert (stored["version"], stored["status"], withdrawn["objection"]) == (2, "active", ending == "objection")
    assert (withdrawn["channel"], withdrawn["captured_by"]) == ("phone", "local-agent")
    page = unescape(sam.get(path_of(one)).text)
    assert WORDS_EN("desk.done.stop_sharing") in page
    assert path not in page
    assert sam.get(path).headers["location"] == path_of(one)
    late = {**form, "etag": api.get(one["registration_id"]).headers["etag"]}
    assert sam.post(path, late | {"stamp": ""}).headers["location"] == path_of(one)
    assert api.get(one["registration_id"]).json()["version"] == 2  # the end of sharing keeps its time


@pytest.mark.parametrize("value", ["\x00", "\u202e", "<script>", "{{7*7}}", "'; --", "😀" * 60, "x" * 9000])
def test_odd_values_get_a_page(sam: Person, one: dict[str, Any], value: str) -> None:
    forms = {
        "/desk": ("by", "term", "page_token"),
        "/desk/purpose": ("purpose",),
        "/desk/register": (*desk.caller_answers(sam), "stamp", "speaker", "channel"),
        path_of(one, "/amend"): ("name", "read", "etag", "stamp", "basis", "new_basis", "wording"),
        path_of(one, "/withdraw"): ("reason", "etag", "stamp", "read"),
        path_of(one, "/stop-sharing"): ("ending", "channel", "etag", "stamp", "read"),
        path_of(one, "/attempts"): ("due", "contact", "outcome", "stamp"),
    }
    for path, names in forms.items():
        for known in ({}, {"by": "postcode"}, {"reason": "x", "name": "x"}):
            answer = sam.post(path, dict.fromkeys(names, value) | known)
            assert answer.status_code < 500, (path, answer.status_code)
            assert "<script>" not in answer.text
    for query in ("page", "until-day", "until-year"):
        assert sam.get(f"/desk/due/review?{query}={value[:99].encode().hex()}").status_code < 500
    assert sam.get("/desk/due/nothing").status_code == 404
    assert sam.get("/desk/registrations/nothing").status_code == 404


def test_the_words_have_every_code_of_the_contract() -> None:
    schemas = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["components"]["schemas"]
    named = {
        "due": schemas["Work"]["enum"],
        "contact": schemas["ContactChannel"]["enum"],
        "outcome": schemas["AttemptOutcome"]["enum"],
        "campaign": schemas["CampaignState"]["enum"],
        "change": schemas["ChangeKind"]["enum"],
        "age_band": schemas["AgeBand"]["enum"],
        "circumstance": schemas["CircumstanceKind"]["enum"],
        "fact": list(schemas["Household"]["properties"]),
        "protection": [name for name in schemas["Protections"]["properties"] if name != "on"],
    }
    kinds = ("PrepaymentInstallation", "WinterDisconnection", "GasSafetyCheck", "DisconnectionNotice")
    named["protected"] = [code for kind in kinds for code in schemas[kind]["properties"]["outcome"]["enum"]]
    facts = schemas["Household"]["properties"]
    assert {name for name in facts if "boolean" in json.dumps(facts[name])} == {*FACTS}
    for name, codes in named.items():
        start = f"desk.{name}."
        assert {key.removeprefix(start) for key in WORDS_EN.texts if key.startswith(start)} == set(codes), name
    assert sorted(agent.WORKS) == sorted(schemas["Work"]["enum"])


@pytest.mark.parametrize("least", [150, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_long_work_list_takes_less_than_twice_the_apis_time(stack: Stack, sam: Person, least: int) -> None:
    api = Caller(stack, scope=ALL_SCOPES)
    with ThreadPoolExecutor(8) as pool:
        assert {made.status_code for made in pool.map(api.create, [registration() for _ in range(least)])} == {201}
    asked = {"work": "review", "until": "2099-12-31"}
    start = "/desk/due/review?until-day=31&until-month=12&until-year=2099"
    api.due_work(**asked)
    sam.get(start)
    token: dict[str, str] = {}
    rows, spent, heaviest, path = 0, {"api": 0.0, "page": 0.0}, 0, start
    while path:
        began = time.perf_counter()
        answer = api.due_work(**asked, **token).json()
        spent["api"] += time.perf_counter() - began
        began = time.perf_counter()
        page = sam.get(path)
        spent["page"] += time.perf_counter() - began
        assert page.text.count("<tr>") == len(answer["items"]) + 1
        rows += len(answer["items"])
        heaviest = max(heaviest, len(page.content))
        token = {"page_token": answer["next_page_token"]}
        onward = re.search(r'href="(\?[^"]+)"', page.text)
        assert bool(onward) is bool(answer["next_page_token"])
        path = "/desk/due/review" + unescape(onward[1]) if onward else ""
    assert rows >= least
    assert heaviest < 60_000
    assert spent["page"] < 2 * spent["api"], (spent, rows)
