"""Fixtures for tests of data that earlier releases wrote, and of tables that change."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import data
from tests.compatibility.next_release import NextRelease, forget_tables
from tools.places import ROOT


@pytest.fixture
def next_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NextRelease]:
    release = NextRelease(tmp_path / "release")
    for package in ("shared", "ops", "tools", "functions"):
        shutil.copytree(ROOT / package, release.root / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(data, "FOLDER", release.tables)
    yield release
    monkeypatch.undo()
    forget_tables()
