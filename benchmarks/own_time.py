"""`python -m benchmarks.own_time REGISTRATION TOKEN`: read one registration again and again, in this process.

Prints how long each read took outside the call to Firestore, as a JSON list of milliseconds.
"""

import asyncio
import json
import sys
import time
from typing import Any

from starlette.requests import Request

from functions.lookup.main import main as lookup
from shared.store.rpc import Rpc

_WARM, _READS = 200, 2000


async def main() -> None:
    """Read, and print the times."""
    registration_id, token = sys.argv[1:]
    called = 0.0
    get = Rpc.get

    async def timed(self: Rpc, request: Any) -> Any:
        nonlocal called
        began = time.perf_counter()
        try:
            return await get(self, request)
        finally:
            called += time.perf_counter() - began

    setattr(Rpc, "get", timed)  # noqa: B010 - for a type checker, methods cannot be assigned
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"/v1/registrations/{registration_id}",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
        "scheme": "http",
        "server": ("bench", 80),
    }
    own = []
    for _ in range(_WARM + _READS):
        called, began = 0.0, time.perf_counter()
        answer = await lookup(Request(dict(scope), _no_body))
        own.append(1000 * (time.perf_counter() - began - called))
        if answer.status_code != 200:
            raise RuntimeError(f"answered {answer.status_code}")
    print("\n" + json.dumps(own[_WARM:]))  # after the log's lines


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


if __name__ == "__main__":
    asyncio.run(main())
