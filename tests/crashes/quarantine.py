"""Operations of the quarantine that are cut."""

from tests.crashes.driver import Operation
from tests.crashes.forks import Call
from tests.crashes.samples import closed, delivered, large, migrate, migrated, record_of, send, wrong
from tests.crashes.world import World, ops, push, scheduled

_PARKED = closed(1)
_LARGE_PARKED = large(closed(1, "closed largely"))
_HELD = wrong(migrated(1))
_LARGE_HELD = large(wrong(migrated(1, "large")))


def _replayed(world: World) -> None:
    """A message that waits was published again, and the register can apply it now."""
    migrate(world, 1)
    world.at("2026-11-23 09:10")
    world.do(scheduled("replay_parked", "2026-11-23 09:10"))


def _dead_letter(message: bytes) -> Call:
    given_up = {
        "CloudPubSubDeadLetterSourceSubscription": "projects/p/subscriptions/consume-migration",
        "CloudPubSubDeadLetterSourceDeliveryCount": "20",
    }
    return push("quarantine_dead_letters", message, given_up)


OPERATIONS = [
    Operation("a wrong message", before=lambda _: None, work=lambda _: delivered(_HELD)),
    Operation("a large wrong message", before=lambda _: None, work=lambda _: delivered(_LARGE_HELD)),
    Operation("a message that is too early", before=lambda _: None, work=lambda _: delivered(_PARKED)),
    Operation("a dead letter", before=lambda _: None, work=lambda _: _dead_letter(migrated(1))),
    Operation("a large dead letter", before=lambda _: None, work=lambda _: _dead_letter(large(migrated(1)))),
    Operation(
        "parked messages are published again",
        before=lambda world: (
            send(world, _PARKED, _LARGE_PARKED),
            migrate(world, 1),
            world.at("2026-11-23 09:10"),
        ),
        work=lambda _: scheduled("replay_parked", "2026-11-23 09:10"),
    ),
    Operation(
        "a parked message is applied",
        before=lambda world: (send(world, _PARKED), _replayed(world)),
        work=lambda world: world.deliver(world.mail.pop(0)),
    ),
    Operation(
        "a large parked message is applied",
        before=lambda world: (send(world, _LARGE_PARKED), _replayed(world)),
        work=lambda world: world.deliver(world.mail.pop(0)),
    ),
    Operation(
        "an operator publishes messages again",
        before=lambda world: send(world, _HELD, _LARGE_HELD),
        work=lambda _: ops("quarantine", "replay", "--all"),
    ),
    Operation(
        "an operator discards messages",
        before=lambda world: send(world, _HELD, _LARGE_HELD),
        work=lambda _: ops(
            "quarantine", "discard", record_of(_HELD), record_of(_LARGE_HELD), "--reason", "sent by mistake"
        ),
    ),
]
