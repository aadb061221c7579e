"""`python -m tools.pictures`: take the pictures in docs/pictures, in a real browser, of a local stack of its own."""

import asyncio
import base64
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from playwright.async_api import Browser, Page, async_playwright
from rich.console import Console

from tools.api_client import ALL_SCOPES, Caller
from tools.errors import CommandError, run_command
from tools.local.layout import PAGES, new_layout
from tools.local.stack import Stack
from tools.places import ROOT
from tools.synthetic import registration

FOLDER = ROOT / "docs" / "pictures"
_QUALITY = 70
#: The account that the agent opens.
_ACCOUNT = "A-20417"
#: The answers of the customer in the pictures, by question; questions that are not here are left as they are.
_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "name": {"name": "Mrs Ada Example"},
    "phones": {"phone": "07700 900123"},
    "home": {"lines": "1 Test Street\nTesttown", "postcode": "BS1 4DJ"},
    "situations": {"situations": ["equipment", "age"]},
    "needs": {"needs_equipment": ["02", "25"], "needs_age": ["29"]},
    "dates": {"born-day": "1", "born-month": "5", "born-year": "2024"},
    "notes": {"note_02": "The ventilator is upstairs"},
    "format": {"format": ["large_print"]},
    "nominee": {"nominee": ["no"]},
    "agree": {"agree": ["yes"]},
}


class Look(NamedTuple):
    """How a page is shown: the end of the picture's name, the size of the window, the colours."""

    end: str = ""
    width: int = 1200
    height: int = 820
    colours: Literal["light", "dark"] = "light"


_PLAIN, _DARK, _SMALL = Look(), Look("-dark", colours="dark"), Look("-320", 320, 820)


async def _take(page: Page, name: str, *looks: Look) -> None:
    """Take a page in each look, from its top, as WebP, which is a quarter of a PNG."""
    for look in looks:
        await page.set_viewport_size({"width": look.width, "height": look.height})
        await page.emulate_media(color_scheme=look.colours)
        await page.mouse.move(0, 0)
        await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        browser = await page.context.new_cdp_session(page)
        picture = await browser.send("Page.captureScreenshot", {"format": "webp", "quality": _QUALITY})
        (FOLDER / f"{name}{look.end}.webp").write_bytes(base64.b64decode(picture["data"]))


async def _customer(page: Page, origin: str) -> None:
    await page.goto(origin)
    await _take(page, "home", _PLAIN, _DARK, _SMALL)
    await page.click("main .button")
    await page.click("button[value=new]")
    while (question := page.url.rpartition("/")[2]) != "check":
        await _answer(page, _ANSWERS.get(question, {}))
        if question == "needs":
            await _take(page, "question", _PLAIN, _SMALL)
        await page.click("main form button")
    await _take(page, "check", _PLAIN)


async def _answer(page: Page, answers: Mapping[str, Any]) -> None:
    for name, value in answers.items():
        for one in value if isinstance(value, list) else []:
            await page.check(f'main [name="{name}"][value="{one}"]')
        if isinstance(value, str):
            await page.fill(f'main [name="{name}"]', value)


async def _agent(page: Page, origin: str) -> None:
    await page.goto(f"{origin}/sign-in?next=/desk")
    await page.click("button[value=agent]")
    await page.check("[name=purpose][value=customer_contact]")
    await page.click("main form button")
    await page.fill("[name=term]", _ACCOUNT)
    await page.click("main form button")
    await _take(page, "desk", _PLAIN, _DARK)


async def _pictures(stack: Stack, browser: Browser) -> None:
    Caller(stack, scope=ALL_SCOPES).create(registration(account_id=_ACCOUNT)).raise_for_status()
    origin = stack.function_url(PAGES)
    await _customer(await _page(browser), origin)
    await _agent(await _page(browser), origin)


async def _page(browser: Browser) -> Page:
    context = await browser.new_context(device_scale_factor=1.5, reduced_motion="reduce")
    return await context.new_page()


async def _browse(stack: Stack) -> None:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        raise CommandError("there is no browser. Install one: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        try:
            await _pictures(stack, browser)
        finally:
            await browser.close()


def main() -> None:
    """Start a stack, take the pictures and stop it."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="psr-pictures-") as home:
        stack = Stack(new_layout(Path(home), {}), Console(stderr=True), crons=False)
        try:
            stack.start()
            asyncio.run(_browse(stack))
        finally:
            stack.stop()


if __name__ == "__main__":
    run_command(main)
