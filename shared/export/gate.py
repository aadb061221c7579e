"""The anomaly gate: a day that differs too much from those before it waits for a person.

A mistake that withdraws thousands of people looks like any other day to a file format. What a network forgets because
of us it does not know in the next power cut: such a day is written but not released, and later days wait behind it.
"""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from shared.export.plan import ExportDay
from shared.settings import Settings

#: How many released days before a day it is compared with.
TRAILING_DAYS = 14


class Totals(NamedTuple):
    """What is told on a day, to all recipients together."""

    supply_points: int
    deletes: int

    @classmethod
    def of(cls, day: ExportDay) -> "Totals":
        """Of a day whose parts are all written."""
        results = [part.result for part in day.parts if part.result]
        return cls(sum(result.written for result in results), sum(result.deletes for result in results))


def why_held(today: Totals, before: Iterable[Totals], settings: Settings) -> str | None:
    """Why a day needs a person's decision; None if it does not. The first day has nothing to be compared with.

    The median, so that one great day of a migration does not raise the bar for the days after it.
    """
    trailing = list(before)
    if not trailing:
        return None
    checks = (
        ("supply points", today.supply_points, [day.supply_points for day in trailing], settings.hold_supply_points),
        ("deletes", today.deletes, [day.deletes for day in trailing], settings.hold_deletes),
    )
    for what, count, usual, least in checks:
        usually = median(usual)
        if count >= least and count > settings.hold_multiple * usually:
            return (
                f"{count} {what}, more than {settings.hold_multiple:g} times the usual {usually:g} (median of the "
                f"{len(trailing)} days before)"
            )
    return None
