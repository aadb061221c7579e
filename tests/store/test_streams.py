"""Streams are read in threads: both kinds give the same documents, deadlines hold, and abandoned calls free theirs."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import PermissionDenied

from shared.clock import Clock
from shared.errors import Unavailable
from shared.store import rpc
from shared.store.documents import Documents, Key
from tools.firestore_proxy import Fault, FirestoreProxy
from tools.local.layout import Layout

KEYS = [Key("streams", f"{number:03}") for number in range(120)]


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Firestore that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{server.getsockname()[1]}")
        yield


@pytest.mark.parametrize("single_threaded", [True, False])
async def test_documents_come_in_order_from_both_kinds_of_streams(emulators: Layout, *, single_threaded: bool) -> None:
    documents = Documents(f"{emulators.project}-streams", "(default)", Clock(), single_threaded_streams=single_threaded)
    stub = type(documents._rpc._batch_get).__name__
    assert (stub == "_SingleThreadedUnaryStreamMultiCallable") is single_threaded, "gRPC's experimental option works"
    await documents.commit([documents.put(key, {"n": index}) for index, key in enumerate(KEYS) if index % 2])
    pages = await asyncio.gather(*(documents.page("streams", limit=40) for _ in range(50)))
    assert all([one.fields["n"] for one in page] == [*range(1, 80, 2)] for page in pages)
    found = await documents.batch_get(KEYS)
    assert [one and one.fields["n"] for one in found] == [index if index % 2 else None for index in range(len(KEYS))]
    assert [len(page) async for page in documents.pages("streams", limit=25)] == [25, 25, 10]


@pytest.mark.usefixtures("silent")
async def test_a_deadline_holds_and_an_abandoned_call_frees_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = Documents("nobody", "(default)", Clock())
    waiting = [asyncio.create_task(documents.batch_get(KEYS)) for _ in range(64)]
    await asyncio.sleep(0.2)
    for one in waiting:
        one.cancel()
    assert all(
        isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*waiting, return_exceptions=True)
    )
    monkeypatch.setattr(rpc, "_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await documents.batch_get(KEYS)
    assert time.monotonic() - began < 3
    await asyncio.wait_for(asyncio.to_thread(documents._rpc._threads.shutdown), 3)


async def test_a_stream_that_fails_is_repeated_and_a_refusal_is_not(
    emulators: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = FirestoreProxy(emulators.emulators["firestore"])
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
    documents = Documents(f"{emulators.project}-streams", "(default)", Clock())
    proxy.fail_next("BatchGetDocuments", Fault.ANSWER_LOST, times=2)
    assert await documents.batch_get([Key("streams", "nothing")]) == [None]
    proxy.fail_next("BatchGetDocuments", Fault.NO_RIGHT)
    with pytest.raises(PermissionDenied):
        await documents.batch_get([Key("streams", "nothing")])
    assert proxy.calls["BatchGetDocuments"] == 4
    proxy.close()
