"""Read a request body up to a limit."""

from starlette.requests import Request

from shared.errors import PayloadTooLarge


async def read_within(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` bytes. Raises `PayloadTooLarge`."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise PayloadTooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise PayloadTooLarge
    return bytes(body)
