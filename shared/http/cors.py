"""Cross-origin calls from web frontends: pages of the listed origins may call, and read the headers that they need.

Each function answers a preflight request for all methods of the API. Several functions serve the methods of one path,
and the load balancer sends OPTIONS to one of them.
"""

from starlette.requests import Request
from starlette.responses import Response

from shared.errors import OriginRefused
from shared.store.service import service

_VARY = {"Vary": "Origin"}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, PATCH, POST",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Psr-Purpose"
    ),
    "Access-Control-Max-Age": "3600",
}
_READABLE = "ETag, Idempotent-Replayed, Location, Retry-After, WWW-Authenticate"


def is_preflight(request: Request) -> bool:
    """Whether a request is a CORS-preflight request (Fetch standard)."""
    headers = request.headers
    return request.method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


async def preflight(request: Request) -> Response:
    """The answer to a preflight request. Raises `OriginRefused`."""
    origin = request.headers["origin"]
    if not _is_listed(origin):
        raise OriginRefused(headers=_VARY)
    return Response(status_code=204, headers={"Access-Control-Allow-Origin": origin, **_PREFLIGHT, **_VARY})


def allow_reading(request: Request, response: Response) -> None:
    """Let pages of the listed origins read an answer. The browser hides the answer from other pages."""
    response.headers.add_vary_header("Origin")
    origin = request.headers.get("origin", "")
    if _is_listed(origin):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _READABLE


def _is_listed(origin: str) -> bool:
    return origin in service().settings.cors_origins.split()
