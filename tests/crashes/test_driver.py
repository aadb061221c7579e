"""The tools of the crash tests: they cut the right call, and find a difference after a repeat."""

from tests.crashes.driver import Crashes, CutPoint, Operation
from tests.crashes.samples import migrated, send, wrong
from tests.crashes.world import ops
from tools.firestore_proxy import Cut, Fault


def test_the_nth_call_since_a_point_meets_the_fault_and_others_pass() -> None:
    cut = Cut()
    cut("before")
    cut.arm(2, Fault.ANSWER_LOST)
    assert [cut("a"), cut("b"), cut("c")] == [None, Fault.ANSWER_LOST, None]
    assert (cut.calls, cut.met) == (["a", "b", "c"], True)


def test_after_the_call_where_a_process_dies_nothing_is_called_until_the_repair() -> None:
    cut = Cut()
    cut.arm(1, Fault.DIES)
    assert [cut("a"), cut("b"), cut("c")] == [Fault.DIES, Fault.DEAD, Fault.DEAD]
    cut.repair()
    assert (cut("d"), cut.met) == (None, False)


def test_the_driver_finds_a_message_that_a_repeat_adds(crashes: Crashes) -> None:
    """A message is published twice, and not delivered."""
    operation = Operation(
        "an operator publishes a message again",
        before=(send(wrong(migrated(1))),),
        work=lambda _: ops("quarantine", "replay", "--all", "--yes"),
        after=(),
    )
    uncut = crashes.uncut(operation)
    publish = uncut.calls.index("Publish") + 1
    points = [CutPoint(0, Fault.REFUSED), CutPoint(publish, Fault.REFUSED), CutPoint(publish, Fault.DIES)]
    found = crashes.differences(operation, uncut, points)
    assert [point for point in points if point in found] == [points[0], points[2]]
    assert all(what.startswith("+ mail/1") for what in found.values())
