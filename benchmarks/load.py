"""A load generator: prepared HTTP/1.1 requests on kept connections, as bare as Python allows.

It runs in a separate process, so that preparing requests does not slow it down. It replaces wrk because bodies differ
from request to request, and `make bench` needs only packages of PyPI. The no-op figure is its ceiling.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit


class Load(NamedTuple):
    """The result of a load: answers a second, latencies in milliseconds, and the server's CPU for one answer."""

    answers: int
    rate: float
    p50: float
    p99: float
    cpu_ms: float = 0.0


class Prepared(NamedTuple):
    """The target, and the bytes of requests, each of which is sent once."""

    url: str
    requests: Sequence[bytes]


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """One request as bytes. Underscores in the names of headers stand for dashes."""
    named = {"Host": "bench", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def run(prepared: Prepared, connections: int, seconds: float) -> Load:
    """Send requests until the time is over or none is left. Raises `RuntimeError` if an answer is not 2xx."""
    return asyncio.run(_run(prepared, connections, seconds))


async def _run(prepared: Prepared, connections: int, seconds: float) -> Load:
    left = iter(prepared.requests)
    host, port = urlsplit(prepared.url).netloc.split(":")
    began = time.perf_counter()
    until = began + seconds
    latencies = await asyncio.gather(
        *(_connection(host, int(port), left, until) for _ in range(min(connections, len(prepared.requests))))
    )
    took = time.perf_counter() - began
    sorted_ms = sorted(1000 * latency for one in latencies for latency in one)
    return Load(len(sorted_ms), len(sorted_ms) / took, _at(sorted_ms, 0.5), _at(sorted_ms, 0.99))


def _at(values: Sequence[float], share: float) -> float:
    return values[min(int(share * len(values)), len(values) - 1)]


async def _connection(host: str, port: int, left: Iterator[bytes], until: float) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    latencies = []
    for content in left:
        began = time.perf_counter()
        writer.write(content)
        head = await reader.readuntil(b"\r\n\r\n")
        if head[9:10] != b"2":
            raise RuntimeError(f"answered {head[9:12].decode()}")
        await reader.readexactly(_length(head))
        latencies.append(time.perf_counter() - began)
        if time.perf_counter() > until:
            break
    writer.close()
    return latencies


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
