"""What files of every format have: who sends what to whom, and how a reader says that a file is bad."""

from datetime import datetime
from typing import NamedTuple

SUPPLIER = "X"
DISTRIBUTOR = "R"


class Envelope(NamedTuple):
    """A file's own data. `created_at` is the one time of the file, in whole seconds; `file_id` the sender's own.

    Roles are those of DTC J0001; only D0225 writes them.
    """

    file_id: str
    sender: str
    receiver: str
    created_at: datetime
    test_flag: str
    sender_role: str = SUPPLIER
    receiver_role: str = DISTRIBUTOR


class BadFile(Exception):
    """A file does not keep the format: in which line, and why; never with a value."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
