"""Operations of the export, to interrupt."""

from collections.abc import Callable

from tests.crashes.driver import Operation
from tests.crashes.picture import EXPORTED, Picture
from tests.crashes.samples import at, closed, deliver, deliver_all_but_one, do, migrate, run, send
from tests.crashes.world import World, ops, scheduled
from tools.local.sample import mpan

_TUESDAY, _WEDNESDAY, _THURSDAY = "2026-11-24 02:05", "2026-11-25 02:05", "2026-11-26 02:05"
#: A day with more than twice as many supply points as the day before is put on hold.
_STRICT = {"PSR_HOLD_MULTIPLE": "2", "PSR_HOLD_SUPPLY_POINTS": "1"}

#: Two distributors and the gas shipper get a file.
_MONDAY = (migrate(1, 2), migrate(3, supply_points={"mpans": [mpan("22", 3)], "mprns": []}), at(_TUESDAY))
_PLANNED = (*_MONDAY, do(scheduled("export_daily", _TUESDAY)))
#: Monday is released. Tuesday is planned and has far more supply points.
_BUSY_TUESDAY = (
    migrate(1),
    run("export_daily", _TUESDAY),
    at("2026-11-24 09:00"),
    migrate(2, 3, 4),
    at(_WEDNESDAY),
    do(scheduled("export_daily", _WEDNESDAY)),
)
_HELD = (*_BUSY_TUESDAY, deliver)
#: An account has left the register since Monday was released.
_RELEASED = (
    *_MONDAY,
    run("export_daily", _TUESDAY),
    at("2026-11-24 09:00"),
    send(closed(2, at="2026-11-24 08:00")),
    run("export_daily", _WEDNESDAY),
    at("2026-11-25 09:00"),
)


def _expect(**stages: str) -> Callable[[Picture], None]:
    """The stage of each day of November."""
    expected = {f"2026-11-{day[1:]}": stage for day, stage in stages.items()}

    def check(picture: Picture) -> None:
        assert {
            p.removeprefix("exports/"): w["stage"] for p, w in picture.items() if p.startswith("exports/")
        } == expected
        sent = {p.removeprefix(EXPORTED).partition("/")[0] for p in picture if p.endswith("/released")}
        assert sent == {day for day, stage in expected.items() if stage == "released"}

    return check


OPERATIONS = [
    Operation(
        "a day is planned",
        before=_MONDAY,
        work=lambda _: scheduled("export_daily", _TUESDAY),
        expected=_expect(d23="released"),
        everyday=2,
    ),
    Operation("a part is written", before=_PLANNED, work=World.take, expected=_expect(d23="released")),
    Operation(
        "the last part is written, and the day released",
        before=(*_PLANNED, deliver_all_but_one),
        work=World.take,
        expected=_expect(d23="released"),
        everyday=3,
    ),
    Operation(
        "a quiet day is released",
        before=(at(_TUESDAY),),
        work=lambda _: scheduled("export_daily", _TUESDAY),
        expected=_expect(d23="released"),
    ),
    Operation(
        "the last part is written, and the day put on hold",
        before=(*_BUSY_TUESDAY, deliver_all_but_one),
        work=World.take,
        settings=_STRICT,
        expected=_expect(d23="released", d24="held"),
    ),
    Operation(
        "a day on hold is released",
        before=_HELD,
        work=lambda _: ops("export", "release", "2026-11-24", "--reason", "a migration"),
        after=(run("export_daily", _THURSDAY),),
        settings=_STRICT,
        expected=_expect(d23="released", d24="released", d25="released"),
        everyday=2,
    ),
    Operation(
        "a day on hold is revised",
        before=_HELD,
        work=lambda _: ops("export", "revise", "2026-11-24"),
        after=(run("export_daily", "2026-11-25 03:05"),),
        settings=_STRICT,
        expected=_expect(d23="released", d24="held"),
    ),
    Operation(
        "a revised day is planned",
        before=(*_HELD, do(ops("export", "revise", "2026-11-24")), at("2026-11-25 03:05")),
        work=lambda _: scheduled("export_daily", "2026-11-25 03:05"),
        settings=_STRICT,
        expected=_expect(d23="released", d24="held"),
    ),
    Operation(
        "a day is sent again",
        before=_RELEASED,
        work=lambda _: ops("export", "resend", "2026-11-23"),
        after=(run("export_daily", _THURSDAY),),
        expected=_expect(d23="released", d24="released", d25="released"),
    ),
    Operation(
        "everything is sent again",
        before=_RELEASED,
        work=lambda _: ops("export", "resend", "--everyone"),
        after=(run("export_daily", _THURSDAY),),
        expected=_expect(d23="released", d24="released", d25="released"),
        everyday=2,
    ),
]
