"""A delivered Pub/Sub message."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

#: Attribute of a message that was published again out of quarantine: the id of its record.
REPLAY_OF = "psr-replay-of"

#: Pub/Sub adds attributes that begin so when it moves a message to the dead-letter topic.
_DEAD_LETTER = "CloudPubSubDeadLetterSource"


class Delivery(NamedTuple):
    """One attempt to deliver one message.

    `topic` is None where only Pub/Sub knows it (a dead letter), `delivery_attempt` where the subscription does not
    count attempts.
    """

    topic: str | None
    subscription: str
    message_id: str
    publish_time: datetime
    attributes: Mapping[str, str]
    data: bytes
    delivery_attempt: int | None


def before_dead_letter(delivery: Delivery) -> Delivery:
    """A dead letter as it was on the subscription that gave it up."""
    attributes = delivery.attributes
    attempts = attributes.get(f"{_DEAD_LETTER}DeliveryCount", "")
    return delivery._replace(
        topic=None,
        subscription=attributes.get(f"{_DEAD_LETTER}Subscription", delivery.subscription),
        attributes={name: value for name, value in attributes.items() if not name.startswith(_DEAD_LETTER)},
        delivery_attempt=int(attempts) if attempts.isdecimal() else 1,
    )
