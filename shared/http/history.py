"""The history of a registration, as callers see it."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from shared.domain.campaigns import ContactAttempt
from shared.domain.changes import Change, ChangeKind
from shared.domain.registration import Registration, RegistrationId
from shared.domain.sharing_periods import SharingPeriod
from shared.http.callers import Caller
from shared.http.registrations import without_secrets
from shared.model import Model


class HistoryQuery(Model, strict=False):
    """The page of a history that a request asks for."""

    page_size: int = Field(50, ge=1, le=100)
    page_token: str | None = Field(None, max_length=500)


class HistoryEntry(Model):
    """One change: the outcome of a request or message, its actor, and the registration after it."""

    change_id: str
    kind: ChangeKind
    version: int
    actor: str
    source: str
    event_id: str | None
    event_time: datetime
    recorded_at: datetime
    day: date
    reason: str | None
    attempt: ContactAttempt | None
    registration: Registration


class HistoryPage(Model):
    """Changes by version, newest last. A page with a token is not the last, even if it is short or empty."""

    changes: list[HistoryEntry]
    next_page_token: str | None

    def json_for(self, caller: Caller) -> str:
        """JSON text, without the fields that the caller may not see."""
        hidden: dict[str, Any] = without_secrets(caller)
        return self.model_dump_json(exclude={"changes": {"__all__": {"registration": hidden}}} if hidden else {})


class SharingHistory(Model):
    """The sharing records of a registration, oldest first, with the recipients that each allowed."""

    registration_id: RegistrationId
    periods: list[SharingPeriod]


def history_entry(change: Change) -> HistoryEntry:
    """A change, as callers see it."""
    return HistoryEntry(
        change_id=change.change_id,
        kind=change.kind,
        version=change.version,
        actor=change.origin.actor,
        source=change.origin.source,
        event_id=change.origin.event_id,
        event_time=change.origin.event_time,
        recorded_at=change.recorded_at,
        day=change.day,
        reason=change.reason,
        attempt=change.attempt,
        registration=change.state.registration,
    )
