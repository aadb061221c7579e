"""The objects of an export day in the bucket: each is written once, and checked before the day is released."""

from collections.abc import Sequence

from shared.domain.export_day import ExportDay, ExportStopped, Part, folder
from shared.export.day_manifest import DAY_MANIFEST, RELEASED, SIGNATURE, DayManifest, Released
from shared.export.signer import Signer
from shared.store.objects import Bucket, DifferentObject

_JSON = "application/json"
_BINARY = "application/octet-stream"


async def put_or_stop(bucket: Bucket, export_day: ExportDay, name: str, content: bytes, content_type: str) -> None:
    """Write an object of a revision. Raises `ExportStopped` if the name has another content already, `Unavailable`."""
    path = _path(export_day, name)
    try:
        await bucket.put(path, content, content_type)
    except DifferentObject:
        raise ExportStopped(
            export_day.day,
            f"{path} already exists with other content. Nothing is overwritten or released. Find out who wrote it, "
            f"then run psr export revise {export_day.day}",
        ) from None


async def write_day_manifest(bucket: Bucket, signer: Signer, export_day: ExportDay, manifest: DayManifest) -> None:
    """Write the day manifest after its signature. Raises `ExportStopped`, `Unavailable`."""
    content = manifest.text()
    await put_or_stop(bucket, export_day, SIGNATURE, await signer.sign(content), _BINARY)
    await put_or_stop(bucket, export_day, DAY_MANIFEST, content, _JSON)


async def write_released(bucket: Bucket, export_day: ExportDay) -> None:
    """Write the object that releases a revision. Raises `ExportStopped`, `Unavailable`."""
    released = Released(
        day=export_day.day,
        revision=export_day.revision,
        manifest_sha256=str(export_day.manifest_sha256),
        because=export_day.released_because,
    )
    await put_or_stop(bucket, export_day, RELEASED, released.text(), _JSON)


async def check_day_manifest(bucket: Bucket, export_day: ExportDay) -> None:
    """Check that the day manifest is unchanged. Raises `ExportStopped` if it is not, `Unavailable`."""
    path = _path(export_day, DAY_MANIFEST)
    if await bucket.sha256(path) != export_day.manifest_sha256:
        raise _changed(export_day, path)


async def check_parts(bucket: Bucket, export_day: ExportDay, parts: Sequence[Part]) -> None:
    """Check that the files of all parts are unchanged. Raises `ExportStopped` if one is not, `Unavailable`."""
    found = await bucket.md5_by_path(_path(export_day, ""))
    for part in parts:
        if part.result is None or part.result.path is None:
            continue
        path = _path(export_day, part.result.path)
        if found.get(path) != part.result.md5:
            raise _changed(export_day, path)


def _path(export_day: ExportDay, name: str) -> str:
    return f"{folder(export_day.day, export_day.revision)}/{name}"


def _changed(export_day: ExportDay, path: str) -> ExportStopped:
    return ExportStopped(
        export_day.day,
        f"{path} has changed since the export wrote it. Nothing is released. Find out who changed the bucket, then run "
        f"psr export revise {export_day.day}",
    )
