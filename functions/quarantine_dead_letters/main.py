"""Keeps dead letters: messages that failed so often that Pub/Sub gave them up."""

from shared.domain.delivery import Delivery, before_dead_letter
from shared.errors import GivenUp
from shared.messages.push import Consumer
from shared.store.quarantine import Quarantine
from shared.store.service import service

consumer = Consumer(__file__, applies=False)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    """One dead letter becomes, or is counted on, the record of the message that it was."""
    await service().part(Quarantine).put(before_dead_letter(delivery), GivenUp())


main = consumer.function()
