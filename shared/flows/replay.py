"""Publishing a quarantined message again, as it came."""

from itertools import islice

from shared.domain.delivery import REPLAY_OF
from shared.messages.publisher import Publisher
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import Record
from shared.store.service import service

#: Pub/Sub takes 100 attributes; two are ours (the record's id, the trace).
_ATTRIBUTES = 98


async def replay(record: Record, topic: str) -> None:
    """Publish a message to a topic, marked with its record. Raises `NotFound` if its data is gone, `Unavailable`."""
    data = await service().part(Quarantine).data(record.message)
    attributes = dict(islice(record.message.attributes.items(), _ATTRIBUTES))
    await service().part(Publisher).publish(topic, data, {**attributes, REPLAY_OF: record.record_id})
