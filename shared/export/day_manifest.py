"""The day manifest: what each recipient gets and what is withheld, file by file. It is written after all files."""

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
    """One file. `path` is relative to the day manifest; `rows` are its lines without header and trailer."""

    path: str
    file_id: str
    part: int
    bytes: int
    sha256: str
    rows: int
    supply_points: int


class DayManifestRecipient(Model):
    """One recipient: supply points counted in the feed = written (sets and deletes) + withheld (by reason)."""

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
    """A revision of a day. `counted` is a separate count of the whole day. Recipients without files have a row too."""

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
        """The content of the file: the same bytes for the same day."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.text()).hexdigest()

    @property
    def sums(self) -> Sums:
        """The sums of all recipients."""
        return Sums(
            files=sum(len(row.files) for row in self.recipients),
            sets=self.sets,
            deletes=self.deletes,
            unroutable=sum(row.withheld.get(Withheld.UNROUTABLE, 0) for row in self.recipients),
        )


class Released(Model):
    """The object that releases a day. `because` is the operator's reason; None for a day that was not on hold."""

    day: date
    revision: int
    manifest_sha256: str
    because: str | None

    def text(self) -> bytes:
        """The content of the object."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def day_manifest_of(export_day: ExportDay, parts: Sequence[Part], supplier: str) -> DayManifest:
    """The manifest of a day whose parts are all written. Raises `ExportStopped` unless all counts agree."""
    by_recipient: dict[str, list[tuple[Part, PartResult]]] = {recipient: [] for recipient in recipients()}
    for part in parts:
        if part.result is None:
            raise ExportStopped(export_day.day, f"{part.name} is not written. Wait for the next run of the schedule")
        by_recipient[part.recipient].append((part, part.result))
    rows = [_recipient(export_day, recipient, parts) for recipient, parts in sorted(by_recipient.items())]
    counted = sum(row.counted for row in rows)
    if counted != export_day.counted:
        raise ExportStopped(
            export_day.day,
            f"the whole day has {export_day.counted} supply points, but its recipients together have {counted}. "
            "Nothing is released. Look for feed entries that the queries for the recipients do not find",
        )
    return DayManifest(
        day=export_day.day,
        revision=export_day.revision,
        supplier=supplier,
        created_at=export_day.created_at,
        renderer=export_day.renderer,
        configuration=export_day.configuration,
        counted=counted,
        written=sum(row.written for row in rows),
        sets=sum(row.sets for row in rows),
        deletes=sum(row.deletes for row in rows),
        withheld=sum(sum(row.withheld.values()) for row in rows),
        recipients=rows,
    )


def _recipient(export_day: ExportDay, recipient: str, parts: list[tuple[Part, PartResult]]) -> DayManifestRecipient:
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
            _file(export_day, part, result, result.path, result.sha256)
            for part, result in parts
            if result.path and result.sha256
        ],
    )
    if row.counted != row.written + sum(row.withheld.values()):
        raise ExportStopped(
            export_day.day,
            f"{recipient} has {row.counted} supply points, but {row.written} were written and "
            f"{sum(row.withheld.values())} withheld. Nothing is released. This is a defect of the renderer: report it "
            "to the developers",
        )
    return row


def _file(export_day: ExportDay, part: Part, result: PartResult, path: str, digest: str) -> DayManifestFile:
    return DayManifestFile(
        path=path,
        file_id=file_id(export_day.day, recipients()[part.recipient].file_code, part.number, export_day.revision),
        part=part.number,
        bytes=result.bytes,
        sha256=digest,
        rows=result.rows,
        supply_points=result.written,
    )
