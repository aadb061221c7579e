"""Quarantine dead letters: messages that failed so often that Pub/Sub dead-lettered them."""

from shared.domain.delivery import Delivery, before_dead_letter
from shared.errors import GivenUp
from shared.messages.push import Consumer
from shared.store.quarantine import Quarantine
from shared.store.service import service

consumer = Consumer(__file__, applies=False)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """Create the quarantine record of the original message, or count the dead letter on the existing record."""
    await service().part(Quarantine).put(before_dead_letter(delivery), GivenUp())


main = consumer.function()
