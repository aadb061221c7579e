"""Fixtures for the domain's tests. None of them starts anything."""

import pytest

from shared.domain import needs, protections


@pytest.fixture(scope="session", autouse=True)
def nothing_decided_before() -> None:
    """Mutation tests run in forks of a process that has decided before its code was changed."""
    protections._protections.cache_clear()
    protections._protections_json.cache_clear()
    protections._in_force.cache_clear()


@pytest.fixture
def retired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 08 is retired."""
    changed = dict(needs.categories())
    changed["08"] = changed["08"]._replace(retired=True)
    monkeypatch.setattr(needs, "categories", lambda: changed)
