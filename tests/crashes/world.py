"""A small register for one crash: its own project, clock and buckets. Its content can be copied and compared.

Its processes call the emulators through proxies (`Proxies`). Published messages wait in `mail` for the test, which
delivers them as Pub/Sub does.
"""

import base64
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import httpx
from google.cloud.firestore_v1 import types
from google.pubsub_v1.types import PublishRequest

from shared.clock import LONDON, SimulatedClock
from shared.runtime.manifest import read_manifests
from tests.crashes.picture import Picture, picture_of
from tests.support.forks import Call, Command, Work, forks
from tests.support.storage_proxy import StorageProxy
from tools.firestore_proxy import Cut, Fault, FirestoreProxy
from tools.local.layout import Layout, child_environment
from tools.local.wiring import publisher
from tools.places import ROOT

FIRST_DAY = date(2026, 11, 23)
BEGIN = "2026-11-23 09:00"
#: The time at which copied documents seem to have been written.
_EARLIER = "2026-11-23 06:00"
EXPORTS, QUARANTINE = "exports", "quarantine"
_OWNER = (("authorization", "Bearer owner"),)
_WRITES_PER_RPC = 20
#: The function that takes a topic's messages.
_CONSUMERS = {
    manifest.trigger.pubsub.topic: name
    for name, manifest in read_manifests(ROOT / "functions").items()
    if manifest.trigger.pubsub
}


class Mail(NamedTuple):
    """A published message."""

    topic: str
    data: bytes
    attributes: Mapping[str, str]


class Snapshot(NamedTuple):
    """The content of a world."""

    documents: Mapping[str, bytes]
    objects: Mapping[str, bytes]
    mail: tuple[Mail, ...]
    now: datetime


def london(text: str) -> datetime:
    """`"2026-11-23 09:00"` in London."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


class Proxies:
    """Proxies between one process at a time and the emulators. Calls to all three count together."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.cut = Cut()
        self.firestore = FirestoreProxy(layout.emulators["firestore"])
        self.pubsub = FirestoreProxy(layout.emulators["pubsub"])
        self.storage = StorageProxy(layout.emulators["storage"])
        for proxy in (self.firestore, self.pubsub, self.storage):
            proxy.fault = self.cut

    def close(self) -> None:
        """Stop listening."""
        for proxy in (self.firestore, self.pubsub, self.storage):
            proxy.close()

    @contextmanager
    def killing(self, kill: Any) -> Iterator[None]:
        """The process that a call with `Fault.DIES` kills."""
        proxies = (self.firestore, self.pubsub, self.storage)
        for proxy in proxies:
            proxy.died = kill
        yield
        for proxy in proxies:
            proxy.wait_until_idle()
        self.cut.repair()


class Ended(NamedTuple):
    """How a process ended: whether its work was done, the calls that it made, whether one was cut."""

    done: bool
    calls: list[str]
    met: bool


class World:
    """One register. `settings` are environment variables."""

    def __init__(self, proxies: Proxies, folder: Path, settings: Mapping[str, str]) -> None:
        self.name = f"psr-crash-{uuid.uuid4().hex[:12]}"
        self.clock = SimulatedClock(folder / f"{self.name}.json")
        self.clock.jump_to(london(_EARLIER))
        self.log = folder / f"{self.name}.log"
        self.settings = settings
        self.mail: list[Mail] = []
        self._proxies = proxies
        self._layout = proxies.layout
        self._firestore = _Firestore(self._layout.emulators["firestore"], self.name)
        for bucket in (EXPORTS, QUARANTINE):
            address = f"http://{self._layout.emulators['storage']}/storage/v1/b"
            httpx.post(address, json={"name": f"{self.name}-{bucket}"}).raise_for_status()
        with publisher(self._layout) as client:
            for topic in _CONSUMERS:
                client.create_topic(name=f"projects/{self.name}/topics/{topic}")

    def at(self, text: str) -> None:
        """Let the clock jump to a London time, unless it is later already."""
        if self.clock.now() < london(text):
            self.clock.jump_to(london(text))

    def run(self, work: Work, nth: int = 0, fault: Fault = Fault.REFUSED) -> Ended:
        """Do a piece of work in a process of its own, and let its n-th call meet a fault."""
        proxies = self._proxies
        proxies.pubsub.watch = self._note_mail
        proxies.cut.arm(nth, fault)
        running = forks().start(work, self._environment(), self.log)
        with proxies.killing(running.kill):
            done = running.wait() == 0
            return Ended(done, list(proxies.cut.calls), proxies.cut.met)

    def do(self, work: Work) -> None:
        """Do a piece of work that cannot fail."""
        assert self.run(work).done, f"{work}\n{self.log.read_text()}"

    def take(self) -> Call:
        """The delivery of the oldest message."""
        mail = self.mail.pop(0)
        return push(_CONSUMERS[mail.topic], mail.data, mail.attributes)

    def do_mail(self) -> None:
        """Deliver the waiting messages and the resulting ones, until there are none."""
        while self.mail:
            self.do(self.take())

    def snapshot(self) -> Snapshot:
        """The present content."""
        return Snapshot(self._firestore.read(), self._objects(), tuple(self.mail), self.clock.now())

    def restore(self, snapshot: Snapshot) -> None:
        """Take the content of another world, as if it had been written before this one began."""
        self._firestore.write(snapshot.documents)
        for path, content in snapshot.objects.items():
            bucket, _, name = path.removeprefix("gs://").partition("/")
            address = f"http://{self._layout.emulators['storage']}/upload/storage/v1/b/{self.name}-{bucket}/o"
            httpx.post(address, params={"uploadType": "media", "name": name}, content=content).raise_for_status()
        self.mail = list(snapshot.mail)
        self.clock.jump_to(snapshot.now)

    def picture(self) -> Picture:
        """The content, with the waiting messages."""
        return picture_of(self._firestore.read(), self._objects(), self.mail)

    def forget(self) -> None:
        """Delete the content, to free the emulators' memory."""
        self._firestore.clear()
        for bucket in (EXPORTS, QUARANTINE):
            shutil.rmtree(self._layout.home / f"{self.name}-{bucket}", ignore_errors=True)

    def _note_mail(self, method: str, sent: list[bytes], answers: list[bytes]) -> None:
        if method != "Publish" or not answers:
            return
        request = PublishRequest.deserialize(sent[0])
        topic = request.topic.rpartition("/")[2]
        self.mail += [Mail(topic, message.data, dict(message.attributes)) for message in request.messages]

    def _objects(self) -> dict[str, bytes]:
        """Content by address, without the world in the bucket's name."""
        folders = {bucket: self._layout.home / f"{self.name}-{bucket}" for bucket in (EXPORTS, QUARANTINE)}
        return {
            f"gs://{bucket}/{path.relative_to(folder).as_posix()}": path.read_bytes()
            for bucket, folder in folders.items()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    def _environment(self) -> dict[str, str]:
        return {
            **child_environment(self._layout),
            "FIRESTORE_EMULATOR_HOST": self._proxies.firestore.host,
            "PUBSUB_EMULATOR_HOST": self._proxies.pubsub.host,
            "STORAGE_EMULATOR_HOST": self._proxies.storage.url,
            "PSR_PROJECT": self.name,
            "PSR_IDENTITY_KEY": base64.b64encode(bytes(32)).decode(),
            "PSR_EXPORT_BUCKET": f"{self.name}-{EXPORTS}",
            "PSR_QUARANTINE_BUCKET": f"{self.name}-{QUARANTINE}",
            "PSR_EXPORT_FIRST_DAY": FIRST_DAY.isoformat(),
            "PSR_SIMULATED_CLOCK": str(self.clock.path),
            **self.settings,
        }


def push(function: str, data: bytes, attributes: Mapping[str, str] = {}) -> Call:
    """A Pub/Sub delivery. The same message has the same id each time."""
    message = {
        "data": base64.b64encode(data).decode(),
        "messageId": sha256(data + json.dumps(dict(attributes), sort_keys=True).encode()).hexdigest()[:16],
        "publishTime": "2026-11-23T09:00:00.000Z",
        "attributes": dict(attributes),
    }
    return Call(function, json.dumps({"subscription": f"projects/p/subscriptions/{function}", "message": message}))


def scheduled(function: str, text: str) -> Call:
    """A call by Cloud Scheduler for a slot, a London time."""
    return Call(function, headers={"X-CloudScheduler-ScheduleTime": london(text).isoformat()})


def ops(*arguments: str) -> Command:
    """A command of an operator."""
    return Command(arguments)


class _Firestore:
    """A project's documents, without the service's code. Each world has a connection of its own."""

    def __init__(self, emulator: str, project: str) -> None:
        self._channel = grpc.insecure_channel(emulator, options=[("grpc.max_receive_message_length", -1)])
        self._emulator = emulator
        self._database = f"projects/{project}/databases/(default)"
        self._root = f"{self._database}/documents"

    def read(self) -> dict[str, bytes]:
        """Every document by collection and id, as on the wire."""
        query = types.RunQueryRequest.pb()(parent=self._root)
        query.structured_query.from_.add().all_descendants = True
        answers = self._call("RunQuery", query, types.RunQueryResponse, stream=True)
        found = [answer.document for answer in answers if answer.HasField("document")]
        return {document.name.removeprefix(f"{self._root}/"): document.SerializeToString() for document in found}

    def write(self, documents: Mapping[str, bytes]) -> None:
        """Write documents."""
        writes = []
        for path, document in documents.items():
            write = types.Write.pb()()
            write.update.ParseFromString(document)
            write.update.name = f"{self._root}/{path}"
            writes.append(write)
        for start in range(0, len(writes), _WRITES_PER_RPC):
            part = writes[start : start + _WRITES_PER_RPC]
            self._call("Commit", types.CommitRequest.pb()(database=self._database, writes=part), types.CommitResponse)

    def clear(self) -> None:
        """Delete every document, and disconnect."""
        httpx.delete(f"http://{self._emulator}/emulator/v1/{self._root}").raise_for_status()
        self._channel.close()

    def _call(self, method: str, request: Any, answer: Any, *, stream: bool = False) -> Any:
        kind = self._channel.unary_stream if stream else self._channel.unary_unary
        stub = kind(
            f"/google.firestore.v1.Firestore/{method}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=answer.pb().FromString,
        )
        return stub(request, metadata=_OWNER, timeout=60)
