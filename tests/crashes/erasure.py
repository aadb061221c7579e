"""Operations that erase people, to interrupt."""

from tests.crashes.driver import Operation
from tests.crashes.picture import EXPORTED, QUARANTINED, Picture
from tests.crashes.samples import Step, at, closed, large, migrate, migrated, run, send, wrong
from tests.crashes.world import ops, scheduled


def _night(day: str) -> tuple[Step, ...]:
    """The scheduled calls of the night to a day."""
    return run("export_daily", f"{day} 02:05"), run("erase_ended", f"{day} 07:15")


_IN_QUARANTINE = send(wrong(migrated(1, "wrong")), large(wrong(migrated(1, "large"))), wrong(migrated(2, "wrong")))
#: Two accounts with changes on a released day and on one that is not, and messages in quarantine.
_WELL_KNOWN = (
    migrate(1, 2),
    send(migrated(1, "newer", "2026-11-23 08:10", needs=[{"code": "08"}])),
    _IN_QUARANTINE,
    *_night("2026-11-24"),
    at("2026-11-24 09:00"),
    send(migrated(1, "later", "2026-11-24 08:00", primary_contact={"name": "Person 1 B", "phones": []})),
)
_ERASE = ops("subject", "erase", "A-1", "--reason", "ticket 1", "--yes")


def _forgotten(picture: Picture, *numbers: int) -> None:
    """Check that only exported files name these people, and that no large message is left."""
    kept = {place: str(what) for place, what in picture.items() if not place.startswith(EXPORTED)}
    names = [name for n in numbers for name in (f"'A-{n}'", f"Person {n}", f"{n} Test Street")]
    assert not [(place, name) for place, what in kept.items() for name in names if name in what]
    assert not [place for place in picture if place.startswith(QUARANTINED)]


OPERATIONS = [
    Operation(
        "a person is erased at their request",
        before=_WELL_KNOWN,
        work=lambda _: _ERASE,
        after=(*_night("2026-11-25"), *_night("2026-11-26"), *_night("2026-11-27")),
        expected=lambda picture: _forgotten(picture, 1),
        everyday=4,
    ),
    Operation(
        "an unknown account is erased",
        before=(_IN_QUARANTINE,),
        work=lambda _: _ERASE,
        after=(*_night("2026-11-24"), *_night("2026-11-25"), send(migrated(1))),
        expected=lambda picture: _forgotten(picture, 1),
    ),
    Operation(
        "people whose retention is over are erased",
        before=(
            *_WELL_KNOWN,
            send(closed(1, at="2026-11-24 08:10"), closed(2, at="2026-11-24 08:10")),
            *_night("2026-11-25"),
            at("2026-11-26 07:15"),
        ),
        work=lambda _: scheduled("erase_ended", "2026-11-26 07:15"),
        after=(*_night("2026-11-27"), *_night("2026-11-28")),
        settings={"PSR_ENDED_KEPT_DAYS": "2"},
        expected=lambda picture: _forgotten(picture, 1, 2),
        everyday=3,
    ),
]
