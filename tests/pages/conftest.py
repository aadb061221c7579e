"""One browser for all tests of the pages."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.support.browser import driven


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with driven() as browser:
        yield browser
