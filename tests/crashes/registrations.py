"""Operations on registrations, to interrupt."""

from tests.crashes.driver import Operation
from tests.crashes.samples import at, closed, delivered, do, migrate, migrated, moved, run, send
from tests.crashes.world import World, scheduled

_REPLAYS_AT = "2026-11-23 09:10"
_ENDING = {"code": "33", "ends_on": "2026-11-24"}

OPERATIONS = [
    Operation(
        "a record of an unknown account",
        before=(),
        work=lambda _: delivered(migrated(1)),
    ),
    Operation(
        "a newer record of an account",
        before=(migrate(1),),
        work=lambda _: delivered(migrated(1, "newer", "2026-11-23 08:10", needs=[{"code": "08"}])),
    ),
    Operation(
        "a move to supply points that another account has released",
        before=(migrate(1, 2), send(closed(2))),
        work=lambda _: delivered(moved(1, to=2)),
        everyday=2,
    ),
    Operation(
        "a move to supply points that another account still has",
        before=(migrate(1, 2),),
        work=lambda _: delivered(moved(1, to=2)),
        after=(send(closed(2)), run("replay_parked", "2026-11-23 09:10")),
        everyday=2,
    ),
    Operation(
        "the second of two moves by which accounts swap homes",
        before=(migrate(1, 2), send(moved(1, to=2))),
        work=lambda _: delivered(moved(2, to=1)),
        after=(run("replay_parked", "2026-11-23 09:10"),),
    ),
    Operation(
        "a move that waited takes its supply points",
        before=(
            migrate(1, 2),
            send(moved(1, to=2), closed(2)),
            at(_REPLAYS_AT),
            do(scheduled("replay_parked", _REPLAYS_AT)),
        ),
        work=World.take,
    ),
    Operation(
        "needs and accounts that end",
        before=(
            migrate(1, needs=[{"code": "02"}, _ENDING]),
            migrate(2, needs=[_ENDING]),
            migrate(3),
            send(closed(3, last_day="2026-11-24")),
            at("2026-11-25 00:15"),
        ),
        work=lambda _: scheduled("expire_needs", "2026-11-25 00:15"),
        everyday=2,
    ),
]
