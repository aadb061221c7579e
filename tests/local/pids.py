"""Whether processes are still there."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def running(pid: int) -> bool:
    """Whether a process exists. One that has ended and that nobody has waited for does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def all_gone(pids: Iterable[int], seconds: float = 10.0) -> bool:
    """Whether every process has ended within the time."""
    until = time.monotonic() + seconds
    left = set(pids)
    while left and time.monotonic() < until:
        left = {pid for pid in left if running(pid)}
        time.sleep(0.02)
    return not left


def group_gone(leader: int) -> bool:
    """Whether no process of a group is left."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, group, *_ = path.read_text().rpartition(")")[2].split()
            states += [state] if int(group) == leader else []
    return set(states) <= {"Z"}
