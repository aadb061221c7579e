"""Operations of the quarantine, to interrupt."""

from collections import Counter
from collections.abc import Callable

from tests.crashes.driver import Operation
from tests.crashes.picture import QUARANTINED, Picture
from tests.crashes.samples import (
    at,
    closed,
    deliver,
    delivered,
    do,
    large,
    migrate,
    migrated,
    record_of,
    run,
    send,
    wrong,
)
from tests.crashes.world import World, ops, push, scheduled
from tests.support.forks import Call

_PARKED = closed(1)
_LARGE_PARKED = large(closed(2))
_FAILED = wrong(migrated(1))
_LARGE_FAILED = large(wrong(migrated(1, "large")))
_REPLAYS_AT = "2026-11-23 09:10"
#: The parked messages were published again, and the register can apply them now.
_REPLAYED = (migrate(1, 2), at(_REPLAYS_AT), do(scheduled("replay_parked", _REPLAYS_AT)))


def _dead_letter(message: bytes) -> Call:
    given_up = {
        "CloudPubSubDeadLetterSourceSubscription": "projects/p/subscriptions/consume-account-events",
        "CloudPubSubDeadLetterSourceDeliveryCount": "20",
    }
    return push("quarantine_dead_letters", message, given_up)


def _expect(objects: int, **statuses: int) -> Callable[[Picture], None]:
    """Check the number of records of each status, and of objects in the bucket."""

    def expected(picture: Picture) -> None:
        found = Counter(what["status"] for place, what in picture.items() if place.startswith("quarantine/"))
        assert (found, len([place for place in picture if place.startswith(QUARANTINED)])) == (statuses, objects)

    return expected


OPERATIONS = [
    Operation("a wrong message", before=(), work=lambda _: delivered(_FAILED), expected=_expect(0, failed=1)),
    Operation(
        "a large wrong message",
        before=(),
        work=lambda _: delivered(_LARGE_FAILED),
        expected=_expect(1, failed=1),
        everyday=2,
    ),
    Operation(
        "a message before its registration", before=(), work=lambda _: delivered(_PARKED), expected=_expect(0, parked=1)
    ),
    Operation("a dead letter", before=(), work=lambda _: _dead_letter(_PARKED), expected=_expect(0, failed=1)),
    Operation(
        "a large dead letter", before=(), work=lambda _: _dead_letter(_LARGE_PARKED), expected=_expect(1, failed=1)
    ),
    Operation(
        "parked messages are published again",
        before=(send(_PARKED, _LARGE_PARKED), migrate(1, 2), at(_REPLAYS_AT)),
        work=lambda _: scheduled("replay_parked", _REPLAYS_AT),
        after=(deliver, run("replay_parked", "2026-11-23 09:30")),
        expected=_expect(1, resolved=2),
        everyday=2,
    ),
    Operation(
        "messages that were parked too long wait for a person",
        before=(send(_PARKED, _LARGE_PARKED), at("2026-11-25 09:10")),
        work=lambda _: scheduled("replay_parked", "2026-11-25 09:10"),
        after=(run("replay_parked", "2026-11-25 09:11"),),
        settings={"PSR_PARKED_DAYS": "1"},
        expected=_expect(1, failed=2),
    ),
    Operation(
        "a parked message is applied",
        before=(send(_PARKED), *_REPLAYED),
        work=World.take,
        expected=_expect(0, resolved=1),
    ),
    Operation(
        "a large parked message is applied",
        before=(send(_LARGE_PARKED), *_REPLAYED),
        work=World.take,
        expected=_expect(1, resolved=1),
        everyday=2,
    ),
    Operation(
        "a large message about an erased account is dropped",
        before=(
            migrate(2),
            do(ops("subject", "erase", "A-2", "--reason", "ticket 1")),
            do(_dead_letter(_LARGE_PARKED)),
            do(ops("quarantine", "replay", "--all", "--yes")),
        ),
        work=World.take,
        expected=_expect(0, resolved=1),
        everyday=2,
    ),
    Operation(
        "an operator publishes messages again",
        before=(send(_FAILED, _LARGE_FAILED),),
        work=lambda _: ops("quarantine", "replay", "--all", "--yes"),
        expected=_expect(1, failed=2),
    ),
    Operation(
        "an operator discards messages",
        before=(send(_FAILED, _LARGE_FAILED),),
        work=lambda _: ops(
            "quarantine", "discard", record_of(_FAILED), record_of(_LARGE_FAILED), "--reason", "sent by mistake"
        ),
        expected=_expect(1, discarded=2),
    ),
]
