"""Writes one part of one recipient's file; the last part of a day brings the day on."""

from shared.domain.delivery import Delivery
from shared.export.parts import ExportParts
from shared.export.work import PartDue
from shared.messages.events import read_event
from shared.messages.push import Consumer
from shared.store.service import service

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """One part: at most 20,000 supply points, under 8 MiB."""
    event = read_event(delivery, service().clock, PartDue)
    await service().part(ExportParts).write(event.data)


main = consumer.function()
