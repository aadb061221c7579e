"""A delivered Pub/Sub message."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

#: Attribute of a message that was published again out of quarantine: the id of its record.
REPLAY_OF = "psr-replay-of"


class Delivery(NamedTuple):
    """One attempt to deliver one message. `delivery_attempt` is None where the subscription does not count them."""

    topic: str
    subscription: str
    message_id: str
    publish_time: datetime
    attributes: Mapping[str, str]
    data: bytes
    delivery_attempt: int | None
