"""The baseline: a bare function that only makes the calls of a request, through the official client.

POST: one commit that creates as many documents as a registration, with the same fields and sizes. GET: one document.
"""

import json
import os
import uuid
from functools import cache
from typing import Any

import functions_framework.aio
from google.cloud import firestore
from starlette.requests import Request
from starlette.responses import Response


@cache
def client() -> firestore.AsyncClient:
    """Made inside the first request: gRPC does not survive a fork."""
    return firestore.AsyncClient(project=os.environ["PSR_PROJECT"])


@cache
def documents() -> list[tuple[str, dict[str, Any]]]:
    """Collection and fields of each document that a creation writes, read back from one that the service made."""
    with open(os.environ["BENCH_DOCUMENTS"], encoding="utf-8") as file:  # noqa: PTH123
        return [tuple(one) for one in json.load(file)]


@functions_framework.aio.http  # type: ignore[untyped-decorator]
async def main(request: Request) -> Response:
    """Make the calls, and answer with text of the same kind."""
    if request.method == "POST":
        await request.body()
        batch = client().batch()
        for collection, fields in documents():
            batch.create(client().collection(collection).document(str(uuid.uuid4())), fields)
        await batch.commit()
        return Response(documents()[0][1]["state"], 201, media_type="application/json")
    document = await client().document("registrations", request.url.path.rpartition("/")[2]).get()
    return Response(document.get("state"), media_type="application/json")
