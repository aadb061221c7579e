"""A gRPC proxy in front of the Firestore emulator: counts calls, shows them, and can refuse one or lose its answer.

The client and the emulator are real; only network faults are simulated.
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
    """A fault of a call."""

    REFUSED = auto()
    """UNAVAILABLE, and the emulator has not seen it."""
    ANSWER_LOST = auto()
    """The emulator has done it, and the client gets UNAVAILABLE."""
    ANSWER_LATE = auto()
    """The emulator has done it, and the client gets DEADLINE_EXCEEDED."""
    NO_RIGHT = auto()
    """PERMISSION_DENIED, and the emulator has not seen it."""
    NO_DATABASE = auto()
    """NOT_FOUND for any call, and the emulator has not seen it."""
    DIES = auto()
    """The emulator has done it, and the caller's process ends before it has the answer."""
    DEAD = auto()
    """PERMISSION_DENIED, which no client retries, and the emulator has not seen it: the caller's process has ended."""


_UNSEEN = {
    Fault.REFUSED: grpc.StatusCode.UNAVAILABLE,
    Fault.NO_RIGHT: grpc.StatusCode.PERMISSION_DENIED,
    Fault.NO_DATABASE: grpc.StatusCode.NOT_FOUND,
    Fault.DEAD: grpc.StatusCode.PERMISSION_DENIED,
}
_UNANSWERED = {
    Fault.ANSWER_LOST: grpc.StatusCode.UNAVAILABLE,
    Fault.ANSWER_LATE: grpc.StatusCode.DEADLINE_EXCEEDED,
    Fault.DIES: grpc.StatusCode.PERMISSION_DENIED,
}


class Cut:
    """The calls of one process since a point, over every proxy whose `fault` this is, and a fault for the n-th of them.

    After `DIES` every later call meets `DEAD`, until `repair` or the next `arm`.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._lock = threading.Lock()
        self.repair()

    def arm(self, nth: int, fault: Fault) -> None:
        """Count from 1 from now on, and let the n-th call meet a fault."""
        with self._lock:
            self.calls, self._nth, self._fault = [], nth, fault

    def repair(self) -> None:
        """Restart the count, and let every call pass."""
        self.arm(0, Fault.REFUSED)

    @property
    def met(self) -> bool:
        """Whether there was an n-th call."""
        return 0 < self._nth <= len(self.calls)

    def __call__(self, name: str) -> Fault | None:
        """Count a call. Returns its fault, if it meets one."""
        with self._lock:
            self.calls.append(name)
            if len(self.calls) == self._nth:
                return self._fault
            return Fault.DEAD if self.met and self._fault is Fault.DIES else None


class FirestoreProxy:
    """Listens on a loopback port of its own until it is closed. `calls` counts by method name (`Commit`, …).

    `watch` is given each call that reached the emulator: its method, and the messages both ways as on the wire. One
    that the emulator refused has no answers. `died` is called where a call meets `Fault.DIES`. The proxy also
    works in front of any other emulator that speaks gRPC.
    """

    def __init__(self, emulator: str) -> None:
        self.calls: Counter[str] = Counter()
        self.fault: Callable[[str], Fault | None] = lambda _: None
        self.watch: Callable[[str, list[bytes], list[bytes]], None] = lambda *_: None
        self.died: Callable[[], None] = lambda: None
        self._emulator = emulator
        self._carried: set[asyncio.Task[Any]] = set()
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

    def wait_until_idle(self) -> None:
        """Return once the emulator has answered every call so far, also those whose caller has gone."""
        asyncio.run_coroutine_threadsafe(self._idle(), self._loop).result()

    async def _idle(self) -> None:
        while self._carried:
            await asyncio.wait(self._carried)

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
            await context.abort(_UNSEEN[fault], "refused by the proxy")
        sent = [message async for message in requests]
        carried = [(name, value) for name, value in context.invocation_metadata() if name == "authorization"]
        try:
            answers = await asyncio.shield(self._carry(method, sent, carried))
        except grpc.aio.AioRpcError as error:
            self.watch(name, sent, [])
            await context.abort(error.code(), error.details() or "")
        self.watch(name, sent, answers)
        if fault is Fault.DIES:
            self.died()
        if fault in _UNANSWERED:
            await context.abort(_UNANSWERED[fault], "the proxy dropped the answer")
        for answer in answers:
            yield answer

    def _carry(self, method: str, sent: list[bytes], metadata: list[tuple[str, Any]]) -> asyncio.Task[list[bytes]]:
        """The emulator's answers to a call, which continues if the caller is gone."""

        async def answers() -> list[bytes]:
            return [answer async for answer in self._channel.stream_stream(method)(iter(sent), metadata=metadata)]

        task = asyncio.create_task(answers())
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)
        return task


class _Any(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Every method as a stream of bytes: on the wire a single message is a stream of one."""

    def __init__(self, relay: Callable[..., AsyncIterator[bytes]]) -> None:
        self._relay = relay

    def service(self, call: Any) -> Any:
        async def behave(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for answer in self._relay(call.method, requests, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(behave)
