"""Files that are fetched once, checked against their pinned sum, and kept in the user's cache. All or nothing."""

import fnmatch
import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx
from pydantic import Field
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from shared.model import Model
from tools.errors import CommandError

_CONNECT_SECONDS = 15.0


class Pinned(Model):
    """A file on the web that must be exactly this. `in_archive`: the pattern of the one wanted member of a zip."""

    url: str
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    in_archive: str | None = None


def fetched(pinned: Pinned, cache: Path, console: Console) -> Path:
    """The file in the cache, fetched if it is not there.

    Raises `CommandError` if it cannot be reached, is cut, or has another sum; nothing is left behind then.
    """
    kept = cache / f"{pinned.sha256[:16]}.jar"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with _scratch(cache) as scratch:
        whole = scratch / "download"
        with whole.open("wb") as file:
            _fetch(pinned, file, console)
        wanted = whole if pinned.in_archive is None else _member(whole, pinned, scratch / "member")
        wanted.replace(kept)
    return kept


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    """A folder next to the result, so that moving it there is atomic; it is always removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="partial-", dir=cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _fetch(pinned: Pinned, file: BinaryIO, console: Console) -> None:
    name = pinned.url.rpartition("/")[2]
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    whole = hashlib.sha256()
    received = 0
    try:
        with (
            httpx.stream("GET", pinned.url, follow_redirects=True, timeout=_CONNECT_SECONDS) as answer,
            Progress(*columns, console=console) as progress,
        ):
            answer.raise_for_status()
            task = progress.add_task(f"Downloading {name} (once)", total=pinned.bytes)
            for chunk in answer.iter_raw():
                file.write(chunk)
                whole.update(chunk)
                received += len(chunk)
                progress.update(task, completed=received)
    except httpx.HTTPStatusError as error:
        raise CommandError(f"{pinned.url} answers {error.response.status_code}; {_REMEDY}") from None
    except (httpx.HTTPError, OSError) as error:
        reason = str(error) or type(error).__name__
        if received:
            raise CommandError(
                f"the download of {name} was cut after {received:,} of {pinned.bytes:,} bytes; run it again"
            ) from None
        raise CommandError(f"{pinned.url} cannot be reached ({reason}); {_REMEDY}") from None
    if (received, whole.hexdigest()) != (pinned.bytes, pinned.sha256):
        raise CommandError(f"{pinned.url} is not the file expected (its sha256 differs) and was thrown away; {_REMEDY}")


_REMEDY = "install the Google Cloud CLI with its emulators, or set FIRESTORE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST"


def _member(archive: Path, pinned: Pinned, target: Path) -> Path:
    with zipfile.ZipFile(archive) as files:
        names = fnmatch.filter(files.namelist(), pinned.in_archive or "")
        if len(names) != 1:
            raise CommandError(f"{pinned.url} holds {len(names)} files like {pinned.in_archive}, not one; {_REMEDY}")
        with files.open(names[0]) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    return target
