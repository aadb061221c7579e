"""Inspects pages in a real browser: axe, sizes, focus, forced colours, motion, paper, and the hosts that are asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.async_api import Request

from tests.pages.walk import Walker
from tests.support.browser import axe
from tools.local.layout import PAGES
from tools.places import FUNCTIONS

_SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").partition("\n")[2].strip()
_AS_SERVED: Mapping[str, Any] = {
    "media": "screen",
    "color_scheme": "light",
    "reduced_motion": "reduce",
    "forced_colors": "none",
}


STATIC_BYTES = sum(path.stat().st_size for path in (FUNCTIONS / PAGES / "static").iterdir())


class Look(NamedTuple):
    """A way to see a page: the check and its options, the window's width, the media, and what prepares the page.
    `words`: the result depends on the words.
    """

    name: str
    check: str
    width: int = 1280
    media: Mapping[str, Any] = {}
    prepare: str = "asServed"
    options: Any = None
    words: bool = False


#: Axe checks the size of targets, a rule of WCAG 2.2 AA, only if asked. Dark differs in colours only.
LOOKS = (
    Look("axe", "axe", options={"rules": {"target-size": {"enabled": True}}}, words=True),
    Look("axe in dark", "axe", media={"color_scheme": "dark"}, options={"runOnly": ["color-contrast"]}),
    Look("focus", "unfocused"),
    Look("reduced motion", "moving"),
    Look("focus in forced colours", "unfocused", media={"forced_colors": "active"}),
    Look("controls in forced colours", "bare", media={"forced_colors": "active"}),
    Look("320 px", "tooWide", 320, words=True),
    Look("320 px with text spacing", "tooWide", 320, prepare="withSpacing", words=True),
    Look("cut off with text spacing", "cutOff", 320, prepare="withSpacing", words=True),
    Look("zoom of 200 %", "tooWide", 640, words=True),
    Look("text of 200 %", "tooWide", prepare="withLargeText", words=True),
    Look("cut off in text of 200 %", "cutOff", prepare="withLargeText", words=True),
    Look("paper", "unprintable", 794, {"media": "print", "color_scheme": "dark"}),
)


#: Every day the looks that find most; `make soak` takes all of them.
AMOUNTS = (
    pytest.param(("axe", "320 px"), id="everyday"),
    pytest.param(tuple(look.name for look in LOOKS), id="all", marks=pytest.mark.soak),
)


class Inspector:
    """Takes these looks at each state that a walker sees."""

    def __init__(self, walker: Walker, looks: Sequence[str]) -> None:
        self._page, self._origin = walker.page, walker.origin
        #: The looks that find the same in each language are taken in one.
        self._looks = [look for look in LOOKS if look.name in looks and (look.words or not walker.prefix)]
        self.states: list[str] = []
        self.bytes = 0  # of the heaviest page
        self.findings: list[Any] = []
        walker.seen = self.inspect
        walker.tabs = False  # the journeys show that the keyboard suffices
        self._page.on("request", self._note)
        self.hosts: set[str] = set()

    def _note(self, request: Request) -> None:
        if self._page.url.startswith(self._origin) and not request.is_navigation_request():
            self.hosts.add(request.url.split("/")[2])

    async def inspect(self, state: str) -> None:
        page, media, width = self._page, dict[str, Any](), 0
        if not page.url.startswith(self._origin):
            return
        self.states.append(state)
        self.bytes = max(self.bytes, STATIC_BYTES + len((await page.content()).encode()))
        await page.evaluate(axe())
        for look in self._looks:
            if media != (media := {**_AS_SERVED, **look.media}):
                await page.emulate_media(**media)
            if width != (width := look.width):
                await page.set_viewport_size({"width": width, "height": 800})
            if found := await page.evaluate(_check(look), look.options):
                self.findings.append((state, look.name, found))
        await page.emulate_media(**_AS_SERVED)


def _check(look: Look) -> str:
    return f"options => {{ const checks = {_SCRIPT}; checks.{look.prepare}(); return checks.{look.check}(options) }}"
