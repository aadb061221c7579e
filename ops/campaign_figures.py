"""The figures of review campaigns: registrations with work due in a period, and what was done about it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from shared.domain.campaigns import CampaignState, Work
from shared.domain.changes import Change
from shared.domain.due_dates import ENDING_SOON
from shared.domain.notices import due_date_of
from shared.domain.registration import Registration


class CampaignFigures(NamedTuple):
    """A row, in registrations; `attempts` in attempts."""

    work: str
    due: int
    attempted: int
    reached: int
    escalated: int
    attempts: int


class CampaignTally:
    """Adds registrations up one by one, in constant memory."""

    def __init__(self, first: date, last: date) -> None:
        self._first = first
        self._last = last
        self._counts = {column: Counter[Work]() for column in CampaignFigures._fields[1:]}

    def add(self, changes: Sequence[Change], versions: Sequence[Change]) -> None:
        """Count one registration by its changes, and by those that made versions, in their order."""
        attempts = [one.attempt for one in changes if one.attempt and self._first <= one.day <= self._last]
        self._counts["due"].update(set(self._due(versions)))
        self._counts["attempted"].update({one.work for one in attempts})
        self._counts["reached"].update({one.work for one in attempts if one.outcome.reached})
        self._counts["escalated"].update(set(self._escalated(versions)))
        self._counts["attempts"].update(one.work for one in attempts)

    def rows(self) -> list[CampaignFigures]:
        """Each kind of work."""
        return [CampaignFigures(work.value, *(counter[work] for counter in self._counts.values())) for work in Work]

    def _due(self, versions: Sequence[Change]) -> Iterator[Work]:
        """The work that was due on some day of the period; a need is due from when it ends soon to its last day."""
        ends = [change.day for change in versions[1:]] + [self._last]
        for change, end in zip(versions, ends, strict=False):
            first_day, last_day = max(change.day, self._first), min(end, self._last)
            for work in Work if first_day <= last_day else ():
                due_on = due_date_of(work, change.state.registration)
                is_need = work is Work.NEED_ENDING
                ahead = ENDING_SOON if is_need else timedelta()
                if due_on and due_on <= last_day + ahead and not (is_need and due_on < first_day):
                    yield work

    def _escalated(self, versions: Sequence[Change]) -> Iterator[Work]:
        """The work that was escalated in the period."""
        for before, after in pairwise(versions):
            if self._first <= after.day <= self._last:
                new = _escalations(after.state.registration) - _escalations(before.state.registration)
                yield from (work for work, _ in new)


def _escalations(registration: Registration) -> set[tuple[Work, date]]:
    return {(one.work, one.due_on) for one in registration.campaigns if one.state is CampaignState.ESCALATED}
