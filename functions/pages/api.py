"""The client of the public API: each call carries the signed-in person's own token.

Connections are reused. A call is sent again with the same Idempotency-Key if the API does not answer or is unavailable.
"""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import httpx2

from shared.errors import FieldError
from shared.log import trace_id
from shared.settings import settings

#: Before each attempt.
_PAUSE_SECONDS = (0, 0.2, 1.0)
#: For all attempts of a call together: nobody waits longer for a page that says what happened.
_PATIENCE_SECONDS = 8
_TIMEOUT = httpx2.Timeout(5, connect=2)
#: Shorter than the servers' own, so that no call meets a connection that is being closed.
_LIMITS = httpx2.Limits(max_connections=100, keepalive_expiry=1.5)
_REMEMBERED_SECONDS = 3600
_remembered: dict[str, tuple[float, Any]] = {}


class ApiProblem(Exception):
    """The API refused a call, or did not answer (then the code is `unavailable`)."""

    def __init__(self, status: int, code: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.errors = errors


class Answer(NamedTuple):
    """An answer of the API, and its ETag."""

    body: Any
    etag: str | None


class Api:
    """Calls with one person's token. `purpose` says why an agent reads."""

    def __init__(self, token: str | None = None, purpose: str | None = None) -> None:
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if purpose:
            self._headers["Psr-Purpose"] = purpose

    async def get(self, path: str) -> Answer:
        """Read. Raises `ApiProblem`, as every call does."""
        return await self._send("GET", path, {})

    async def post(self, path: str, body: Any, *, key: str | None = None, etag: str | None = None) -> Answer:
        """Search or create. A repeat with the same key has the first answer."""
        return await self._send("POST", path, _headers("application/json", key, etag), body)

    async def patch(self, path: str, body: Any, *, etag: str, key: str | None = None) -> Answer:
        """Change what was read with this ETag, by a JSON merge patch."""
        return await self._send("PATCH", path, _headers("application/merge-patch+json", key, etag), body)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Answer:
        trace = {"traceparent": f"00-{trace_id.get() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"}
        content = None if body is None else json.dumps(body)
        request = client().build_request(method, path, content=content, headers={**self._headers, **trace, **headers})
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                for pause in _PAUSE_SECONDS:
                    await asyncio.sleep(pause)
                    with suppress(httpx2.TransportError):
                        answer = await client().send(request)
                        if answer.status_code not in {502, 503, 504}:
                            return _checked(answer)
        raise ApiProblem(503, "unavailable")


def _headers(media_type: str, key: str | None, etag: str | None) -> dict[str, str]:
    if etag and not (etag.isascii() and etag.isprintable()):
        raise ApiProblem(412, "version-stale")  # not from the API, and no header can have it
    headers = {"Content-Type": media_type, "Idempotency-Key": key or str(uuid.uuid4())}
    return {**headers, "If-Match": etag} if etag else headers


def _checked(answer: httpx2.Response) -> Answer:
    try:
        body = answer.json()
        if answer.is_success:
            return Answer(body, answer.headers.get("etag"))
        code = body["type"].rpartition("/")[2]
        errors = [FieldError(error["pointer"], error["code"], error["detail"]) for error in body["errors"]]
    except (ValueError, KeyError, TypeError):
        raise ApiProblem(502, "unavailable") from None
    raise ApiProblem(answer.status_code, code, errors)


@cache
def client() -> httpx2.AsyncClient:
    """The connections of this process, made when a request first needs them."""
    return httpx2.AsyncClient(base_url=str(settings().pages_api), timeout=_TIMEOUT, limits=_LIMITS)


async def remembered(name: str, fetch: Callable[[], Awaitable[Any]]) -> Any:
    """The answer of `fetch`: of the last hour, or older if it raises `ApiProblem` now."""
    until, known = _remembered.get(name, (0.0, None))
    if until < time.monotonic():
        try:
            known = await fetch()
        except ApiProblem:
            if known is None:
                raise
        else:
            _remembered[name] = time.monotonic() + _REMEMBERED_SECONDS, known
    return known


async def reference() -> dict[str, Any]:
    """The codes, labels and wordings of the API. Raises `ApiProblem`."""
    found: dict[str, Any] = await remembered("reference", reach_api)
    return found


async def reach_api() -> Any:
    """The same, read now. Raises `ApiProblem`."""
    return (await Api().get("/v1/reference")).body


def is_live(registration: Mapping[str, Any]) -> bool:
    """Whether the account is on the register, or will be."""
    return registration["status"] in {"active", "pending"}


def is_shared(registration: Mapping[str, Any]) -> bool:
    """Whether the networks may get the needs."""
    sharing = registration["sharing"]
    return sharing["basis"] != "none" and not sharing["withdrawn"]
