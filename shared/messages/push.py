"""Push consumers: one way to take a Pub/Sub message, and one answer to everything that can happen to it.

    consumer = Consumer(__file__)

    @consumer.handles
    async def consume(delivery: Delivery) -> None: ...

    main = consumer.function()

The handler returns: done (204). It raises a `Problem`: what can never succeed, or only later, becomes a quarantine
record (204), unless keeping it would bring back what was erased; anything else is given back to Pub/Sub (503, 500),
which tries again and dead-letters in the end. The push body is read here because the framework's own adapter drops the
delivery attempt, refuses empty data and echoes headers.

A message that was published again out of quarantine settles its record: applied, it is resolved; dropped, it is erased
too. Only a consumer that applies messages does that, so not `quarantine_dead_letters`, which merely keeps them.
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

#: Pub/Sub's own limit is 10 MB a message, a third more in Base64.
_BODY_BYTES = 16 * 1024 * 1024


class _Envelope(BaseModel):
    """Parts of a push body. Pub/Sub adds fields over time, and repeats some in another spelling: both are ignored."""

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
    """The one message handler of a function. `applies` is False if it keeps messages instead of applying them."""

    def __init__(self, main_file: str, *, applies: bool = True) -> None:
        folder = Path(main_file).parent
        self._applies = applies
        self._name = function_name(folder)
        self._manifest = read_manifest(folder)
        self._handler: Handler | None = None

    def handles(self, handler: Handler) -> Handler:
        """Make a coroutine function the handler."""
        self._handler = handler
        return handler

    def function(self) -> Callable[[Request], Awaitable[Response]]:
        """The entry point. Raises if there is no handler or a setting is missing: the function does not start then."""
        handler = self._handler
        subscription = self._manifest.trigger.pubsub
        if handler is None or subscription is None:
            raise RuntimeError(f"{self._name}: needs a handler, and a pubsub trigger in function.yaml")

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
    """The message as it came, its data still Base64. Raises `MalformedJson`, `InvalidContent`."""
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
    """Raises `UnreadableMessage`."""
    try:
        return delivery._replace(data=b64decode(delivery.data, validate=True))
    except ValueError:
        raise UnreadableMessage from None
