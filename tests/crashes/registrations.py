"""Operations on registrations that are cut."""

from tests.crashes.driver import Operation
from tests.crashes.samples import closed, delivered, migrate, migrated, moved, send
from tests.crashes.world import scheduled

OPERATIONS = [
    Operation(
        "a record of an account that is not known",
        before=lambda _: None,
        work=lambda _: delivered(migrated(1)),
    ),
    Operation(
        "a newer record of an account",
        before=lambda world: migrate(world, 1),
        work=lambda _: delivered(migrated(1, "newer", "2026-11-23 08:10", needs=[{"code": "08"}])),
    ),
    Operation(
        "a move to supply points that another account has released",
        before=lambda world: (migrate(world, 1, 2), send(world, closed(2, at="2026-11-23 08:10"))),
        work=lambda _: delivered(moved(1, to=2)),
    ),
    Operation(
        "needs that end",
        before=lambda world: (
            migrate(world, 1, needs=[{"code": "02"}, {"code": "33", "ends_on": "2026-11-23"}]),
            migrate(world, 2, needs=[{"code": "33", "ends_on": "2026-11-23"}]),
            world.at("2026-11-24 00:15"),
        ),
        work=lambda _: scheduled("expire_needs", "2026-11-24 00:15"),
    ),
]
