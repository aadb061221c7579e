"""The table of documented limits says what its sources say."""

from typing import Any

import pytest

from tools.plan_check import discovery
from tools.plan_check.limits import Limit, table

ROWS = table()


def described(place: str) -> str:
    """The text at a place in a packaged discovery document."""
    name, _, path = place.partition(" ")
    found: Any = discovery.document(name)
    for part in path.split("."):
        found = found[part]
    text: str = found["description"]
    return text


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.type}.{row.attribute}" for row in ROWS])
def test_a_limit_has_a_source_that_says_it(row: Limit) -> None:
    if row.says is None:
        assert row.source.startswith("https://")
    else:
        assert row.says in described(row.source)


def test_a_row_limits_something() -> None:
    assert [row for row in ROWS if not (row.pattern or row.most or row.unique or row.needed or row.no_defaults)] == []
