"""Operations of the export that are cut."""

from collections.abc import Callable

from ops.local.sample import mpan
from tests.crashes.driver import Operation
from tests.crashes.forks import Call
from tests.crashes.samples import closed, migrate, send
from tests.crashes.world import World, ops, scheduled

_TUESDAY, _WEDNESDAY, _THURSDAY = "2026-11-24 02:05", "2026-11-25 02:05", "2026-11-26 02:05"
#: A day is held that has more than twice as many supply points as the day before.
_STRICT = {"PSR_HOLD_MULTIPLE": "2", "PSR_HOLD_SUPPLY_POINTS": "1"}


def _monday(world: World) -> None:
    """Two distributors and the gas shipper receive something."""
    migrate(world, 1, 2)
    migrate(world, 3, supply_points={"mpans": [mpan("22", 3)], "mprns": []})


def _run(world: World, slot: str) -> None:
    """One run of the schedule, and what comes of it."""
    world.at(slot)
    world.do(scheduled("export_daily", slot))
    world.do_mail()


def _planned(world: World) -> None:
    """Monday is planned, its parts wait."""
    _monday(world)
    world.at(_TUESDAY)
    world.do(scheduled("export_daily", _TUESDAY))


def _last_part(world: World) -> None:
    """All parts but one are written."""
    _planned(world)
    while len(world.mail) > 1:
        world.do(world.deliver(world.mail.pop(0)))


def _busy_tuesday(world: World) -> None:
    """Monday is released, and Tuesday has far more."""
    migrate(world, 1)
    _run(world, _TUESDAY)
    world.at("2026-11-24 09:00")
    migrate(world, 2, 3, 4)
    world.at(_WEDNESDAY)
    world.do(scheduled("export_daily", _WEDNESDAY))


def _held(world: World) -> None:
    """Tuesday waits for a decision."""
    _busy_tuesday(world)
    world.do_mail()


def _released(world: World) -> None:
    """Monday is released, with somebody who has left since."""
    _monday(world)
    _run(world, _TUESDAY)
    world.at("2026-11-24 09:00")
    send(world, closed(2, at="2026-11-24 08:00"))
    _run(world, _WEDNESDAY)
    world.at("2026-11-25 09:00")


def _take(world: World) -> Call:
    return world.deliver(world.mail.pop(0))


def _then(*slots: str) -> Callable[[World], None]:
    """What is left of the mail, then runs of the schedule."""

    def after(world: World) -> None:
        world.do_mail()
        for slot in slots:
            _run(world, slot)

    return after


OPERATIONS = [
    Operation(
        "a day is planned",
        before=lambda world: (_monday(world), world.at(_TUESDAY)),
        work=lambda _: scheduled("export_daily", _TUESDAY),
    ),
    Operation("a part is written", before=_planned, work=_take),
    Operation("the last part is written, and the day released", before=_last_part, work=_take),
    Operation(
        "a quiet day is released",
        before=lambda world: world.at(_TUESDAY),
        work=lambda _: scheduled("export_daily", _TUESDAY),
    ),
    Operation(
        "the last part is written, and the day held",
        before=lambda world: (
            _busy_tuesday(world),
            [world.do(world.deliver(world.mail.pop(0))) for _ in world.mail[1:]],
        ),
        work=_take,
        settings=_STRICT,
    ),
    Operation(
        "a held day is released",
        before=_held,
        work=lambda _: ops("export", "release", "2026-11-24", "--reason", "a migration"),
        after=_then(_THURSDAY),
        settings=_STRICT,
    ),
    Operation(
        "a held day is revised",
        before=_held,
        work=lambda _: ops("export", "revise", "2026-11-24"),
        after=_then("2026-11-25 03:05"),
        settings=_STRICT,
    ),
    Operation(
        "a day is sent again",
        before=_released,
        work=lambda _: ops("export", "resend", "2026-11-23"),
        after=_then(_THURSDAY),
    ),
    Operation(
        "everything is sent again",
        before=_released,
        work=lambda _: ops("export", "resend", "--everyone"),
        after=_then(_THURSDAY),
    ),
]
