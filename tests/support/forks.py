"""Processes that do one piece of the service's work each, and can be killed at any time (`tests.support.fork_server`).

A process starts in milliseconds, where a new Python takes a second to import the service.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tools.places import ROOT


class Call(NamedTuple):
    """A request to a function."""

    function: str
    body: str = ""
    headers: Mapping[str, str] = {}


class Command(NamedTuple):
    """`psr …`."""

    arguments: tuple[str, ...]


class Script(NamedTuple):
    """`python -m MODULE …`."""

    module: str
    arguments: tuple[str, ...]


Work = Call | Command | Script


class Running:
    """A process. It is killed by `kill`, which may be called on any thread."""

    def __init__(self) -> None:
        self._started = threading.Event()
        self._ended = threading.Event()
        self._pid = 0
        self._status = 0

    def kill(self) -> None:
        """End the process as the platform does when memory runs out."""
        self._started.wait()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> int:
        """The exit status: 0 if the work was done, negative if the process was killed."""
        if not self._ended.wait(120):
            self.kill()
            raise TimeoutError("a process has not ended in two minutes")
        return self._status

    def note(self, news: dict[str, int]) -> None:
        """Note the process's id, and then its end, as the server reports them."""
        if "pid" in news:
            self._pid = news["pid"]
            self._started.set()
        else:
            self._status = news["status"]
            self._ended.set()


class Forks:
    """The server of forks, from this process. May be used by several threads."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self._running: list[Running] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, work: Work, environment: Mapping[str, str], out: Path, errors: Path | None = None) -> Running:
        """Start a piece of work. Its output and errors are appended to files, by default to one."""
        running = Running()
        with self._lock:
            self._running.append(running)
            asked = {
                "number": len(self._running) - 1,
                "environment": dict(environment),
                "out": str(out),
                "errors": str(errors or out),
            }
            print(json.dumps({**asked, type(work).__name__: work}), file=self._server.stdin, flush=True)
        return running

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def _listen(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            news = json.loads(line)
            self._running[news.pop("number")].note(news)


@cache
def forks() -> Forks:
    """The server of this process, which ends with it."""
    made = Forks()
    atexit.register(made.close)
    return made
