"""Write one part of a recipient's data. The last part of a day advances the day."""

from shared.domain.delivery import Delivery
from shared.export.parts import export_parts
from shared.export.work import PartDue
from shared.messages.events import read_event
from shared.messages.push import Consumer
from shared.settings import settings

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """Write one part: at most 20,000 supply points and 8 MiB."""
    event = read_event(delivery, settings().clock(), PartDue)
    await export_parts().write(event.data)


main = consumer.function()
