"""`python -m benchmarks.export_process`: export a stored day in this process and print the figures, as JSON.

The day's feed is stored already.
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
    """Plan and write."""
    config = settings()
    day = config.export_first_day
    if day is None:
        raise RuntimeError("PSR_EXPORT_FIRST_DAY is not set")
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
    stored = await store.get(day)
    if stored is None:
        raise RuntimeError("the day is not stored")
    sys.stdout.write(
        json.dumps(
            {
                "stage": stored.state.stage,
                "supply_points": stored.state.sums.written if stored.state.sums else 0,
                "parts": stored.state.parts,
                "peak_kib": peak,
                "plan_seconds": planned - began,
                "write_seconds": written - planned,
                "cpu_seconds": cpu,
            }
        )
    )


asyncio.run(main())
