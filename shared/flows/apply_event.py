"""From an event to its one document in the change log."""

from collections.abc import Callable, Sequence

from shared.domain.changes import Origin, event_change_id
from shared.domain.decision import Decision, Moment
from shared.domain.registration import RegistrationState
from shared.domain.supply_points import SupplyPoint
from shared.errors import InvalidContent, SupplyPointHeld
from shared.flows.outcome_log import log_outcome
from shared.messages.events import CloudEvent
from shared.store.change_requests import ChangeRequest
from shared.store.registrations import Outcome, Registrations
from shared.store.service import service


async def apply_event(
    event: CloudEvent,
    decide: Callable[[RegistrationState | None, Moment], Decision],
    *,
    points: Sequence[SupplyPoint] = (),
    expect_new: bool = False,
) -> Outcome:
    """Decide on an event and store what follows, once however often it is delivered.

    `points` are the supply points that it may take or lose. Raises what `decide` and `Registrations.apply` raise, and
    `SupplyPointHeld` also after all was stored but supply points that another registration holds.
    """
    store = service().part(Registrations)
    registration_id = store.registration_id(event.subject)
    request = ChangeRequest(
        registration_id=registration_id,
        change_id=event_change_id(registration_id, event.source, event.id),
        fingerprint=event.fingerprint,
        origin=Origin(actor=event.source, source=event.source, event_id=event.id, event_time=event.time),
        points=points,
        yields=True,
    )
    try:
        outcome = await store.apply(request, decide, expect_new=expect_new)
    except InvalidContent as invalid:
        raise InvalidContent(
            tuple(error._replace(pointer=f"/data{error.pointer}") for error in invalid.errors)
        ) from None
    log_outcome(outcome)
    if outcome.waiting:
        raise SupplyPointHeld
    return outcome
