"""Operations of the quarantine that are cut."""

from tests.crashes.driver import Operation
from tests.crashes.forks import Call
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

_PARKED = closed(1)
_LARGE_PARKED = large(closed(1, "closed largely"))
_HELD = wrong(migrated(1))
_LARGE_HELD = large(wrong(migrated(1, "large")))
_REPLAYS_AT = "2026-11-23 09:10"
#: What waits was published again, and the register can apply it now.
_REPLAYED = (migrate(1), at(_REPLAYS_AT), do(scheduled("replay_parked", _REPLAYS_AT)))


def _dead_letter(message: bytes) -> Call:
    given_up = {
        "CloudPubSubDeadLetterSourceSubscription": "projects/p/subscriptions/consume-migration",
        "CloudPubSubDeadLetterSourceDeliveryCount": "20",
    }
    return push("quarantine_dead_letters", message, given_up)


OPERATIONS = [
    Operation("a wrong message", before=(), work=lambda _: delivered(_HELD)),
    Operation("a large wrong message", before=(), work=lambda _: delivered(_LARGE_HELD)),
    Operation("a message that is too early", before=(), work=lambda _: delivered(_PARKED)),
    Operation("a dead letter", before=(), work=lambda _: _dead_letter(migrated(1))),
    Operation("a large dead letter", before=(), work=lambda _: _dead_letter(large(migrated(1)))),
    Operation(
        "parked messages are published again",
        before=(send(_PARKED, _LARGE_PARKED), migrate(1), at(_REPLAYS_AT)),
        work=lambda _: scheduled("replay_parked", _REPLAYS_AT),
        after=(deliver, run("replay_parked", "2026-11-23 09:30")),
    ),
    Operation("a parked message is applied", before=(send(_PARKED), *_REPLAYED), work=World.take),
    Operation("a large parked message is applied", before=(send(_LARGE_PARKED), *_REPLAYED), work=World.take),
    Operation(
        "an operator publishes messages again",
        before=(send(_HELD, _LARGE_HELD),),
        work=lambda _: ops("quarantine", "replay", "--all"),
    ),
    Operation(
        "an operator discards messages",
        before=(send(_HELD, _LARGE_HELD),),
        work=lambda _: ops(
            "quarantine", "discard", record_of(_HELD), record_of(_LARGE_HELD), "--reason", "sent by mistake"
        ),
    ),
]
