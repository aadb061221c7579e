"""Sharing periods: on which basis a person's data could be shared, from when to when, and with which recipients."""

from collections.abc import Iterable
from datetime import datetime

from shared.domain.changes import Change
from shared.domain.recipients import UNROUTABLE, recipients
from shared.domain.registration import RegistrationState
from shared.domain.sharing import Sharing
from shared.domain.wordings import wording
from shared.model import Model


class Allowed(Model):
    """A recipient that was to have data, from one change to another; `until` None: it still is.

    `purpose` is None for a recipient that the table has no more. The daily file of the network's day takes it there.
    """

    recipient: str
    purpose: str | None
    since: datetime
    until: datetime | None


class SharingPeriod(Model):
    """A sharing record while it was the registration's, and the recipients that it allowed.

    `wording_text` is the text that the customer agreed to. `actor` and `source` sent the record to the register.
    """

    sharing: Sharing
    wording_text: str | None
    actor: str
    source: str
    since: datetime
    until: datetime | None
    recipients: list[Allowed]


def sharing_periods(changes: Iterable[Change]) -> list[SharingPeriod]:
    """The periods of a history, oldest first. `changes` are in order."""
    periods: list[SharingPeriod] = []
    for change in changes:
        at = change.recorded_at
        if periods and periods[-1].sharing == change.state.registration.sharing:
            periods[-1] = _continued(periods[-1], change.state, at)
            continue
        if periods:
            periods[-1] = _ended(periods[-1], at)
        periods.append(_continued(_begun(change), change.state, at))
    return periods


def _begun(change: Change) -> SharingPeriod:
    sharing = change.state.registration.sharing
    used = wording(sharing.capture.wording) if sharing.capture and sharing.capture.wording else None
    return SharingPeriod(
        sharing=sharing,
        wording_text=used.text if used else None,
        actor=change.origin.actor,
        source=change.origin.source,
        since=change.recorded_at,
        until=None,
        recipients=[],
    )


def _continued(period: SharingPeriod, state: RegistrationState, at: datetime) -> SharingPeriod:
    """The period after a change: it begins to allow some recipients, and stops to allow others."""
    wanting = {name for views in state.networks.values() for name, view in views.items() if view.wants}
    allowed = wanting - {UNROUTABLE}  # it stands for a network that nobody knows
    open_before = {one.recipient for one in period.recipients if one.until is None}
    stopped = [_until(one, at) if one.recipient not in allowed else one for one in period.recipients]
    begun = [
        Allowed(recipient=name, purpose=_purpose(name), since=at, until=None) for name in sorted(allowed - open_before)
    ]
    return period.model_copy(update={"recipients": [*stopped, *begun]})


def _ended(period: SharingPeriod, at: datetime) -> SharingPeriod:
    return period.model_copy(update={"until": at, "recipients": [_until(one, at) for one in period.recipients]})


def _until(allowed: Allowed, at: datetime) -> Allowed:
    return allowed if allowed.until else allowed.model_copy(update={"until": at})


def _purpose(recipient_id: str) -> str | None:
    known = recipients().get(recipient_id)
    return known.profile.purpose if known else None
