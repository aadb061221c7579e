"""The log entries of an outcome, of a request, a message or the calendar."""

from shared.domain.changes import ChangeKind
from shared.domain.supply_points import UNKNOWN_DISTRIBUTOR
from shared.log import Event, log
from shared.store.registrations import Outcome


def log_outcome(outcome: Outcome) -> None:
    """Log a change, and a supply point that has no known network."""
    change = outcome.change
    log(
        Event.CHANGE_STORED,
        registration_id=change.registration_id,
        kind=change.kind,
        version=change.version,
        replayed=outcome.replayed,
    )
    changed = change.kind in (ChangeKind.REGISTERED, ChangeKind.AMENDED) and not outcome.replayed
    warnings = {notice.code for notice in change.state.registration.warnings}
    if changed and UNKNOWN_DISTRIBUTOR in warnings:
        log(Event.SUPPLY_POINT_UNROUTABLE, registration_id=change.registration_id)
