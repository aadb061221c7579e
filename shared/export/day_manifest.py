"""The manifest of a day: what every recipient was told and what was withheld, file by file. It is written last."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256

from shared.domain.export_day import ExportDay, ExportStopped, Part, PartResult, Sums, file_id
from shared.domain.recipients import Withheld, recipients
from shared.model import Model

DAY_MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
RELEASED = "released"


class DayManifestFile(Model):
    """One file. `path` is relative to the manifest; `rows` are its lines without header and trailer."""

    path: str
    file_id: str
    part: int
    bytes: int
    sha256: str
    rows: int
    supply_points: int


class DayManifestRecipient(Model):
    """One recipient: supply points counted in the feed = written (set or deleted) + withheld (by reason)."""

    recipient: str
    profile: str
    format: str
    counted: int
    written: int
    sets: int
    deletes: int
    withheld: dict[Withheld, int]
    files: list[DayManifestFile]


class DayManifest(Model):
    """A revision of a day. `counted` is the whole day's count, taken by itself; recipients with nothing have a row."""

    day: date
    revision: int
    supplier: str
    created_at: datetime
    renderer: int
    configuration: str
    counted: int
    written: int
    sets: int
    deletes: int
    withheld: int
    recipients: list[DayManifestRecipient]

    def text(self) -> bytes:
        """The manifest's bytes: the same for the same day."""
        return (self.model_dump_json(indent=2) + "\n").encode()


class Released(Model):
    """The object that says that a day may be sent. `because` is the operator's reason, None if no one was asked."""

    day: date
    revision: int
    manifest_sha256: str
    because: str | None

    def text(self) -> bytes:
        """The object's bytes."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def day_manifest_of(plan: ExportDay, parts: Sequence[Part], supplier: str) -> DayManifest:
    """The manifest of a day whose parts are all written. Raises `ExportStopped` unless every count agrees."""
    by_recipient: dict[str, list[tuple[Part, PartResult]]] = {recipient: [] for recipient in recipients()}
    for part in parts:
        if part.result is None:
            raise ExportStopped(plan.day, f"part {part.recipient}-{part.number} is not written yet")
        by_recipient[part.recipient].append((part, part.result))
    rows = [_recipient(plan, recipient, parts) for recipient, parts in sorted(by_recipient.items())]
    counted = sum(row.counted for row in rows)
    if counted != plan.counted:
        raise ExportStopped(
            plan.day,
            f"{plan.counted} supply points were counted for the whole day, but {counted} for its recipients together; "
            "nothing is released, look for feed entries that a recipient's query does not find",
        )
    return DayManifest(
        day=plan.day,
        revision=plan.revision,
        supplier=supplier,
        created_at=plan.created_at,
        renderer=plan.renderer,
        configuration=plan.configuration,
        counted=counted,
        written=sum(row.written for row in rows),
        sets=sum(row.sets for row in rows),
        deletes=sum(row.deletes for row in rows),
        withheld=sum(sum(row.withheld.values()) for row in rows),
        recipients=rows,
    )


def _recipient(plan: ExportDay, recipient: str, parts: list[tuple[Part, PartResult]]) -> DayManifestRecipient:
    withheld: Counter[Withheld] = Counter()
    for _, result in parts:
        withheld.update(result.withheld)
    profile = recipients()[recipient].profile
    row = DayManifestRecipient(
        recipient=recipient,
        profile=profile.profile,
        format=profile.format,
        counted=sum(part.counted for part, _ in parts),
        written=sum(result.written for _, result in parts),
        sets=sum(result.sets for _, result in parts),
        deletes=sum(result.deletes for _, result in parts),
        withheld=dict(sorted(withheld.items())),
        files=[
            _file(plan, part, result, result.path, result.sha256)
            for part, result in parts
            if result.path and result.sha256
        ],
    )
    if row.counted != row.written + sum(row.withheld.values()):
        raise ExportStopped(
            plan.day,
            f"{row.counted} supply points were counted for {recipient}, but {row.written} written and "
            f"{sum(row.withheld.values())} withheld; nothing is released",
        )
    return row


def _file(plan: ExportDay, part: Part, result: PartResult, path: str, digest: str) -> DayManifestFile:
    return DayManifestFile(
        path=path,
        file_id=file_id(plan.day, recipients()[part.recipient].file_code, part.number, plan.revision),
        part=part.number,
        bytes=result.bytes,
        sha256=digest,
        rows=result.rows,
        supply_points=result.written,
    )


def sums_of(manifest: DayManifest) -> Sums:
    """A manifest's sums."""
    return Sums(
        files=sum(len(row.files) for row in manifest.recipients),
        sets=manifest.sets,
        deletes=manifest.deletes,
        unroutable=sum(row.withheld.get(Withheld.UNROUTABLE, 0) for row in manifest.recipients),
    )


def digest_of(manifest: DayManifest) -> str:
    """SHA-256 of a manifest's bytes."""
    return sha256(manifest.text()).hexdigest()
