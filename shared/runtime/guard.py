"""The outermost handler of every function. It catches every exception, because the framework would log its text."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.errors import InternalError, Problem
from shared.log import Event, execution_id, log, log_failure, trace_id

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
#: From the platform, or from the framework if LOG_EXECUTION_ID is set.
_EXECUTION_ID = re.compile(r"[0-9A-Za-z]{12}")
_ALWAYS = {"Cache-Control": "no-store", "Vary": "Authorization", "X-Content-Type-Options": "nosniff"}


async def guarded(operation: str, request: Request, handler: Callable[[], Awaitable[Response]]) -> Response:
    """Run a handler under the request's trace, turn each exception into problem details, and log the outcome.

    A client that disconnects before its request is complete gets no response. That is not an error.
    """
    trace_id.set(trace_in(request.headers) or secrets.token_hex(16))
    execution_id.set(_execution_in(request.headers))
    began = time.perf_counter()
    problem = None
    try:
        response = await handler()
    except Problem as raised:
        problem = raised
        response = problem_response(raised)
    except ClientDisconnect:
        log(Event.CLIENT_DISCONNECTED, operation=operation)
        return Response(status_code=400)  # the client is gone
    except Exception as error:  # noqa: BLE001 - by design, the last handler
        log_failure(operation, error)
        problem = InternalError()
        response = problem_response(problem)
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    log(
        Event.REQUEST_SERVED,
        operation=operation,
        status=response.status_code,
        milliseconds=round((time.perf_counter() - began) * 1000),
        problem=problem.code if problem else None,
    )
    return response


def problem_response(problem: Problem) -> Response:
    """Problem details (RFC 9457)."""
    body = {
        "type": f"/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [error._asdict() for error in problem.errors],
        "trace_id": trace_id.get(),
    }
    headers = dict(problem.headers)
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return Response(to_json(body), status_code=problem.status, headers=headers, media_type="application/problem+json")


def trace_in(carrier: Mapping[str, str]) -> str | None:
    """The trace id of a `traceparent` (W3C Trace Context) among headers or message attributes."""
    match = _TRACEPARENT.fullmatch(carrier.get("traceparent", ""))
    return match[1] if match else None


def _execution_in(headers: Mapping[str, str]) -> str:
    given = headers.get("function-execution-id", "")
    return given if _EXECUTION_ID.fullmatch(given) else ""
