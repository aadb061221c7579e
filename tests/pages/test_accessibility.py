"""Every page in every state: axe finds nothing, 320 px suffice, the page is small and asks no other host."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import Browser

from functions.pages.words import WORDS
from tests.pages.inspector import Inspector
from tests.pages.person import ANSWERS
from tests.pages.walk import Walker
from tests.support.browser import needs_browser
from tools.local.stack import Stack

pytestmark = needs_browser

_MOST_BYTES = 60_000
#: A mistake in each question, by what is typed.
MISTAKES: dict[str, dict[str, Any]] = {
    "name": {"name": ""},
    "phones": {"phone": "12"},
    "home": {"lines": "", "postcode": "nowhere"},
    "situations": {},
    "needs": {},
    "dates": {"born-day": "31", "born-month": "2", "born-year": "2024"},
    "format": {},
    "nominee": {},
    "nominee_details": {"nominee_name": "", "nominee_phone": "12"},
    "password": {"password": "much too long a word"},
    "agree": {},
}


@pytest.mark.parametrize("language", WORDS)
async def test_axe_finds_nothing_on_any_page_in_any_state(stack: Stack, browser: Browser, language: str) -> None:
    walker = await Walker.entering(stack, browser, language, scripts=True)
    inspector = Inspector(walker)
    await walker.open("/")
    await walker.go("main .button")
    await walker.sign_in()
    await _join_with_mistakes(walker)
    await walker.open("/change/name")
    await walker.fill({"name": "Mrs A Changed"})
    await walker.submit()
    await walker.look("")
    await walker.open("/change/phones")
    await walker.open("/renew")
    await walker.answer_all()
    await walker.submit()
    await walker.look("")
    await walker.open("/refer")
    await walker.submit()
    await walker.look("with mistakes")
    await walker.open("/leave")
    await walker.submit()
    await walker.look("with mistakes")
    await walker.open("/no-such/page/at/all")
    await walker.open("/leave")
    await walker.fill({"leaving": "register"})
    await walker.submit()
    await walker.look("")
    await walker.open("/")
    await walker.go(".top form button")
    await walker.look("")
    await walker.leave()
    assert inspector.findings == [], f"{len(inspector.states)} states"
    assert len(inspector.states) >= 40
    assert inspector.hosts == {walker.origin.removeprefix("http://")}


async def _join_with_mistakes(walker: Walker) -> None:
    """Answer each question wrongly first."""
    while (question := walker.path.rpartition("/")[2]) != "check":
        if question in MISTAKES:
            await walker.fill(MISTAKES[question])
            await walker.submit()
            await walker.look("with mistakes")
        await _clear(walker)
        await walker.fill(ANSWERS[question])
        await walker.submit()
        await walker.look("")
    await walker.submit()
    await walker.look("")
    await walker.open("/registration")


async def _clear(walker: Walker) -> None:
    """Untick what a browser or a mistake has ticked, so that pressing Space ticks."""
    for box in await walker.page.locator("main input[type=checkbox]:checked").all():
        await box.uncheck()


async def test_a_page_is_small(stack: Stack, browser: Browser) -> None:
    walker = await Walker.entering(stack, browser, "en")
    bodies: list[Callable[[], Any]] = []
    walker.page.on("response", lambda answer: bodies.append(answer.body))
    await walker.open("/")
    weight = sum([len(await body()) for body in bodies])
    assert 5_000 < weight < _MOST_BYTES
    await walker.leave()


async def test_forced_colours_and_reduced_motion_lose_nothing(stack: Stack, browser: Browser) -> None:
    walker = await Walker.entering(stack, browser, "en")
    await walker.page.emulate_media(forced_colors="active", reduced_motion="reduce")
    await walker.open("/")
    button = walker.page.locator("main .button")
    assert await button.evaluate("button => getComputedStyle(button).borderTopWidth") == "2px"
    assert await button.evaluate("button => getComputedStyle(button).transitionDuration") == "0s"
    await walker.tab_to("main .button")
    assert await button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    await walker.leave()
