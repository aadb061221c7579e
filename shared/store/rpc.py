"""The RPCs of Firestore that the service makes: raw protobuf over the client library's channel.

The library's client around that channel spends twice the CPU of the call itself (docs/decisions/bare-rpcs.md). This
module does the part of it that matters: it uses the library's credentials and channel, names the database in each call,
and retries transient failures.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import grpc
from google.api_core import exceptions
from google.api_core.retry_async import AsyncRetry, if_exception_type
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore.transports import (
    FirestoreGrpcAsyncIOTransport,
    FirestoreGrpcTransport,
)
from grpc.experimental import ChannelOptions

from shared.errors import Unavailable
from shared.settings import emulator_host
from shared.store.commits import CommitConflict, CommitUnanswered

BatchGetDocumentsRequest: Any = types.BatchGetDocumentsRequest.pb()
CommitRequest: Any = types.CommitRequest.pb()
GetDocumentRequest: Any = types.GetDocumentRequest.pb()
RunAggregationQueryRequest: Any = types.RunAggregationQueryRequest.pb()
RunQueryRequest: Any = types.RunQueryRequest.pb()
Write: Any = types.Write.pb()

#: How long a write or a read by key may take, and a query.
_SECONDS = 10.0
_QUERY_SECONDS = 60.0
_TRANSIENT = (exceptions.ServiceUnavailable, exceptions.ResourceExhausted, exceptions.InternalServerError)
#: Errors that leave open whether a call was carried out. Any other error means that the call itself is wrong.
_UNANSWERED = (
    *_TRANSIENT,
    exceptions.DeadlineExceeded,
    exceptions.Cancelled,
    exceptions.Unknown,
    exceptions.RetryError,
)
_CONFLICT = (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted)
_Answer = TypeVar("_Answer")
_MESSAGE_BYTES = 64 * 1024 * 1024
_OPTIONS = (("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES))
#: As the library's client has it: a connection that was lost while the instance had no CPU is noticed.
_KEPT_ALIVE = ("grpc.keepalive_time_ms", 30_000)
#: How many streams are read at once; others wait.
_STREAMS = 16


_retried = AsyncRetry(
    predicate=if_exception_type(*_TRANSIENT), initial=0.05, maximum=2.0, multiplier=2.0, timeout=_SECONDS
)


class Rpc:
    """The calls for one database (`projects/…/databases/…`), with raw messages. Reading raises `Unavailable`.

    Any other refusal, a defect or a missing permission, is raised as the library's `GoogleAPICallError`.
    Made inside the first request: gRPC does not survive a fork. Streams are read in threads, each document without a
    turn of the event loop; `single_threaded_streams` without a second thread for each stream too
    (docs/decisions/streams-in-threads.md).
    """

    def __init__(self, database: str, *, single_threaded_streams: bool) -> None:
        channel, streams, metadata = _connect(single_threaded_streams=single_threaded_streams)
        self._metadata = (
            ("google-cloud-resource-prefix", database),
            ("x-goog-request-params", f"database={quote(database, safe='')}"),
            *metadata,
        )
        self._commit = _stub(channel.unary_unary, "Commit", types.CommitResponse)
        self._get = _stub(channel.unary_unary, "GetDocument", types.Document)
        self._streams = streams  # kept: it is closed when nothing refers to it
        self._threads = ThreadPoolExecutor(_STREAMS, "firestore-stream")
        self._batch_get = _stub(streams.unary_stream, "BatchGetDocuments", types.BatchGetDocumentsResponse)
        self._run_query = _stub(streams.unary_stream, "RunQuery", types.RunQueryResponse)
        self._aggregate = _stub(streams.unary_stream, "RunAggregationQuery", types.RunAggregationQueryResponse)

    async def commit(self, request: Any) -> Any:
        """Apply writes together or not at all. Raises `CommitConflict`, `CommitUnanswered`."""
        try:
            return await self._one(self._commit, request)
        except _CONFLICT as error:
            raise CommitConflict from error
        except _UNANSWERED as error:
            raise CommitUnanswered from error

    async def get(self, request: Any) -> Any | None:
        """A document by name, None if there is none. It comes without the time of reading, and for half the CPU."""
        try:
            return await self._read(self._one(self._get, request))
        except exceptions.NotFound:
            return None

    async def batch_get(self, request: Any) -> list[Any]:
        """Documents by name, each in an answer."""
        return await self._read(self._all(self._batch_get, request, _SECONDS))

    async def run_query(self, request: Any) -> list[Any]:
        """The documents that a query finds, each in an answer."""
        return await self._read(self._all(self._run_query, request, _QUERY_SECONDS))

    async def run_aggregation_query(self, request: Any) -> list[Any]:
        """The counts of a query."""
        return await self._read(self._all(self._aggregate, request, _QUERY_SECONDS))

    async def _read(self, answer: Awaitable[_Answer]) -> _Answer:
        try:
            return await answer
        except (*_UNANSWERED, exceptions.Aborted) as error:
            raise Unavailable(retry_after=5) from error

    @_retried  # type: ignore[untyped-decorator]
    async def _one(self, stub: Any, request: Any) -> Any:
        with _errors_of_the_library():
            return await stub(request, timeout=_SECONDS, metadata=self._metadata)

    @_retried  # type: ignore[untyped-decorator]
    async def _all(self, stub: Any, request: Any, seconds: float) -> list[Any]:
        stream = stub(request, timeout=seconds, metadata=self._metadata)
        try:
            with _errors_of_the_library():
                return await asyncio.get_running_loop().run_in_executor(self._threads, list, stream)
        finally:
            stream.cancel()  # an abandoned call frees its thread


@contextmanager
def _errors_of_the_library() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise exceptions.from_grpc_error(error) from None


def _connect(*, single_threaded_streams: bool) -> tuple[grpc.aio.Channel, grpc.Channel, tuple[tuple[str, str], ...]]:
    """A channel for single answers, one for streams, and what each call carries as well.

    As an owner, the emulator's own rules are not asked each time.
    """
    of_streams = [*_OPTIONS, *([(ChannelOptions.SingleThreadedUnaryStream, 1)] if single_threaded_streams else [])]
    host = emulator_host("FIRESTORE")
    if host is None:
        return (
            FirestoreGrpcAsyncIOTransport.create_channel(options=[*_OPTIONS, _KEPT_ALIVE]),
            FirestoreGrpcTransport.create_channel(options=[*of_streams, _KEPT_ALIVE]),
            (),
        )
    owner = (("authorization", "Bearer owner"),)
    return grpc.aio.insecure_channel(host, options=_OPTIONS), grpc.insecure_channel(host, options=of_streams), owner


def _stub(kind: Any, method: str, answer: Any) -> Any:
    return kind(
        f"/google.firestore.v1.Firestore/{method}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=answer.pb().FromString,
    )
