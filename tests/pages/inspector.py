"""Inspects pages in a real browser: axe in light and dark, 320 px, and the hosts that are asked."""

from collections.abc import Mapping
from typing import Any, Literal

from playwright.async_api import Request

from tests.pages.walk import Walker
from tests.support.browser import axe

_RUN = """async (options) => {
  const {violations} = await axe.run(options);
  return violations.map(({id, nodes}) => [id, nodes.map(({html, failureSummary}) => `${html} ${failureSummary}`)]);
}"""
#: By colour scheme. Axe checks the size of targets, a rule of WCAG 2.2 AA, only if asked. Dark differs in colours only.
_OPTIONS: Mapping[Literal["light", "dark"], Any] = {
    "light": {"rules": {"target-size": {"enabled": True}}},
    "dark": {"runOnly": ["color-contrast"]},
}


class Inspector:
    """Inspects each state that a walker sees, in light and dark, and at 320 px."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self.states: list[str] = []
        self.findings: list[Any] = []
        walker.seen = self.inspect
        walker.page.on("request", self._note)
        self.hosts: set[str] = set()

    def _note(self, request: Request) -> None:
        if self._walker.page.url.startswith(self._walker.origin) and not request.is_navigation_request():
            self.hosts.add(request.url.split("/")[2])

    async def inspect(self, state: str) -> None:
        page = self._walker.page
        self.states.append(state)
        await page.evaluate(axe())
        for scheme, options in _OPTIONS.items():
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if found := await page.evaluate(_RUN, options):
                self.findings.append((state, scheme, found))
        size = page.viewport_size
        assert size is not None
        await page.set_viewport_size({"width": 320, "height": 640})
        if (width := await page.evaluate("document.documentElement.scrollWidth")) > 320:
            self.findings.append((state, "320 px", width))
        await page.set_viewport_size(size)
