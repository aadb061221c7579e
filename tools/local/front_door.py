"""The front door: routes requests to functions by the same rules as the load balancer (`tools.routing`)."""

from collections.abc import AsyncIterator, Mapping

import httpx
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from shared.runtime.manifest import Manifest
from tools.routing import DEFAULT_FUNCTION, front_door_rules

#: Of one connection, not of the message (RFC 9110 7.6.1).
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)
_TIMEOUT_SECONDS = 60.0
#: Shorter than the servers' own (gunicorn: 2 s), so that no request meets a connection that is being closed.
_IDLE_SECONDS = 1.0

Header = tuple[bytes, bytes]


class FrontDoor:
    """Passes requests on and streams both bodies. `functions` holds the address of each function."""

    def __init__(self, manifests: Mapping[str, Manifest], functions: Mapping[str, str]) -> None:
        self._functions = functions
        self._rules = front_door_rules(manifests)
        self._transport = httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=None, keepalive_expiry=_IDLE_SECONDS)
        )

    async def serve(self, request: Request) -> Response:
        """Answer as the function does; 502 if it does not."""
        url = httpx.URL(self._functions[self._function_for(request)]).copy_with(raw_path=_target(request))
        onward = httpx.Request(
            request.method,
            url,
            headers=_onward_headers(request),
            content=request.stream() if _has_body(request) else None,
            extensions={"timeout": httpx.Timeout(_TIMEOUT_SECONDS).as_dict()},
        )
        try:
            answer = await self._transport.handle_async_request(onward)
            body = answer.aiter_raw()
            first = await anext(body, b"")
        except httpx.TransportError:
            return PlainTextResponse("the function does not answer\n", 502)
        except ClientDisconnect:
            return PlainTextResponse("the client disconnected\n", 400)  # reaches nobody
        response = StreamingResponse(_all(first, body), answer.status_code, background=BackgroundTask(answer.aclose))
        response.raw_headers = [(name.lower(), value) for name, value in _end_to_end(answer.headers.raw)]
        return response

    async def close(self) -> None:
        """Close the connections to the functions."""
        await self._transport.aclose()

    def _function_for(self, request: Request) -> str:
        return next(
            (rule.function for rule in self._rules if rule.takes(request.method, request.url.path)),
            DEFAULT_FUNCTION,
        )


def _target(request: Request) -> bytes:
    """Path and query exactly as they came."""
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"]
    return path + b"?" + query if query else path


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


def _onward_headers(request: Request) -> list[Header]:
    """Those of the message, and what a load balancer adds."""
    client = request.client.host if request.client else "unknown"
    before = request.headers.get("x-forwarded-for")
    added = [
        (b"x-forwarded-for", f"{before}, {client}".encode() if before else client.encode()),
        (b"x-forwarded-proto", b"http"),
        (b"via", b"1.1 local"),
    ]
    replaced = {b"x-forwarded-for", b"x-forwarded-proto"}
    return [*(header for header in _end_to_end(request.headers.raw) if header[0] not in replaced), *added]


def _end_to_end(headers: list[Header]) -> list[Header]:
    """Without the headers of the connection, which the Connection header can name too."""
    named = {
        token.strip().lower() for name, value in headers if name.lower() == b"connection" for token in value.split(b",")
    }
    return [header for header in headers if header[0].lower() not in _HOP_BY_HOP | named]


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes as they came, without decoding: the Content-Encoding goes along."""
    yield first
    async for chunk in rest:
        yield chunk
