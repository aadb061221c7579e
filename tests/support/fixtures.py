"""Fixtures that several folders use. tests/conftest.py loads them; those that start the stack are there."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from shared import data
from shared.domain import recipients, supply_points
from tests.support.push import Push
from tests.support.register_world import World
from tests.support.tables import Tables
from tools.local.layout import Layout
from tools.local.stack import Stack


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """Tables that a test changes, as a deployment does."""
    folder = tmp_path / "tables"
    shutil.copytree(data.FOLDER, folder)
    monkeypatch.setattr(data, "FOLDER", folder)

    def forget() -> None:
        for table in (recipients.recipients, recipients._by_area, supply_points.distributors):
            table.cache_clear()

    def write(name: str, change: Callable[[str], str]) -> None:
        before = (folder / name).read_text()
        after = change(before)
        assert after != before
        (folder / name).write_text(after)
        forget()

    forget()
    yield write
    monkeypatch.undo()
    forget()


@pytest.fixture
async def world(emulators: Layout, tmp_path: Path) -> World:  # noqa: ARG001 - they run first
    return World(tmp_path)


@pytest.fixture(scope="session")
def push(stack: Stack) -> Push:
    return Push(stack, httpx.Client(timeout=60))
