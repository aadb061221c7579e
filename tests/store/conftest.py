"""Fixtures for tests of the store."""

from pathlib import Path

import pytest

from ops.local.layout import Layout
from tests.export.world import World


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    return World(tmp_path)
