"""The front door passes on what belongs to the message, and nothing that belongs to the connection."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from shared.runtime.manifest import read_manifests
from tools.local.front_door import FrontDoor
from tools.places import FUNCTIONS

ANSWER = (
    b'HTTP/1.1 201 Created\r\nETag: "1"\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Hop: 1\r\n'
    b"Connection: x-hop, keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Encoding: gzip\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n5\r\n gzip\r\n0\r\n\r\n"
)


class Upstream(NamedTuple):
    """A server that keeps what it was sent, and answers with `ANSWER`."""

    url: str
    received: list[bytes]


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"0\r\n\r\n") if b"transfer-encoding: chunked" in head.lower() else b""
        received.append(head + body)
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Upstream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", received)


@pytest.fixture
async def client(upstream: Upstream) -> AsyncIterator[httpx.AsyncClient]:
    manifests = read_manifests(FUNCTIONS)
    door = FrontDoor(manifests, dict.fromkeys(manifests, f"{upstream.url}/"))
    app = Starlette(routes=[Route("/{path:path}", door.serve, methods=["GET", "POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://register.example") as client:
        yield client
    await door.close()


async def exchange(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> tuple[httpx.Response, bytes]:
    """The answer, and its body as it came: the client would decode it."""
    async with client.stream(method, path, **request) as answer:
        return answer, b"".join([chunk async for chunk in answer.aiter_raw()])


async def test_the_request_keeps_its_own_headers_and_path(client: httpx.AsyncClient, upstream: Upstream) -> None:
    headers = {"X-Hop": "1", "Connection": "x-hop, keep-alive", "TE": "trailers", "X-Forwarded-For": "192.0.2.1"}
    await exchange(client, "GET", "/v1/registrations/a%2Fb?page=1&page=2", headers=headers)
    head, *lines = upstream.received[0].decode().split("\r\n")
    names = {line.partition(":")[0].lower() for line in lines if line}
    assert head == "GET /v1/registrations/a%2Fb?page=1&page=2 HTTP/1.1"
    assert names == {"host", "accept", "accept-encoding", "user-agent", "via", "x-forwarded-for", "x-forwarded-proto"}
    assert "host: register.example" in lines
    assert "x-forwarded-for: 192.0.2.1, 127.0.0.1" in lines


async def test_a_body_of_unknown_length_is_streamed(client: httpx.AsyncClient, upstream: Upstream) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        yield b"second"

    await exchange(client, "POST", "/v1/registrations", content=body())
    assert upstream.received[0].partition(b"\r\n\r\n")[2] == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"


async def test_the_answer_comes_back_byte_for_byte(client: httpx.AsyncClient) -> None:
    answer, content = await exchange(client, "GET", "/v1/registrations/a")
    assert (answer.status_code, content) == (201, b"not gzip")
    assert sorted(answer.headers.multi_items()) == [
        ("content-encoding", "gzip"),
        ("etag", '"1"'),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]


async def test_a_function_that_does_not_answer_is_a_bad_gateway() -> None:
    manifests = read_manifests(FUNCTIONS)
    door = FrontDoor(manifests, dict.fromkeys(manifests, "http://127.0.0.1:9"))
    app = Starlette(routes=[Route("/{path:path}", door.serve)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://register.example") as client:
        answer = await client.get("/_status")
    await door.close()
    assert (answer.status_code, answer.text) == (502, "the function does not answer\n")


async def test_a_client_that_disconnects_while_sending_is_no_defect(upstream: Upstream) -> None:
    manifests = read_manifests(FUNCTIONS)
    door = FrontDoor(manifests, dict.fromkeys(manifests, f"{upstream.url}/"))

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/registrations",
        "raw_path": b"/v1/registrations",
        "query_string": b"",
        "headers": [(b"content-length", b"1000")],
    }
    answer = await door.serve(Request(scope, receive))
    await door.close()
    assert answer.status_code == 400
