"""The whole service of one project in this process: its functions' own entry points on the real emulators.

The clock stops between steps. Published messages wait in a list instead of Pub/Sub, so that a step controls when and
how often each is delivered. Every HTTP caller is an agent with every scope: other tests are about access.
"""

import asyncio
import base64
import importlib.util
import itertools
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from starlette.requests import Request
from starlette.responses import Response

import shared.store.due_dates
import shared.store.quarantine_records
from shared.clock import Clock, machine_time, rfc3339
from shared.http.callers import Caller, Tokens
from shared.messages.publisher import Publisher
from shared.runtime.manifest import SCOPES, read_manifests
from shared.settings import Settings, settings
from shared.store.documents import Documents, Stored
from shared.store.objects import Bucket, Buckets
from shared.store.service import service as process
from tests.world.cuts import CutRpc, Cuts

ROOT = Path(__file__).parents[2]
#: The data of a quarantined message of at least this size is in the bucket.
LARGE_BYTES = 6_000
_AGENT = Caller("agent", SCOPES)
_numbers = itertools.count(1)
Result = TypeVar("Result")


class Answer(NamedTuple):
    """The answer of a function."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Message(NamedTuple):
    """A message in Pub/Sub."""

    topic: str
    data: bytes
    attributes: Mapping[str, str] = {}
    message_id: str | None = None


class StoppedClock(Clock):
    """Shows one time until `move_to`."""

    def __init__(self, shown: datetime) -> None:
        self._shown = [(machine_time(), shown)]

    def now(self) -> datetime:
        return self._shown[-1][1]

    def at(self, instant: datetime) -> datetime:
        return next((shown for since, shown in reversed(self._shown) if since <= instant), self._shown[0][1])

    def move_to(self, shown: datetime) -> None:
        assert shown >= self.now()
        self._shown.append((machine_time(), shown))


class Service:
    """One project. Made by `running`."""

    def __init__(self, clock: StoppedClock, loop: asyncio.AbstractEventLoop, storage: Any) -> None:
        self.clock = clock
        self.cuts = Cuts()
        self.published: list[Message] = []
        self._loop = loop
        self._storage = storage
        loop.run_until_complete(self._connect())

    async def _connect(self) -> None:
        """Clients of gRPC belong to the running loop."""
        process().documents._rpc = CutRpc(process().documents._rpc, self.cuts)  # type: ignore[assignment]
        #: Reads the documents without cuts.
        self.looking = Documents(settings().project, settings().database, self.clock)

    def run(self, step: Callable[[], Awaitable[Result]]) -> Result:
        """Run a step and every task that it starts. Raises `ProcessEnded` if the process ended in it."""
        try:
            return self._loop.run_until_complete(step())
        finally:
            if pending := asyncio.all_tasks(self._loop):
                self._loop.run_until_complete(asyncio.wait(pending))
                for task in pending:
                    task.cancelled() or task.exception()
            self.cuts.disarm()

    def send(self, function: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One HTTP request to a function."""
        return self.run(lambda: send(function, method, path, headers, body))

    def push(self, message: Message, function: str, **more: Any) -> int:
        """Deliver a message to a function as Pub/Sub pushes it. Returns the answer's status."""
        return self.run(lambda: push(message, function, **more))

    def documents_of(self, *collections: str) -> dict[tuple[str, str], Stored]:
        """Every document of some collections."""
        return self.run(lambda: self._documents_of(collections))

    def exported(self, after: date) -> dict[str, bytes]:
        """The objects of the days after one, by name."""
        blobs = self._storage.list_blobs(str(settings().export_bucket), start_offset=f"{after}~")
        return {blob.name: blob.download_as_bytes() for blob in blobs}

    def quarantined(self) -> list[str]:
        """The names of the objects of the quarantine."""
        return [blob.name for blob in self._storage.list_blobs(str(settings().quarantine_bucket))]

    def lose_object(self, name: str) -> None:
        """Delete an object of the quarantine without the service."""
        self._storage.bucket(str(settings().quarantine_bucket)).delete_blob(name)

    def read_tables_again(self) -> None:
        """Read the tables again, as a new release of the service does."""
        forget_everything("shared.domain.", "shared.messages.legacy")

    async def _documents_of(self, collections: tuple[str, ...]) -> dict[tuple[str, str], Stored]:
        pages = await asyncio.gather(*(self.looking.page(name) for name in collections))
        return {
            (name, stored.document_id): stored for name, page in zip(collections, pages, strict=True) for stored in page
        }


class _Publisher:
    """Keeps the messages that the service publishes."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def publish(self, *, topic: str, messages: list[dict[str, Any]], timeout: float) -> Any:  # noqa: ASYNC109
        async def publish() -> Any:
            self._service.published += [
                Message(topic.rpartition("/")[2], message["data"], dict(message["attributes"])) for message in messages
            ]
            return _Published([str(next(_numbers)) for _ in messages])

        assert timeout > 0
        return await self._service.cuts.through("publish", publish)


class _Published(NamedTuple):
    message_ids: list[str]


class _Tokens:
    """Takes every caller for an agent."""

    async def caller(self, _request: Request) -> Caller:
        return _AGENT


@contextmanager
def running(loop: asyncio.AbstractEventLoop, at: datetime, **changes: str) -> Iterator[Service]:
    """The service of a new project from a time on. Afterwards, this process reads settings and clients again."""
    name = f"psr-{uuid.uuid4().hex[:12]}"
    environment = {
        "PSR_PROJECT": name,
        "PSR_IDENTITY_KEY": base64.b64encode(bytes(32)).decode(),
        "PSR_EXPORT_BUCKET": f"{name}-exports",
        "PSR_QUARANTINE_BUCKET": f"{name}-quarantine",
        "PSR_SUPPLIER_MPID": "SUPP",
        **changes,
    }
    clock = StoppedClock(at)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        patch.setattr(Settings, "clock", lambda _: clock)
        patch.setattr(shared.store.due_dates, "_DIGITS", "0")  # one query instead of sixteen
        patch.setattr(shared.store.quarantine_records, "_STATE_BYTES", LARGE_BYTES)  # large messages are small here
        forget_everything()
        client = storage.Client(project=name, credentials=AnonymousCredentials())
        service = Service(clock, loop, client)
        for kind in ("exports", "quarantine"):
            client.create_bucket(f"{name}-{kind}")
            _cut_bucket(process().part(Buckets).get(f"{name}-{kind}"), service.cuts)
        process().part(Publisher)._client = _Publisher(service)
        process()._parts[Tokens] = _Tokens()
        try:
            yield service
        finally:
            forget_everything()


def forget_everything(*modules: str) -> None:
    """Clear the caches of the service's modules (settings, clients, tables): of all, or of some."""
    for name, module in list(sys.modules.items()):
        if name.startswith(modules or ("shared.", "ops.", "psr_function_")):
            for value in list(vars(module).values()):
                if callable(getattr(value, "cache_clear", None)):
                    value.cache_clear()


def _cut_bucket(bucket: Bucket, cuts: Cuts) -> None:
    run = bucket._run

    async def through(work: Any, *arguments: Any) -> Any:
        return await cuts.through(work.__name__, lambda: run(work, *arguments))

    bucket._run = through  # type: ignore[method-assign]


@cache
def entry_point(function: str) -> Callable[[Request], Awaitable[Response]]:
    """A function's entry point."""
    path = ROOT / "functions" / function / "main.py"
    spec = importlib.util.spec_from_file_location(f"psr_function_{function}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    main: Callable[[Request], Awaitable[Response]] = module.main
    return main


@cache
def consumers() -> dict[str, list[str]]:
    """The functions that take a topic's messages, by topic."""
    found: dict[str, list[str]] = {}
    for name, manifest in read_manifests(ROOT / "functions").items():
        if manifest.trigger.pubsub is not None:
            found.setdefault(manifest.trigger.pubsub.topic, []).append(name)
    return found


async def send(function: str, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    """One HTTP request to a function."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "server": ("localhost", 80),
        "scheme": "http",
    }
    chunks = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        return chunks.pop() if chunks else {"type": "http.disconnect"}

    response = await entry_point(function)(Request(scope, receive))
    return Answer(response.status_code, response.headers, bytes(response.body))


async def push(message: Message, function: str, *, subscription: str | None = None, attempt: int | None = None) -> int:
    """Deliver a message to a function as Pub/Sub pushes it. Returns the answer's status."""
    body = {
        "subscription": f"projects/p/subscriptions/{subscription or function.replace('_', '-')}",
        "message": {
            "data": base64.b64encode(message.data).decode(),
            "messageId": message.message_id or str(next(_numbers)),
            "publishTime": rfc3339(settings().clock().now()),
            "attributes": dict(message.attributes),
        },
        **({"deliveryAttempt": attempt} if attempt else {}),
    }
    return (await send(function, "POST", "/", {"content-type": "application/json"}, json.dumps(body).encode())).status


async def run_job(function: str, slot: datetime) -> Answer:
    """One run of a scheduled function."""
    return await send(function, "POST", "/", {"x-cloudscheduler-scheduletime": slot.isoformat()})
