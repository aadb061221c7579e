"""Operations that are cut at each of their calls: after the platform's repeat, the result is that of an uncut run."""

import sys

import pytest

from tests.crashes import erasure, exports, quarantine, registrations
from tests.crashes.driver import Crashes, CutPoint, Operation

OPERATIONS = [*registrations.OPERATIONS, *quarantine.OPERATIONS, *erasure.OPERATIONS, *exports.OPERATIONS]
EVERYDAY = [operation for operation in OPERATIONS if operation.everyday]


def names(operations: list[Operation]) -> list[str]:
    return [operation.name for operation in operations]


@pytest.mark.parametrize("operation", EVERYDAY, ids=names(EVERYDAY))
def test_an_operation_cut_at_some_calls_ends_like_an_uncut_run(crashes: Crashes, operation: Operation) -> None:
    check(crashes, operation, operation.everyday)


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS, ids=names(OPERATIONS))
def test_an_operation_cut_at_any_call_ends_like_an_uncut_run(crashes: Crashes, operation: Operation) -> None:
    check(crashes, operation)


def check(crashes: Crashes, operation: Operation, at_most: int | None = None) -> None:
    """Compare cut runs with an uncut one. `-rA` shows the counts."""
    uncut = crashes.uncut(operation)
    operation.expected(uncut.picture)
    points = uncut.points()
    chosen = points if at_most is None else points[len(points) // (2 * at_most) :: len(points) // at_most]
    sys.stdout.write(f"{operation.name}: {uncut}, {len(chosen)} of them here\n")
    found = crashes.differences(operation, uncut, chosen)
    assert not found, report(found)


def report(found: dict[CutPoint, str]) -> str:
    """The differences, each with its cut points."""
    points: dict[str, list[str]] = {}
    for point, what in found.items():
        points.setdefault(what, []).append(str(point))
    return "\n\n".join(f"cut at {', '.join(where)}:\n{what}" for what, where in points.items())
