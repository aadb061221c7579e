"""A real browser, headless: the page as it is once its scripts have run."""

import html
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.support.servers import file_handler, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: The page's origin that the local stack lists.
LISTED = "http://localhost:3000"

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium, or Google Chrome")

_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")


def axe() -> str:
    """The script of axe-core, which finds faults of accessibility."""
    package = find_spec("axe_playwright_python")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).with_name("axe.min.js").read_text(encoding="utf-8")


def shown(url: str, folder: Path, *options: str) -> str:
    """The document at an address, as the browser has it in the end. `folder` is for the browser's own files."""
    patience = ("--virtual-time-budget=10000", f"--user-data-dir={folder}")
    command = (str(CHROMIUM), *_OPTIONS, *patience, *options, "--dump-dom", url)
    return html.unescape(subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout)


def shown_at(origin: str, page: str, folder: Path, *options: str) -> str:
    """The same for a page of our own, which the browser takes to come from `origin`."""
    with serving(file_handler(page.encode())) as served:
        host = origin.partition("//")[2]
        return shown(origin, folder, f"--host-resolver-rules=MAP {host} {served.partition('//')[2]}", *options)


@asynccontextmanager
async def driven() -> AsyncIterator[Browser]:
    """The browser, driven by Playwright. It is the machine's own: Playwright downloads none."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()
