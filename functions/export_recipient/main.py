"""Write one part of a recipient's data. The last part of a day advances the day."""

from shared.domain.delivery import Delivery
from shared.export.parts import ExportParts
from shared.export.work import PartDue
from shared.messages.events import read_event
from shared.messages.push import Consumer
from shared.store.service import service

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """Write one part: at most 20,000 supply points and 8 MiB."""
    event = read_event(delivery, service().clock, PartDue)
    await service().part(ExportParts).write(event.data)


main = consumer.function()
