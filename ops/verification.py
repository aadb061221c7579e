"""Verify an exported day from its files alone: no database, no network, only the folder and a public key."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from shared.export import d0225, register_csv
from shared.export.day_manifest import (
    DAY_MANIFEST,
    RELEASED,
    SIGNATURE,
    DayManifest,
    DayManifestFile,
    DayManifestRecipient,
    Released,
)
from shared.export.envelope import BadFile, Envelope
from shared.export.signer import is_signed


class Content(NamedTuple):
    """The content of a file. `groups` counts its lines without header and trailer."""

    envelope: Envelope
    sets: int
    deletes: int
    groups: int


class Verified(NamedTuple):
    """The result for one revision's folder. `faults` are sentences; none means that everything agrees.

    `replaced_by` is the day's latest revision, for an earlier one that was never released: nobody sends its files.
    """

    folder: Path
    manifest: DayManifest | None
    released: bool
    faults: list[str]
    replaced_by: str | None = None


def revisions(path: Path) -> list[Path]:
    """The folders of revisions (`…/2026-11-23/r1`) at or below a path."""
    below = [folder for folder in sorted(path.rglob("r*")) if folder.is_dir() and folder.name[1:].isdigit()]
    return [path] if path.name[:1] == "r" and path.name[1:].isdigit() else below


def verify(folder: Path, public_key: bytes | None) -> Verified:
    """Check a revision: manifest, signature (with a key), each file's bytes, format and counts, surplus files."""
    content = _read(folder / DAY_MANIFEST)
    released = (folder / RELEASED).exists()
    if content is None:
        return Verified(folder, None, released, ["there is no manifest.json: the day is not complete"])
    try:
        manifest = DayManifest.model_validate_json(content)
    except ValidationError:
        return Verified(folder, None, released, ["manifest.json is not a manifest"])
    faults = [
        *_signature_faults(folder, content, public_key),
        *_sum_faults(manifest),
        *_file_id_faults(manifest),
        *(fault for row in manifest.recipients for fault in _recipient_faults(folder, manifest, row)),
        *_left_over(folder, manifest),
        *_release_faults(folder, manifest, content),
    ]
    return Verified(folder, manifest, released, faults)


def with_replaced(found: Sequence[Verified]) -> list[Verified]:
    """The results, without faults in revisions that were replaced before their release."""
    latest: dict[Path, str] = {}
    for one in sorted(found, key=_number):
        latest[one.folder.parent] = one.folder.name
    return [
        one
        if one.released or one.folder.name == latest[one.folder.parent]
        else one._replace(faults=[], replaced_by=latest[one.folder.parent])
        for one in found
    ]


def _number(verified: Verified) -> int:
    return int(verified.folder.name[1:])


def _signature_faults(folder: Path, content: bytes, public_key: bytes | None) -> Iterator[str]:
    signature = _read(folder / SIGNATURE)
    if signature is None:
        yield f"there is no {SIGNATURE}"
    elif public_key is not None and not is_signed(content, signature, public_key):
        yield f"{SIGNATURE} is not a signature of the manifest by this key"


def _sum_faults(manifest: DayManifest) -> Iterator[str]:
    for row in manifest.recipients:
        if row.written != row.sets + row.deletes or row.counted != row.written + sum(row.withheld.values()):
            yield f"manifest.json: {row.recipient}'s counts do not add up"
        if row.written != sum(file.supply_points for file in row.files):
            yield f"manifest.json: {row.recipient}'s files do not hold the {row.written} supply points written"
    for name in ("counted", "written", "sets", "deletes"):
        if getattr(manifest, name) != sum(getattr(row, name) for row in manifest.recipients):
            yield f"manifest.json: {name} is not the sum over the recipients"
    if manifest.withheld != sum(sum(row.withheld.values()) for row in manifest.recipients):
        yield "manifest.json: withheld is not the sum over the recipients"


def _file_id_faults(manifest: DayManifest) -> Iterator[str]:
    ids = Counter(file.file_id for row in manifest.recipients for file in row.files)
    yield from (f"manifest.json: {count} files have the id {one}" for one, count in ids.items() if count > 1)


def _recipient_faults(folder: Path, manifest: DayManifest, row: DayManifestRecipient) -> Iterator[str]:
    """Each file of a recipient, and its sets and deletes over all files that can be read; each file is read once."""
    read: list[Content] = []
    for file in row.files:
        content = yield from _file_faults(folder, manifest, row, file)
        if content is not None:
            read.append(content)
    if len(read) == len(row.files) and (sum(c.sets for c in read), sum(c.deletes for c in read)) != (
        row.sets,
        row.deletes,
    ):
        yield f"{row.recipient}'s files do not hold {row.sets} sets and {row.deletes} deletes"


def _file_faults(
    folder: Path, manifest: DayManifest, row: DayManifestRecipient, file: DayManifestFile
) -> Generator[str, None, Content | None]:
    """Faults of a file; returns what the file says, None if it cannot be read."""
    content = _read(folder / file.path)
    if content is None:
        yield f"{file.path} is missing"
        return None
    if (len(content), sha256(content).hexdigest()) != (file.bytes, file.sha256):
        yield f"{file.path} is not the file of the manifest: size or SHA-256 differ"
        return None
    try:
        read = _READERS[row.format](content)
    except BadFile as bad:
        yield f"{file.path}: {bad}"
        return None
    expected = (file.file_id, manifest.supplier, row.recipient, manifest.created_at)
    envelope = read.envelope
    if (envelope.file_id, envelope.sender, envelope.receiver, envelope.created_at) != expected:
        yield f"{file.path}: file id, sender, receiver or creation time are not the manifest's"
    if (read.sets + read.deletes, read.groups) != (file.supply_points, file.rows):
        yield f"{file.path} does not hold {file.supply_points} supply points in {file.rows} rows"
    return read


def _left_over(folder: Path, manifest: DayManifest) -> Iterator[str]:
    known = {DAY_MANIFEST, SIGNATURE, RELEASED, *(file.path for row in manifest.recipients for file in row.files)}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in known:
            yield f"{name} is not in the manifest"


def _release_faults(folder: Path, manifest: DayManifest, content: bytes) -> Iterator[str]:
    text = _read(folder / RELEASED)
    if text is None:
        return
    try:
        released = Released.model_validate_json(text)
    except ValidationError:
        yield f"{RELEASED} is not a release"
        return
    expected = (manifest.day, manifest.revision, sha256(content).hexdigest())
    if (released.day, released.revision, released.manifest_sha256) != expected:
        yield f"{RELEASED} is of another manifest"


def _read_d0225(content: bytes) -> Content:
    file = d0225.read(content)
    deletes = sum(one.delete_all for one in file.details)
    groups = sum(1 + len(one.needs) for one in file.details)
    return Content(file.envelope, len(file.details) - deletes, deletes, groups)


def _read_csv(content: bytes) -> Content:
    file = register_csv.read(content)
    deletes = sum(not one.needs for one in file.details)
    return Content(file.envelope, len(file.details) - deletes, deletes, len(file.details))


_READERS: dict[str, Callable[[bytes], Content]] = {"D0225": _read_d0225, "csv": _read_csv}


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
