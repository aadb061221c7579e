"""Takes customers from the migration pipeline. A record never overwrites a newer fact."""

from shared.domain.delivery import Delivery
from shared.domain.migration import migrate
from shared.flows.apply_event import apply_event
from shared.messages.events import CustomerMigrated, read_event
from shared.messages.legacy import translated
from shared.messages.push import Consumer
from shared.settings import settings
from shared.store.registrations import registrations

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """One migrated customer; one RPC for an account that the register does not know yet, three for one it does."""
    here = settings()
    event = read_event(delivery._replace(data=translated(delivery.data)), here.clock(), CustomerMigrated)
    registration_id = registrations().registration_id(event.subject)
    await apply_event(
        event,
        lambda known, moment: migrate(event.data, known, registration_id, moment=moment, fact=event.fact, policy=here),
        points=event.data.supply_points.all(),
        expect_new=True,
    )


main = consumer.function()
