"""The journeys of customers in a real browser, by keyboard and without JavaScript, in both languages."""

from html import unescape

import pytest
from playwright.async_api import Browser

from functions.pages.words import WORDS
from tests.pages.person import ANSWERS, Person, hidden
from tests.pages.walk import Walker
from tests.support.browser import needs_browser
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack

pytestmark = needs_browser


@pytest.mark.parametrize("language", ["en", pytest.param("cy", marks=pytest.mark.soak)])
async def test_a_customer_joins_changes_renews_and_leaves(stack: Stack, browser: Browser, language: str) -> None:
    words, agent = WORDS[language], Caller(stack, scope=ALL_SCOPES)
    walker = await Walker.entering(stack, browser, language)
    await walker.open("/")
    await walker.go("main .button")
    await walker.sign_in()
    await walker.answer_all()
    assert agent.look_up(account_id=walker.account_id).status_code == 404  # nothing is saved until they agree
    await walker.submit()
    assert await walker.heading() == words("done.join.title")

    stored = agent.look_up(account_id=walker.account_id).json()
    assert stored["status"] == "active"
    assert sorted([*stored["supply_points"]["mpans"], *stored["supply_points"]["mprns"]]) == sorted(walker.points)
    assert stored["premises"] == {"address_lines": ["1 Test Street", "Testtown"], "postcode": "BS1 4DJ"}
    assert [(need["code"], need["note"]) for need in stored["needs"]] == [
        ("02", "upstairs"), ("25", None), ("29", None), ("33", None)
    ]  # fmt: skip
    assert [need["youngest_child_born_on"] for need in stored["needs"]] == [None, None, "2024-05-01", None]
    assert stored["needs"][3]["ends_on"] == "2099-01-31"
    assert stored["alternate_contact"] == {
        "name": "Mr B Nominee", "phones": ["07700900456"], "relationship": "neighbour"
    }  # fmt: skip
    assert stored["services"]["communication_format"] == "large_print"
    assert stored["services"]["caller_password"] == "BLUEBIRD"
    assert stored["services"]["cannot_read_meter"] is stored["services"]["nominee_receives_communications"] is True
    assert [entry["service"] for entry in stored["services"]["arranged"]] == ["gas_safety_check"]
    assert stored["sharing"]["basis"] == "explicit_consent"
    assert stored["sharing"]["capture"]["wording"] == {"version": "2026-1", "language": language}

    await walker.go("main .actions a")
    await walker.go("#row-phones a")
    await walker.fill({"phone": "07700 900999"})
    await walker.submit()
    await walker.submit()
    assert await walker.heading() == words("done.change.title")
    changed = agent.look_up(account_id=walker.account_id).json()
    assert changed["primary_contact"]["phones"] == ["07700 900999"]
    same = ("needs", "services", "sharing", "premises", "alternate_contact")
    assert [changed[name] for name in same] == [stored[name] for name in same]

    await walker.go("main .actions a")
    await walker.go("main .notice a")
    await walker.fill({"agree": "yes"})
    await walker.submit()
    await walker.submit()
    assert await walker.heading() == words("done.renew.title")
    renewed = agent.look_up(account_id=walker.account_id).json()
    assert renewed["sharing"]["evidence"] != stored["sharing"]["evidence"]

    await walker.open("/leave")
    await walker.fill({"leaving": "register"})
    await walker.submit()
    assert await walker.heading() == words("left.title")
    assert agent.look_up(account_id=walker.account_id).json()["status"] == "withdrawn"
    await walker.go(".top form button")
    assert await walker.heading() == words("signed_out.title")
    assert await walker.page.context.cookies() == []
    await walker.leave()


#: The answers of somebody who puts a customer forward, by question.
REFERRAL = {
    "referrer": {
        "referrer": "charity",
        "referrer_name": "Ms C Helper",
        "organisation": "Help at Home",
        "referrer_phone": "07700 900456",
    },
    **{name: ANSWERS[name] for name in ("name", "phones", "home")},
}


def test_a_referral_is_pending_until_the_customer_confirms_it(stack: Stack) -> None:
    agent, professional, customer = Caller(stack, scope=ALL_SCOPES), Person(stack), Person(stack)
    mpan, mprn = customer.points
    professional.sign_in("agent")
    account = {"account": customer.account_id, "mpan": mpan, "mprn": mprn}
    page = professional.answer_all("refer", {**REFERRAL, "account": account})
    assert professional.send("refer", page).headers["location"] == "/refer/done"
    stored = agent.look_up(account_id=customer.account_id).json()
    assert (stored["status"], stored["referral"]["name"]) == ("pending", "Ms C Helper")
    assert stored["sharing"]["basis"] == "none"

    customer.sign_in()
    assert WORDS["en"]("registration.pending.title") in unescape(customer.get("/registration").text)
    page = customer.answer_all("confirm")
    assert customer.send("confirm", page).headers["location"] == "/confirm/done"
    confirmed = agent.look_up(account_id=customer.account_id).json()
    assert confirmed["status"] == "active"
    assert [need["code"] for need in confirmed["needs"]] == ["02", "25", "29", "33"]
    assert confirmed["sharing"]["basis"] == "explicit_consent"


def test_a_carer_refers_with_the_accounts_own_token(stack: Stack) -> None:
    carer = Person(stack)
    carer.sign_in()
    assert carer.send("refer", carer.answer_all("refer", REFERRAL)).headers["location"] == "/refer/done"
    stored = Caller(stack).look_up(account_id=carer.account_id).json()
    assert stored["status"] == "pending"


def test_a_customer_stops_sharing_and_stays(stack: Stack) -> None:
    customer = Person(stack)
    customer.join()
    form = hidden(customer.get("/leave").text)
    for _ in range(2):  # a second submit changes nothing
        twin = Person(stack)
        twin.cookies = dict(customer.cookies)
        assert twin.post("/leave", {**form, "leaving": "sharing"}).headers["location"] == "/registration"
    stored = Caller(stack).look_up(account_id=customer.account_id).json()
    assert (stored["status"], stored["version"]) == ("active", 2)
    assert stored["sharing"]["withdrawn"]["channel"] == "web"
    assert 'value="sharing"' not in customer.get("/leave").text
    page = customer.answer_all("renew")
    assert customer.send("renew", page).headers["location"] == "/renew/done"
    shared_again = Caller(stack).look_up(account_id=customer.account_id).json()
    assert (shared_again["version"], shared_again["sharing"]["withdrawn"]) == (3, None)


def test_needs_change_and_the_rest_stays(stack: Stack) -> None:
    customer, agent = Person(stack), Caller(stack, scope=ALL_SCOPES)
    customer.join()
    before = agent.look_up(account_id=customer.account_id).json()
    path = "/change/situations"
    answers = {
        "situations": {"situations": ["equipment", "age", "senses"]},
        "needs": {"needs_equipment": ["02"], "needs_age": ["29"], "needs_senses": ["08"]},
        "dates": ANSWERS["dates"],
        "notes": {"note_02": "downstairs", "note_29": "", "note_08": "knock loudly"},
    }
    while not path.endswith("check"):
        path = customer.post(path, answers[path.rpartition("/")[2]]).headers["location"]
    assert customer.send("change", customer.get(path)).headers["location"] == "/change/done"
    after = agent.look_up(account_id=customer.account_id).json()
    notes = {need["code"]: need["note"] for need in after["needs"]}
    assert notes == {"02": "downstairs", "29": None, "08": "knock loudly"}
    unchanged = before.keys() - {"needs", "version", "updated_at", "review_due_on", "protections"}
    assert [name for name in unchanged if before[name] != after[name]] == []
