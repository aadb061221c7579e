"""The limit: a bare function that does nothing, for HTTP and for push."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def main(request: Request) -> Response:
    """Read the body, as every function must, and answer."""
    await request.body()
    return Response(status_code=204)
