"""Files that are replaced whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tools.errors import CommandError


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file that takes the place of `path` once it is complete, and goes if it is not.

    Raises `CommandError` if nothing can be written there.
    """
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.new")
    try:
        with unfinished.open("x", encoding="utf-8", newline="") as text:
            yield text
            text.flush()
            os.fsync(text.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
