"""`python -m tests.export.killed WHERE WORK`: does one piece of the export's work and is killed on the way.

WHERE is `before` or `after`, and a step: `put NAME` (of an object), `plan` or `change` (of the day's document).
WORK is a work message's JSON, or the time of a slot.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from datetime import date, datetime

from shared.export.days import ExportDays
from shared.export.parts import ExportParts
from shared.export.plan import ExportDay
from shared.export.signer import signer
from shared.export.work import PartDue
from shared.messages.publisher import publish
from shared.objects import Bucket, bucket
from shared.settings import settings
from shared.store.documents import documents
from shared.store.exports import Exports, Kept

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
    async def put(self, state: ExportDay, replacing: Kept | None) -> bool:
        pass_by("before", "plan")
        kept = await super().put(state, replacing)
        pass_by("after", "plan")
        return kept

    async def change(self, day: date, change: Callable[[ExportDay], ExportDay | None]) -> ExportDay | None:
        pass_by("before", "change")
        changed = await super().change(day, change)
        pass_by("after", "change")
        return changed


async def main() -> None:
    exports = KillingExports(documents())
    objects = KillingBucket(bucket(str(settings().export_bucket))._bucket)
    days = ExportDays(documents(), exports, objects, signer(), settings(), publish)
    if sys.argv[2].startswith("{"):
        parts = ExportParts(documents(), exports, objects, days, settings())
        await parts.write(PartDue.model_validate_json(sys.argv[2]).data)
    else:
        await days.advance(datetime.fromisoformat(sys.argv[2]))


asyncio.run(main())
