"""Register customers from the migration pipeline. A record never overwrites a newer fact."""

from shared.domain.delivery import Delivery
from shared.domain.migration import migrate
from shared.flows.apply_event import apply_event
from shared.messages.events import CustomerMigrated, read_event
from shared.messages.legacy import translated
from shared.messages.push import Consumer
from shared.store.registrations import Registrations
from shared.store.service import service

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """Apply one customer's record; one RPC for an account that is new to the register, three for a known one."""
    config = service().settings
    event = read_event(delivery._replace(data=translated(delivery.data)), config.clock(), CustomerMigrated)
    registration_id = service().part(Registrations).registration_id(event.subject)
    await apply_event(
        event,
        lambda known, moment: migrate(
            event.data, known, registration_id, moment=moment, fact=event.fact, policy=config
        ),
        points=event.data.supply_points.all(),
        expect_new=True,
    )


main = consumer.function()
