"""Retention: since when a registration is not live, and the day on which it is to be erased."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from shared.domain.erasure import erased_at
from shared.domain.registration import FormerPeriod, Registration, RegistrationState


def period_fields(known: RegistrationState, after: Registration, day: date) -> dict[str, object]:
    """The fields of a state that a change of status moves: when it ended, and its earlier times on the register."""
    was_live, is_live = known.registration.status.live, after.status.live
    if was_live == is_live:
        return {}
    return {"ended_on": None, "former": [*known.former, *_period_before(known)]} if is_live else {"ended_on": day}


def _period_before(known: RegistrationState) -> list[FormerPeriod]:
    """The period of a registration that is not live, if it has one."""
    ended_on = known.erased_on or known.ended_on
    if ended_on is None:
        return []
    return [FormerPeriod(ended_on=ended_on, version=known.registration.version, erased_at=erased_at(known))]


def erase_due_on(state: RegistrationState, kept: timedelta) -> date | None:
    """The first day on which something of a registration is to be erased; None if there is none."""
    days = [erase_period_on(period, kept) for period in state.former]
    if own_day := erase_registration_on(state, kept):
        days.append(own_day)
    return min(days, default=None)


def erase_registration_on(state: RegistrationState, kept: timedelta) -> date | None:
    """The day on which to erase a registration that has ended: at once if it is a referral that nobody confirmed."""
    if state.ended_on is None:
        return None
    return state.ended_on if state.registration.unconfirmed_until else state.ended_on + kept


def erase_period_on(period: FormerPeriod, kept: timedelta) -> date:
    """The day on which the history of a former period is to be erased."""
    return period.ended_on if period.erased_at else period.ended_on + kept


def retained_periods(state: RegistrationState, kept: timedelta, day: date) -> list[FormerPeriod]:
    """The former periods whose history is kept beyond a day."""
    return [period for period in state.former if erase_period_on(period, kept) > day]


def retained_versions(state: RegistrationState, kept: timedelta, day: date) -> list[range]:
    """The versions of these periods: each begins after the one before it."""
    retained = retained_periods(state, kept, day)
    begins = [1, *(period.version + 1 for period in state.former)]
    return [
        range(first, period.version + 1)
        for first, period in zip(begins, state.former, strict=False)
        if period in retained
    ]


class Extent(NamedTuple):
    """The extent of an erasure: history and feed up to a version, except the versions that are `retained`, and messages
    that were first seen by an instant.
    """

    version: int
    seen_by: datetime
    retained: Sequence[range]

    def covers(self, version: int) -> bool:
        """Whether the erasure covers the history and the feed of a version."""
        return version <= self.version and not any(version in versions for versions in self.retained)
