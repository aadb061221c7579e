"""How far a file has been published to a project: kept beside it, so that a stopped run goes on where it was."""

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError

from ops.migration.replacing import replacing
from shared.model import Model
from shared.store.service import service
from tools.errors import CommandError

_FINGERPRINTED_BYTES = 1024 * 1024


class Journal(Model):
    """`published` records are confirmed by Pub/Sub. `message_ids` are those of records that do not say what they are,
    `too_large` the numbers of those that no message can hold.
    """

    size: int
    fingerprint: str
    source: str
    published: int = 0
    message_ids: list[str] = Field(default_factory=list)
    too_large: list[int] = Field(default_factory=list)

    @classmethod
    def of(cls, file: Path, source: str, *, restart: bool = False) -> Self:
        """The journal of a file in this project, a new one if there is none.

        Raises `CommandError` if the file, or the source of its rows, is not what it was.
        """
        new = cls(size=file.stat().st_size, fingerprint=_fingerprint(file), source=source)
        path = journal_beside(file)
        if restart or not path.exists():
            return new
        try:
            kept = cls.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError:
            raise CommandError(
                f"{path.name} is not a journal. Publish with --restart: from the beginning, which does no harm"
            ) from None
        if (kept.size, kept.fingerprint) != (new.size, new.fingerprint):
            raise CommandError(
                f"{file.name} has changed since it was published in part ({path.name}); "
                "with --restart it is published from its beginning, which does no harm"
            )
        if kept.source != source:
            raise CommandError(f"{file.name} was published in part with --source {kept.source}; go on with that")
        return kept

    def keep(self, file: Path) -> None:
        """Write it whole or not at all."""
        with replacing(journal_beside(file)) as text:
            text.write(self.model_dump_json())


@contextmanager
def only_publisher(file: Path) -> Iterator[None]:
    """Nobody else publishes this file to this project meanwhile: the journal has one writer.

    Raises `CommandError` if somebody else does, or if nothing can be written beside the file.
    """
    path = journal_beside(file).with_suffix(".lock")
    try:
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CommandError(
                f"{file.name} is being published to {service().settings.project} already "
                f"({lock.read() or 'just begun'}). "
                "Wait until that has ended, or stop it; then publish again"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}")
        lock.flush()
        yield


def journal_beside(file: Path) -> Path:
    """Where the journal is. Each project has its own: what a rehearsal has published is new to production."""
    return file.with_name(f"{file.name}.{service().settings.project}.journal.json")


def _fingerprint(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.sha256(content.read(_FINGERPRINTED_BYTES)).hexdigest()
