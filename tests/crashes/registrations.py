"""Operations on registrations that are cut."""

from tests.crashes.driver import Operation
from tests.crashes.samples import at, closed, delivered, migrate, migrated, moved, send
from tests.crashes.world import scheduled

_ENDING = {"code": "33", "ends_on": "2026-11-23"}

OPERATIONS = [
    Operation(
        "a record of an account that is not known",
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
    ),
    Operation(
        "needs that end",
        before=(migrate(1, needs=[{"code": "02"}, _ENDING]), migrate(2, needs=[_ENDING]), at("2026-11-24 00:15")),
        work=lambda _: scheduled("expire_needs", "2026-11-24 00:15"),
    ),
]
