"""The baseline without calls: a function that answers HTTP and push requests. GET returns the number of POSTs."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response

_served = 0


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def main(request: Request) -> Response:
    """Read the body, as every function must, and answer."""
    global _served  # noqa: PLW0603 - one worker, one loop
    if request.method == "GET":
        return Response(str(_served))
    await request.body()
    _served += 1
    return Response(status_code=204)
