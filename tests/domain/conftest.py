"""Fixtures for the domain's tests. None of them starts anything."""

import pytest

from shared.domain import needs


@pytest.fixture
def retired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 08 is retired."""
    changed = dict(needs.categories())
    changed["08"] = changed["08"]._replace(retired=True)
    monkeypatch.setattr(needs, "categories", lambda: changed)
