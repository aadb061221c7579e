"""Tables on disk for what would not fit in memory: a file of any size is compared with itself."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def scratch_database() -> Iterator[sqlite3.Connection]:
    """An empty database that is deleted afterwards. Nothing of it survives a crash, so nothing is synchronised."""
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "scratch.sqlite", isolation_level=None)) as database,
    ):
        database.execute("PRAGMA journal_mode=OFF")
        database.execute("PRAGMA synchronous=OFF")
        yield database
