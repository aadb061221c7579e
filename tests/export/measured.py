"""`python -m tests.export.measured`: exports a day in this process and prints what it took, as JSON.

The day and its feed are there already. Compared with it: reading the same pages bare, as raw protobuf.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import datetime

from shared.clock import day_closes
from shared.export.days import ExportDays
from shared.export.parts import ExportParts
from shared.export.signer import signer
from shared.export.work import PartDue
from shared.settings import settings
from shared.store.exports import Exports
from shared.store.objects import Buckets
from shared.store.service import service


async def main() -> None:
    config = settings()
    day = config.export_first_day
    assert day is not None
    store, objects = Exports(service().documents), service().part(Buckets).get(str(config.export_bucket))
    published: list[bytes] = []

    async def keep(_topic: str, data: Sequence[bytes]) -> list[str]:
        published.extend(data)
        return ["kept"] * len(data)

    days = ExportDays(service().documents, store, objects, signer(str(config.signing_key)), config, keep)
    parts = ExportParts(service().documents, store, objects, days, config)
    slot: datetime = day_closes(day)
    began, cpu = time.monotonic(), time.process_time()
    await days.advance(slot)
    planned = time.monotonic()
    for data in published[:]:
        await parts.write(PartDue.model_validate_json(data).data)
    written, cpu = time.monotonic(), time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = await store.get(day)
    assert kept is not None
    bare = time.monotonic()
    count = 0
    for part in await store.parts(kept.state):
        async for page in store.entries(day, part):
            count += len(page)
    bare = time.monotonic() - bare
    sys.stdout.write(
        json.dumps(
            {
                "stage": kept.state.stage,
                "supply_points": count,
                "parts": kept.state.parts,
                "peak_kib": peak,
                "plan_seconds": planned - began,
                "write_seconds": written - planned,
                "bare_seconds": bare,
                "cpu_seconds": cpu,
            }
        )
    )


asyncio.run(main())
