"""Fixtures for tests that interrupt operations."""

from collections.abc import Iterator

import pytest

from tests.crashes.driver import Crashes
from tools.local.layout import Layout


@pytest.fixture(scope="session")
def crashes(emulators: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    crashes = Crashes(emulators, tmp_path_factory.mktemp("crashes"))
    yield crashes
    crashes.close()
