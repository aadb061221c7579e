"""`python -m tests.export.killed WHERE WORK`: does one piece of the export's work and is killed on the way.

WHERE is `before` or `after`, and a step: `put NAME` (of an object), `store STAGE` (of the day's document),
`store parts`, `store result`.
WORK is a work message's JSON, or the time of a slot.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime

from shared.domain.export_day import ExportDay, Part, PartResult
from shared.export.days import ExportDays
from shared.export.parts import ExportParts
from shared.export.signer import signer
from shared.export.work import PartDue
from shared.messages.publisher import Publisher
from shared.settings import settings
from shared.store.exports import Exports, StoredDay, StoredPart
from shared.store.objects import Bucket, Buckets
from shared.store.service import service

WHEN, STEP = sys.argv[1].split(" ", 1)


def pass_by(when: str, step: str) -> None:
    if (when, step) == (WHEN, STEP):
        os.kill(os.getpid(), signal.SIGKILL)


class KillingBucket(Bucket):
    async def put(self, path: str, content: bytes, content_type: str) -> None:
        name = path.rpartition("/")[2]
        pass_by("before", f"put {name}")
        await super().put(path, content, content_type)
        pass_by("after", f"put {name}")


class KillingExports(Exports):
    async def put(self, state: ExportDay, replacing: StoredDay | None) -> bool:
        pass_by("before", f"store {state.stage}")
        kept = await super().put(state, replacing)
        pass_by("after", f"store {state.stage}")
        return kept

    async def add_parts(self, plan: ExportDay, parts: Sequence[Part]) -> bool:
        pass_by("before", "store parts")
        added = await super().add_parts(plan, parts)
        pass_by("after", "store parts")
        return added

    async def note_result(self, plan: ExportDay, kept: StoredPart, result: PartResult) -> PartResult:
        pass_by("before", "store result")
        noted = await super().note_result(plan, kept, result)
        pass_by("after", "store result")
        return noted


async def main() -> None:
    exports = KillingExports(service().documents)
    objects = KillingBucket(service().part(Buckets).get(str(settings().export_bucket))._bucket)
    days = ExportDays(
        service().documents,
        exports,
        objects,
        signer(str(settings().signing_key)),
        settings(),
        service().part(Publisher).publish_all,
    )
    if sys.argv[2].startswith("{"):
        parts = ExportParts(service().documents, exports, objects, days, settings())
        await parts.write(PartDue.model_validate_json(sys.argv[2]).data)
    else:
        await days.advance(datetime.fromisoformat(sys.argv[2]))


asyncio.run(main())
