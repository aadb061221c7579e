"""Fixtures for tests of the store."""

from pathlib import Path

import pytest

from tests.export.world import World
from tools.local.layout import Layout


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    return World(tmp_path)
