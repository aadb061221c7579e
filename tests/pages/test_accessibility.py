"""Every page in every state, in every look of the inspector (docs/accessibility.md); and its weight."""

from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Browser

from functions.pages.words import WORDS
from tests.pages.inspector import AMOUNTS, Inspector
from tests.pages.person import ANSWERS
from tests.pages.walk import Walker
from tests.support.browser import needs_browser
from tools.local.stack import Stack

pytestmark = needs_browser


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


@pytest.mark.parametrize("looks", AMOUNTS)
@pytest.mark.parametrize("language", WORDS)
async def test_no_look_at_any_page_in_any_state_finds_a_fault(
    stack: Stack, browser: Browser, language: str, looks: Sequence[str]
) -> None:
    walker = await Walker.entering(stack, browser, language, scripts=True)
    inspector = Inspector(walker, looks)
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
    assert 10_000 < inspector.bytes < 60_000
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
