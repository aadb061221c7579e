"""Takes the account system's events. One about an account that is not registered yet waits in quarantine."""

from shared.domain.account_events import apply_account_event
from shared.domain.delivery import Delivery
from shared.flows.apply_event import apply_event
from shared.messages.account_events import ACCOUNT_EVENTS, points_named, statement_of
from shared.messages.events import read_event
from shared.messages.push import Consumer
from shared.settings import settings

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """One event; two RPCs."""
    here = settings()
    event = read_event(delivery, here.clock(), *ACCOUNT_EVENTS)
    statement = statement_of(event)
    await apply_event(
        event,
        lambda known, moment: apply_account_event(statement, known, moment=moment, fact=event.fact, policy=here),
        points=points_named(event),
    )


main = consumer.function()
