"""What has come of it all, read back from Firestore and from the bucket's files, not taken from what was sent."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import NamedTuple

from shared.domain.changes import Change, ChangeKind
from shared.export import d0225, register_csv
from shared.store.documents import Collection, Stored
from shared.store.service import service


class Messages(NamedTuple):
    """What became of the events of one source. `quarantined` is by reason."""

    applied: int
    stale: int
    quarantined: Counter[str]

    @property
    def distinct(self) -> int:
        """How many events left their document."""
        return self.applied + self.stale + self.quarantined.total()


async def count_outcomes() -> int:
    """How many changes and quarantine records there are by now."""
    changes = await _all(Collection.CHANGES, fields=["kind"])
    return len(changes) + len(await _all(Collection.QUARANTINE, fields=["reason"]))


async def messages_of(source: str) -> Messages:
    """What became of the events of a source. Other sources' changes are not counted."""
    changes = [Change.model_validate_json(stored.state) for stored in await _all(Collection.CHANGES)]
    kinds = Counter(change.kind for change in changes if change.origin.source == source)
    reasons = Counter(_reason(stored) for stored in await _all(Collection.QUARANTINE, fields=["reason", "errors"]))
    receipts = kinds[ChangeKind.STALE] + kinds[ChangeKind.SUPERSEDED]
    return Messages(applied=kinds.total() - receipts, stale=receipts, quarantined=reasons)


async def registrations_by_status() -> Counter[str]:
    """How many registrations there are."""
    return Counter(str(stored.fields["status"]) for stored in await _all(Collection.REGISTRATIONS, fields=["status"]))


async def feed_of(day: date) -> Counter[str]:
    """How many supply points a day's feed has by recipient."""
    files = (str(stored.fields["file"]).split("|") for stored in await _all(Collection.EXPORT_FEED, fields=["file"]))
    return Counter(recipient for recipient, of_day in files if of_day == day.isoformat())


def supply_points_in(files: list[Path]) -> dict[str, list[str]]:
    """The supply points that files speak of, by receiver. Raises `BadFile` for a file that does not keep its format."""
    found: dict[str, list[str]] = {}
    for path in sorted(files):
        content = path.read_bytes()
        if path.suffix == ".csv":
            gas = register_csv.read(content)
            found.setdefault(gas.envelope.receiver, []).extend(one.supply_point for one in gas.details)
        else:
            file = d0225.read(content)
            found.setdefault(file.envelope.receiver, []).extend(one.mpan for one in file.details)
    return found


async def _all(collection: str, fields: list[str] | None = None) -> list[Stored]:
    return [stored async for page in service().documents.pages(collection, fields=fields or ()) for stored in page]


def _reason(stored: Stored) -> str:
    """`invalid-content mpan_check_digit`: the problem, and the first thing that is wrong."""
    errors = json.loads(str(stored.fields["errors"]))
    return " ".join([str(stored.fields["reason"]), *(error["code"] for error in errors[:1])])
