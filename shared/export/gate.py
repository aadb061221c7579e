"""The anomaly gate: a day that differs too much from the days before it is put on hold.

A file format cannot show a mistake that withdraws thousands of people. A network that deletes people because of such a
mistake does not know of them in the next power cut. Such a day is written but not released, and later days wait for it.
"""

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple

from shared.domain.export_day import Sums
from shared.settings import Settings

#: The number of released days before a day that it is compared with.
TRAILING_DAYS = 14


class Anomaly(NamedTuple):
    """A number of a day that is far above the usual, which is the median of `days` days before."""

    quantity: str
    number: int
    multiple: float
    usual: float
    days: int

    @property
    def sentence(self) -> str:
        """The anomaly in words, for the person who decides on the day."""
        return (
            f"{self.number} {self.quantity}, more than {self.multiple:g} times the usual {self.usual:g} (median of the "
            f"{self.days} days before)"
        )


def anomaly_in(sums: Sums, before: Iterable[Sums], settings: Settings) -> Anomaly | None:
    """The anomaly for which a day needs a person's decision, if it has one. The first day has no days to compare with.

    The usual is a median, so that one large day of a migration does not raise the limit for the days after it.
    """
    trailing = list(before)
    if not trailing:
        return None
    checks = (
        ("supply points", sums.written, [day.written for day in trailing], settings.hold_supply_points),
        ("deletes", sums.deletes, [day.deletes for day in trailing], settings.hold_deletes),
    )
    for quantity, number, numbers_before, least in checks:
        usual = median(numbers_before)
        if number >= least and number > settings.hold_multiple * usual:
            return Anomaly(quantity, number, settings.hold_multiple, usual, len(trailing))
    return None
