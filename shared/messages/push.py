"""Push consumers: one way to receive a Pub/Sub message, and one response to each outcome.

    consumer = Consumer(__file__)

    @consumer.handles
    async def consume(delivery: Delivery) -> None: ...

    main = consumer.function()

If the handler returns, the message is done (204). If it raises a `Problem`, the problem's disposition decides: a
message that can never succeed, or only later, is quarantined (204), and one about erased data is dropped (204). Any
other message is returned to Pub/Sub (503, 500), which retries it and finally dead-letters it. This module reads the
push body because the framework's adapter drops the delivery attempt, refuses empty data and echoes headers.

A message that was replayed from quarantine closes its record: the record is resolved if the message is applied, and
erased if it is dropped. Only consumers that apply messages do this; `quarantine_dead_letters` only stores them.
"""

from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.delivery import REPLAY_OF, Delivery
from shared.errors import Disposition, Problem, UnreadableMessage
from shared.log import Event, log, trace_id
from shared.parsing import parse
from shared.runtime.body import read_within
from shared.runtime.entry_point import entry_point
from shared.runtime.guard import guarded, trace_in
from shared.runtime.manifest import read_manifest
from shared.runtime.status import STATUS_PATH, Status, function_name
from shared.store.quarantine import Quarantine
from shared.store.service import reach_firestore, service

#: Pub/Sub's limit is 10 MB for a message; Base64 adds a third.
_BODY_BYTES = 16 * 1024 * 1024


class _Envelope(BaseModel):
    """A part of a push body. Pub/Sub adds fields over time, and repeats some in another spelling; they are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Message(_Envelope):
    message_id: str = Field(alias="messageId")
    publish_time: AwareDatetime = Field(alias="publishTime")
    attributes: dict[str, str] = Field(default_factory=dict)
    data: str = ""


class _Push(_Envelope):
    subscription: str
    message: _Message
    delivery_attempt: int | None = Field(None, alias="deliveryAttempt")


Handler = Callable[[Delivery], Awaitable[None]]


class Consumer:
    """The message handler of a function. `applies` is False for a handler that only stores messages."""

    def __init__(self, main_file: str, *, applies: bool = True) -> None:
        folder = Path(main_file).parent
        self._applies = applies
        self._name = function_name(folder)
        self._manifest = read_manifest(folder)
        self._handler: Handler | None = None

    def handles(self, handler: Handler) -> Handler:
        """Decorate a coroutine function as the handler."""
        self._handler = handler
        return handler

    def function(self) -> Callable[[Request], Awaitable[Response]]:
        """The entry point. Raises, so that the function does not start, without a handler or a required setting."""
        handler = self._handler
        subscription = self._manifest.trigger.pubsub
        if handler is None or subscription is None:
            raise RuntimeError(f"{self._name}: add a handler to main.py, and a pubsub trigger to function.yaml")

        status = Status(self._name, {"firestore": reach_firestore})

        async def serve(request: Request) -> Response:
            if request.url.path == STATUS_PATH:
                return await guarded("getStatus", request, status.response)
            return await guarded(self._name, request, lambda: self._receive(request, subscription.topic, handler))

        return entry_point(serve, self._manifest)

    async def _receive(self, request: Request, topic: str, handler: Handler) -> Response:
        delivery = _delivery(topic, await read_within(request, _BODY_BYTES))
        trace_id.set(trace_in(delivery.attributes) or trace_id.get())
        replayed = self._applies and REPLAY_OF in delivery.attributes
        try:
            delivery = _decoded(delivery)
            await handler(delivery)
        except Problem as problem:
            if problem.disposition is Disposition.RETRIED:
                log(Event.MESSAGE_GIVEN_BACK, problem=problem.code, attempt=delivery.delivery_attempt)
                raise
            if problem.disposition is not Disposition.DROPPED:
                await service().part(Quarantine).put(delivery, problem)
            else:
                if replayed:
                    await service().part(Quarantine).drop(delivery)
                log(Event.MESSAGE_DROPPED, problem=problem.code)
        else:
            if replayed:
                await service().part(Quarantine).resolve(delivery)
        return Response(status_code=204)


def _delivery(topic: str, body: bytes) -> Delivery:
    """The message as it arrived, with its data in Base64. Raises `MalformedJson`, `InvalidContent`."""
    push = parse(body, _Push)
    message = push.message
    return Delivery(
        topic,
        push.subscription,
        message.message_id,
        message.publish_time,
        message.attributes,
        message.data.encode(),
        push.delivery_attempt,
    )


def _decoded(delivery: Delivery) -> Delivery:
    """The message with its data decoded. Raises `UnreadableMessage`."""
    try:
        return delivery._replace(data=b64decode(delivery.data, validate=True))
    except ValueError:
        raise UnreadableMessage from None
