"""Somebody who walks through the pages in a real browser, with the keyboard only, or faster."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from playwright.async_api import Browser, Page

from tests.pages.person import ANSWERS
from tools.local.layout import PAGES
from tools.local.stack import Stack
from tools.synthetic import new_account, new_mpan, new_mprn

PREFIXES = {"en": "", "cy": "/cy"}


class Walker:
    """A person with a keyboard. `seen` is called for each page, with a name for its state."""

    def __init__(self, stack: Stack, page: Page, language: str) -> None:
        self.page = page
        self.origin = stack.function_url(PAGES)
        self.prefix = PREFIXES[language]
        self.account_id, self.points = new_account(), [new_mpan(), new_mprn()]
        #: Whether every element is reached with Tab, or at once.
        self.tabs = True
        self.seen: Callable[[str], Awaitable[None]] | None = None

    @classmethod
    async def entering(cls, stack: Stack, browser: Browser, language: str, *, scripts: bool = False) -> "Walker":
        context = await browser.new_context(java_script_enabled=scripts)
        context.set_default_timeout(20_000)
        return cls(stack, await context.new_page(), language)

    async def leave(self) -> None:
        await self.page.context.close()

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.origin).removeprefix(self.prefix) or "/"

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.origin}{self.prefix}{path}")
        await self.look("")

    async def look(self, state: str) -> None:
        if self.seen:
            await self.seen(f"{self.path} {state}".strip())

    async def sign_in(self) -> None:
        """On the issuer's page, which is not ours, and so not part of the walk."""
        await self.page.fill("#account", self.account_id)
        await self.page.fill("#points", " ".join(self.points))
        await self.page.click("button[value=customer]")
        await self.look("")

    async def tab_to(self, selector: str) -> None:
        """Press Tab until an element has the focus, which must be visible."""
        if not self.tabs:
            await self.page.locator(selector).first.focus()
            return
        for _ in range(150):
            if await self.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"{self.path}: the keyboard does not reach {selector}")

    async def press(self, selector: str, key: str = "Enter") -> None:
        """Go to a link, a button or a box, and press a key."""
        await self.tab_to(selector)
        await self.page.keyboard.press(key)

    async def go(self, selector: str) -> None:
        """Follow a link or press a button, and wait for the page that it leads to."""
        await self.tab_to(selector)
        async with self.page.expect_navigation():
            await self.page.keyboard.press("Enter")

    async def fill(self, answers: Mapping[str, Any]) -> None:
        """Type and choose the answers of one page."""
        for name, value in answers.items():
            field = self.page.locator(f'main [name="{name}"]').first
            kind = await field.evaluate("field => field.type")
            if kind == "checkbox":
                for one in value if isinstance(value, list) else [value]:
                    await self.press(f'main [name="{name}"][value="{one}"]', "Space")
            elif kind == "radio":
                await self._choose(name, value)
            elif kind == "select-one":
                await self.tab_to(f'main [name="{name}"]')
                await self.page.keyboard.press("Home")
                while await field.input_value() != value:
                    await self.page.keyboard.press("ArrowDown")
            else:
                await self.tab_to(f'main [name="{name}"]')
                await self.page.keyboard.press("Control+A")
                await self.page.keyboard.insert_text(value.replace("\r\n", "\n") or " ")

    async def _choose(self, name: str, value: str) -> None:
        """With the arrow keys, as in every group of radio buttons."""
        group = f'main [name="{name}"]'
        await self.tab_to(group)
        await self.page.keyboard.press("Space")
        while not await self.page.locator(f'{group}[value="{value}"]:checked').count():
            await self.page.keyboard.press("ArrowDown")

    async def submit(self) -> None:
        """Press the page's button, and look at what comes."""
        await self.go("main form button")

    async def answer_all(self, answers: Mapping[str, Mapping[str, Any]] = ANSWERS) -> None:
        """Answer each question that is asked, until all answers are shown."""
        while (question := self.path.rpartition("/")[2]) != "check":
            before = self.page.url
            await self.fill(answers[question])
            await self.submit()
            assert self.page.url != before, await self.page.inner_text("main")
            await self.look("")

    async def heading(self) -> str:
        return await self.page.inner_text("h1")
