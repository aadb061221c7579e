"""The baseline of a migration: plain concurrent creates of one document each, by the official client."""

import asyncio
import time
import uuid
from typing import Any

from google.cloud import firestore


def creates_a_second(project: str, fields: dict[str, Any], at_once: int, seconds: float) -> float:
    """The number of creates in a second."""
    return asyncio.run(_creates(project, fields, at_once, seconds))


async def _creates(project: str, fields: dict[str, Any], at_once: int, seconds: float) -> float:
    collection = firestore.AsyncClient(project=project).collection("plain_creates")
    await collection.document(str(uuid.uuid4())).create(fields)
    began = time.perf_counter()

    async def one_after_another() -> int:
        done = 0
        while time.perf_counter() - began < seconds:
            await collection.document(str(uuid.uuid4())).create(fields)
            done += 1
        return done

    done = await asyncio.gather(*(one_after_another() for _ in range(at_once)))
    return sum(done) / (time.perf_counter() - began)
