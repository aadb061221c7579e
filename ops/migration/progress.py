"""How far a long step is: a bar in a terminal, elsewhere a line every few seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_LINE_EVERY_SECONDS = 5.0
_RATE_OVER_SECONDS = 10.0
_BAR_WIDTH = 16
_COUNTED = TextColumn("{task.description} {task.completed:,.0f} of {task.total:,.0f}")


@contextmanager
def progress(what: str, total: int, done: int = 0) -> Iterator[Callable[..., None]]:
    """Show a step's progress on standard error, with the rate of the last seconds.

    The result takes how many are done, and optionally `more` to say about them.
    """
    console = Console(stderr=True)
    columns = (_COUNTED, BarColumn(_BAR_WIDTH), TimeElapsedColumn(), TextColumn("{task.fields[note]}"))
    quiet = not console.is_terminal
    with Progress(*columns, console=console, disable=quiet, speed_estimate_period=_RATE_OVER_SECONDS) as bar:
        name = bar.add_task(what, total=total, completed=done, note="")
        (task,) = bar.tasks
        due = time.monotonic() + _LINE_EVERY_SECONDS

        def show(done: int, more: str = "") -> None:
            nonlocal due
            bar.update(name, completed=done)
            note = f"{task.speed or 0:,.0f} a second{more}"
            bar.update(name, note=note)
            if quiet and time.monotonic() >= due:
                print(f"{what} {done:,} of {total:,}, {note}", file=sys.stderr, flush=True)
                due = time.monotonic() + _LINE_EVERY_SECONDS

        yield show
