"""Operations that erase people, and are cut."""

from tests.crashes.driver import Operation
from tests.crashes.samples import closed, large, migrate, migrated, send, wrong
from tests.crashes.world import World, ops, scheduled


def _known_well(world: World) -> None:
    """Two accounts with changes on a released day and on one that is not, and messages in quarantine."""
    migrate(world, 1, 2)
    send(world, migrated(1, "newer", "2026-11-23 08:10", needs=[{"code": "08"}]))
    send(world, wrong(migrated(1, "wrong")), large(wrong(migrated(1, "large"))), wrong(migrated(2, "wrong")))
    next_day(world, "2026-11-24")
    world.at("2026-11-24 09:00")
    send(world, migrated(1, "later", "2026-11-24 08:00", primary_contact={"name": "Person 1 B", "phones": []}))


def next_day(world: World, day: str) -> None:
    """What the platform does in the night to a day."""
    world.at(f"{day} 02:05")
    world.do(scheduled("export_daily", f"{day} 02:05"))
    world.do_mail()
    world.at(f"{day} 07:15")
    world.do(scheduled("erase_ended", f"{day} 07:15"))


def _days_pass(world: World, *days: str) -> None:
    for day in days:
        next_day(world, day)


OPERATIONS = [
    Operation(
        "a person is erased at their request",
        before=_known_well,
        work=lambda _: ops("subject", "erase", "A-1", "--reason", "ticket 1"),
        after=lambda world: _days_pass(world, "2026-11-25", "2026-11-26", "2026-11-27"),
    ),
    Operation(
        "people whose retention is over are erased",
        before=lambda world: (
            _known_well(world),
            send(world, closed(1, at="2026-11-24 08:10"), closed(2, at="2026-11-24 08:10")),
            next_day(world, "2026-11-25"),
            world.at("2026-11-26 07:15"),
        ),
        work=lambda _: scheduled("erase_ended", "2026-11-26 07:15"),
        after=lambda world: _days_pass(world, "2026-11-27", "2026-11-28"),
        settings={"PSR_ENDED_KEPT_DAYS": "2"},
    ),
]
