"""Apply the account system's events. An event about an account that is not registered yet waits in quarantine."""

from shared.domain.account_events import apply_account_event
from shared.domain.delivery import Delivery
from shared.flows.apply_event import apply_event
from shared.messages.account_events import ACCOUNT_EVENTS
from shared.messages.events import read_event
from shared.messages.push import Consumer
from shared.store.service import service

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """Apply one event; two RPCs."""
    config = service().settings
    event = read_event(delivery, config.clock(), *ACCOUNT_EVENTS)
    statement = event.statement()
    await apply_event(
        event,
        lambda known, moment: apply_account_event(statement, known, moment=moment, fact=event.fact, policy=config),
        points=event.points_named(),
    )


main = consumer.function()
