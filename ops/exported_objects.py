"""Verify exported days in their bucket: each revision is copied into a folder that is deleted afterwards."""

import asyncio
import re
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from ops.verification import Verified, verify
from shared.store.objects import Bucket, Buckets
from shared.store.service import service
from tools.errors import CommandError, WrongUsage

SCHEME = "gs://"
_ADDRESS = re.compile(rf"{SCHEME}([a-z0-9][a-z0-9._-]*)/?(.*?)/?")
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}/r\d+(?=/)")


async def verify_objects(address: str, public_key: bytes | None) -> list[Verified]:
    """The results for the revisions at or below `gs://BUCKET/…`. Raises `CommandError`, `Unavailable`."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise WrongUsage(
            f"{address} is no address of a bucket: give gs://BUCKET, gs://BUCKET/DAY or gs://BUCKET/DAY/r1"
        )
    name, path = match.groups()
    bucket = service().part(Buckets).get(name)
    paths = sorted(await bucket.md5_by_path(f"{path}/" if path else ""))
    return [
        await _verify_copy(bucket, revision, list(of_revision), public_key)
        for revision, of_revision in groupby(filter(_REVISION.match, paths), key=_revision)
    ]


def _revision(path: str) -> str:
    match = _REVISION.match(path)
    return match[0] if match else ""


async def _verify_copy(bucket: Bucket, revision: str, paths: list[str], public_key: bytes | None) -> Verified:
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        await asyncio.gather(*(_copy(bucket, path, root) for path in paths))
        return verify(root / revision, public_key)._replace(folder=Path(revision))


async def _copy(bucket: Bucket, path: str, root: Path) -> None:
    if ".." in path.split("/"):
        raise CommandError(f"the export never writes an object {path}: find out who writes to the bucket")
    content = await bucket.get(path)
    if content is not None:
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
