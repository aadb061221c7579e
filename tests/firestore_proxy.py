"""A gRPC proxy in front of the Firestore emulator: counts calls, shows them, and can refuse one or lose its answer.

The client and the emulator are real; only what a network can do is simulated here.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from enum import Enum, auto
from typing import Any

import grpc

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Fault(Enum):
    """What happens to a call."""

    REFUSED = auto()
    """UNAVAILABLE, and the emulator has not seen it."""
    ANSWER_LOST = auto()
    """The emulator has done it, and the client gets UNAVAILABLE."""
    ANSWER_LATE = auto()
    """The emulator has done it, and the client gets DEADLINE_EXCEEDED."""
    NO_RIGHT = auto()
    """PERMISSION_DENIED, and the emulator has not seen it."""
    NO_DATABASE = auto()
    """NOT_FOUND whatever is asked, and the emulator has not seen it."""


_UNSEEN = {
    Fault.REFUSED: grpc.StatusCode.UNAVAILABLE,
    Fault.NO_RIGHT: grpc.StatusCode.PERMISSION_DENIED,
    Fault.NO_DATABASE: grpc.StatusCode.NOT_FOUND,
}


class FirestoreProxy:
    """Listens on a loopback port of its own until it is closed. `calls` counts by method name (`Commit`, …).

    `watch` is given each call that reached the emulator: its method, and the messages both ways as on the wire. One
    that the emulator refused has no answers.
    """

    def __init__(self, emulator: str) -> None:
        self.calls: Counter[str] = Counter()
        self.fault: Callable[[str], Fault | None] = lambda _: None
        self.watch: Callable[[str, list[bytes], list[bytes]], None] = lambda *_: None
        self._emulator = emulator
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.host = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()

    def close(self) -> None:
        """Stop listening."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def fail_next(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next calls of a method meet a fault, and others pass."""
        left = [times]

        def decide(called: str) -> Fault | None:
            if called != method or left[0] == 0:
                return None
            left[0] -= 1
            return fault

        self.fault = decide

    async def _serve(self) -> str:
        self._channel = grpc.aio.insecure_channel(self._emulator, options=_OPTIONS)
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((_Any(self._relay),))
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"127.0.0.1:{port}"

    async def _end(self) -> None:
        await self._server.stop(grace=0)
        await self._channel.close()

    async def _relay(self, method: str, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        name = method.rpartition("/")[2]
        self.calls[name] += 1
        fault = self.fault(name)
        if fault in _UNSEEN:
            await context.abort(_UNSEEN[fault], "refused by the test")
        sent: list[bytes] = []
        carried = [(name, value) for name, value in context.invocation_metadata() if name == "authorization"]
        call = self._channel.stream_stream(method)(_noting(requests, sent), metadata=carried)
        try:
            answers = [answer async for answer in call]
        except grpc.aio.AioRpcError as error:
            self.watch(name, sent, [])
            await context.abort(error.code(), error.details() or "")
        if fault is Fault.ANSWER_LOST:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "answer lost by the test")
        if fault is Fault.ANSWER_LATE:
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "answer delayed by the test")
        self.watch(name, sent, answers)
        for answer in answers:
            yield answer


async def _noting(messages: AsyncIterator[bytes], seen: list[bytes]) -> AsyncIterator[bytes]:
    async for message in messages:
        seen.append(message)
        yield message


class _Any(grpc.GenericRpcHandler):
    """Every method as a stream of octets: on the wire a single message is a stream of one."""

    def __init__(self, relay: Callable[..., AsyncIterator[bytes]]) -> None:
        self._relay = relay

    def service(self, call: Any) -> Any:
        async def behave(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for answer in self._relay(call.method, requests, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(behave)
