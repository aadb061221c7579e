"""The anomaly gate: a day that differs too much from those before it waits for a person.

A mistake that withdraws thousands of people looks like any other day to a file format. What a network forgets because
of us it does not know in the next power cut: such a day is written but not released, and later days wait behind it.
"""

from collections.abc import Iterable
from statistics import median

from shared.domain.export_day import Sums
from shared.settings import Settings

#: How many released days before a day it is compared with.
TRAILING_DAYS = 14


def why_held(today: Sums, before: Iterable[Sums], settings: Settings) -> str | None:
    """Why a day needs a person's decision; None if it does not. The first day has nothing to be compared with.

    The median, so that one great day of a migration does not raise the bar for the days after it.
    """
    trailing = list(before)
    if not trailing:
        return None
    checks = (
        ("supply points", today.written, [day.written for day in trailing], settings.hold_supply_points),
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
