"""The journeys of customers in a real browser, by keyboard and without JavaScript, in both languages."""

import pytest
from playwright.async_api import Browser

from functions.pages.words import WORDS
from tests.pages.walk import Walker
from tests.support.browser import needs_browser
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack

pytestmark = needs_browser


@pytest.mark.parametrize("language", WORDS)
async def test_a_customer_joins_changes_renews_and_leaves(stack: Stack, browser: Browser, language: str) -> None:
    words, agent = WORDS[language], Caller(stack, scope=ALL_SCOPES)
    walker = await Walker.entering(stack, browser, language)
    await walker.open("/")
    await walker.go("main .button")
    await walker.sign_in()
    await walker.answer_all()
    assert agent.look_up(account_id=walker.account_id).status_code == 404  # nothing is saved until they agree
    await walker.go_on()
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
    await walker.go_on()
    await walker.go_on()
    assert await walker.heading() == words("done.change.title")
    changed = agent.look_up(account_id=walker.account_id).json()
    assert changed["primary_contact"]["phones"] == ["07700 900999"]
    same = ("needs", "services", "sharing", "premises", "alternate_contact")
    assert [changed[name] for name in same] == [stored[name] for name in same]

    await walker.go("main .actions a")
    await walker.go("main .notice a")
    await walker.fill({"agree": "yes"})
    await walker.go_on()
    await walker.go_on()
    assert await walker.heading() == words("done.renew.title")
    renewed = agent.look_up(account_id=walker.account_id).json()
    assert renewed["sharing"]["evidence"] != stored["sharing"]["evidence"]

    await walker.open("/leave")
    await walker.fill({"leaving": "register"})
    await walker.go_on()
    assert await walker.heading() == words("left.title")
    assert agent.look_up(account_id=walker.account_id).json()["status"] == "withdrawn"
    await walker.go(".top form button")
    assert await walker.heading() == words("signed_out.title")
    assert await walker.page.context.cookies() == []
    await walker.leave()
