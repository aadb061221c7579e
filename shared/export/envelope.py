"""Parts common to all file formats: a file's sender, receiver and time, and the error for a bad file."""

from datetime import datetime
from typing import NamedTuple

SUPPLIER = "X"
DISTRIBUTOR = "R"


class Envelope(NamedTuple):
    """The data of the file itself. `created_at` is its only time, in whole seconds; `file_id` is unique for the sender.

    The roles are those of DTC J0001; only D0225 writes them.
    """

    file_id: str
    sender: str
    receiver: str
    created_at: datetime
    test_flag: str
    sender_role: str = SUPPLIER
    receiver_role: str = DISTRIBUTOR


class BadFile(Exception):
    """A file breaks its format. The text has the line and the reason, and never a value."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
