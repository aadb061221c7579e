"""The agents' desk in a real browser: by keyboard, without JavaScript, in both languages; and axe on each state."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from playwright.async_api import Browser

from functions.pages.words import WORDS
from tests.pages.desk import caller_answers, find, stored, to_the_desk
from tests.pages.inspector import AMOUNTS, Inspector
from tests.pages.walk import Walker
from tests.support.browser import needs_browser
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack

pytestmark = needs_browser


@pytest.mark.parametrize("language", ["en", pytest.param("cy", marks=pytest.mark.soak)])
async def test_an_agent_registers_amends_reviews_and_withdraws(stack: Stack, browser: Browser, language: str) -> None:
    words, api = WORDS[language], Caller(stack, scope=ALL_SCOPES)
    walker = await Walker.entering(stack, browser, language)
    await to_the_desk(walker)
    await find(walker, "account_id", walker.account_id)
    assert words("desk.find.unknown") in await walker.page.inner_text("main")

    await walker.go("main .notice a")
    await walker.fill(caller_answers(walker, language))
    await walker.submit()
    assert await walker.heading() == "Mrs A Example"
    assert words("desk.done.register") in await walker.page.inner_text(".success")
    first = api.look_up(account_id=walker.account_id).json()
    assert walker.path == f"/desk/registrations/{first['registration_id']}"
    assert [need["code"] for need in first["needs"]] == ["02", "25", "29", "33"]
    assert [need["note"] for need in first["needs"]] == ["upstairs", None, None, None]
    assert first["needs"][3]["ends_on"] == "2099-01-31"
    assert first["alternate_contact"]["name"] == "Mr B Nominee"
    assert {name: fact for name, fact in first["household"].items() if fact is not None} == {"can_top_up": False}
    capture = first["sharing"]["capture"]
    assert (first["sharing"]["basis"], first["sharing"]["evidence"]) == ("explicit_consent", "call 4712")
    assert (capture["channel"], capture["captured_by"], capture["speaker"]["role"]) == ("phone", "local-agent", "self")
    assert capture["wording"] == {"version": "2026-1", "language": language}

    await _amend_with_a_conflict(walker, api, first["registration_id"])

    await walker.go("main .actions .second")
    await walker.fill({"due": f"review {first['review_due_on']}", "contact": "phone", "outcome": "no_answer"})
    await walker.submit()
    assert words("desk.done.attempt") in await walker.page.inner_text(".success")
    campaign = api.get(first["registration_id"]).json()["campaigns"][0]
    assert [one["outcome"] for one in campaign["attempts"]] == ["no_answer"]

    await walker.go("main .actions a:last-child")
    await walker.fill({"reason": "moved abroad"})
    await walker.submit()
    assert api.get(first["registration_id"]).json()["status"] == "withdrawn"
    history = await walker.page.inner_text(".timeline >> nth=1")
    assert history.index("moved abroad") < history.index("Mrs A Changed")  # newest first
    await walker.leave()


async def _amend_with_a_conflict(walker: Walker, api: Caller, registration_id: str) -> None:
    """A colleague changes the phone and the home while the agent types a name and another phone."""
    await walker.go("main .actions .button")
    theirs = {"primary_contact": {"phones": ["07700900998"]}, "premises": {"address_lines": ["9 Other Street"]}}
    _amend_meanwhile(api, registration_id, theirs)
    await walker.fill({"name": "Mrs A Changed", "phone": "07700 900111"})
    await walker.submit()
    versions = await walker.page.inner_text(".versions")
    for text in ("Mrs A Example", "Mrs A Changed", "07700900998", "07700 900111", "9 Other Street", "1 Test Street"):
        assert text in versions
    untouched = api.get(registration_id).json()
    assert untouched["primary_contact"]["name"] == "Mrs A Example"
    assert untouched["primary_contact"]["phones"] == ["07700900998"]
    await walker.submit()
    amended = api.get(registration_id).json()
    assert amended["primary_contact"]["name"] == "Mrs A Changed"
    assert amended["primary_contact"]["phones"] == ["07700 900111"]
    assert amended["premises"]["address_lines"] == ["9 Other Street"]  # theirs, which the agent never touched


def _amend_meanwhile(api: Caller, registration_id: str, theirs: Mapping[str, Any]) -> None:
    assert api.amend(registration_id, api.get(registration_id).headers["etag"], theirs).status_code == 200


@pytest.mark.parametrize("looks", AMOUNTS)
@pytest.mark.parametrize("language", WORDS)
async def test_no_look_at_the_desk_finds_a_fault(
    stack: Stack, browser: Browser, language: str, looks: Sequence[str]
) -> None:
    one = stored(stack)
    at = f"/desk/registrations/{one['registration_id']}"
    api = Caller(stack, scope=ALL_SCOPES)
    walker = await Walker.entering(stack, browser, language, scripts=True)
    inspector = Inspector(walker, looks)
    await to_the_desk(walker, "senior")
    await find(walker, "account_id", "A-nobody")
    await find(walker, "mpan", "12")
    await find(walker, "postcode", one["premises"]["postcode"])
    await find(walker, "mpan", one["supply_points"]["mpans"][0])
    assert walker.path == at
    await walker.go("main form button")
    await walker.look("")
    assert "BLUEBIRD" in await walker.page.inner_text(".password")
    for path in ("/desk/register", f"{at}/amend", f"{at}/withdraw", f"{at}/stop-sharing", f"{at}/attempts"):
        await walker.open(path)
        if path.endswith("/amend"):
            await walker.fill({"name": "", "new_basis": "yes"})
        await walker.submit()
        await walker.look("with mistakes")
    await walker.open(f"{at}/amend")
    _amend_meanwhile(api, one["registration_id"], {"primary_contact": {"name": "Mrs A Colleague"}})
    await walker.fill({"name": "Mrs A Typed"})
    await walker.submit()
    await walker.look("with a conflict")
    await walker.submit()
    await walker.look("amended")
    await walker.open(f"{at}/withdraw")
    _amend_meanwhile(api, one["registration_id"], {"household": {"occupants": [{"birth_year": 1990}]}})
    await walker.fill({"reason": "asked"})
    await walker.submit()
    assert "1990" in await walker.page.inner_text(".differences ins")
    await walker.look("with a conflict")
    for work in ("review", "need_ending", "follow_up"):
        await walker.open(f"/desk/due/{work}")
        await walker.open(f"/desk/due/{work}?until-day=1&until-month=1&until-year=2100")
    await walker.open("/desk/due/review?until-day=31&until-month=2&until-year=2100")
    await walker.open("/desk/registrations/nothing")
    await walker.leave()
    assert inspector.findings == [], [(state, look) for state, look, _ in inspector.findings]
    assert len(inspector.states) >= 22
    assert inspector.bytes < 60_000
    assert inspector.hosts == {walker.origin.removeprefix("http://")}
