"""The baseline of a start: the framework, the official client, and the service's own models; reads one document."""

import os
from functools import cache

import functions_framework.aio
from google.cloud import firestore
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.changes import Change

#: Built on import, as a function's models are.
MODEL = Change


@cache
def client() -> firestore.AsyncClient:
    """Made inside the first request: gRPC does not survive a fork."""
    return firestore.AsyncClient(project=os.environ["PSR_PROJECT"])


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def main(_request: Request) -> Response:
    """One call to Firestore, as the service's status page makes."""
    document = await client().document("clock", "comparison").get()
    return Response(str(document.exists))
