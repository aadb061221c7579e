"""Publish messages in one RPC, which returns when Pub/Sub has them.

The library's batching client delays messages on a thread, and an idle instance of a function would freeze that thread.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

import grpc
from google.api_core import exceptions

from shared.errors import Unavailable
from shared.log import trace_id
from shared.settings import emulator_host
from shared.store.service import Service

if TYPE_CHECKING:
    from google.pubsub_v1.services.publisher import PublisherAsyncClient

_SECONDS = 15.0


class Publisher:
    """Publishes to the topics of a project."""

    def __init__(self, project: str) -> None:
        self._project = project

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(service.settings.project)

    async def publish(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """Publish a message with the trace of this request; the result is the message's id. Raises `Unavailable`."""
        return (await self.publish_all(topic, [data], attributes))[0]

    async def publish_all(
        self, topic: str, data: Sequence[bytes], attributes: Mapping[str, str] | None = None
    ) -> list[str]:
        """Publish messages together, at most 1,000 and 10 MB; the result is their ids, in order.

        Raises `Unavailable`.
        """
        carried = {"traceparent": f"00-{trace_id.get()}-{trace_id.get()[:16]}-01"} if trace_id.get() else {}
        all_attributes = {**carried, **(attributes or {})}
        messages = [{"data": one, "attributes": all_attributes} for one in data]
        try:
            answer = await self._client.publish(
                topic=f"projects/{self._project}/topics/{topic}", messages=messages, timeout=_SECONDS
            )
        except exceptions.GoogleAPIError as error:
            raise Unavailable(retry_after=5, dependency="Pub/Sub") from error
        return list(map(str, answer.message_ids))

    @cached_property
    def _client(self) -> "PublisherAsyncClient":
        """Imported when it is needed: most runs publish nothing."""
        from google.pubsub_v1.services.publisher import PublisherAsyncClient  # noqa: PLC0415
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport  # noqa: PLC0415

        host = emulator_host("PUBSUB")
        if host is None:
            return PublisherAsyncClient()
        return PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(host)))
