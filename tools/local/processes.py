"""Child processes: started in groups of their own, watched, and stopped by their own ids, never by name."""

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import httpx

from tools.errors import CommandError

LOOPBACK = "127.0.0.1"
#: Below the range that systems take for outgoing connections, so that a port found free stays free.
_PORTS = range(20_000, 32_000)
#: How long a process may take to end when asked; then its whole group is killed. Cloud Run gives 10 seconds.
_GRACE_SECONDS = 10.0
#: A process that ends sooner than this after its start has failed: the next start waits, longer each time in a row.
_STEADY_SECONDS = 10.0
#: Before the next start, by the number of failures in a row; more have the last.
_WAITS_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
#: How long the port of a killed process may take to be free.
_PORT_SECONDS = 5.0
#: Runs the command so that it gets SIGTERM when this process dies, even by SIGKILL (Linux; elsewhere it just runs it).
_TIED_TO_PARENT = (
    "import ctypes,os,sys\n"
    "prctl = getattr(ctypes.CDLL(None), 'prctl', None)\n"
    "prctl and prctl(1, 15)\n"
    "os.getppid() == int(sys.argv[1]) and os.execvp(sys.argv[2], sys.argv[2:])\n"
)


class Child:
    """One process with its log file; ready once its port answers, and `identified` (if there is one) finds that the
    answer is this process's own.

    Linux ends it with the thread that started it, so that must be one that lives as long as the process shall.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        identified: Callable[[], bool] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self._command = command
        self._log = log
        self._environment = environment
        self._folder = folder
        self._identified = identified
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._failures = 0
        self._due_at: float | None = None

    @property
    def pid(self) -> int:
        """The process id, also that of its group."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started, or has been ended")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start without waiting until it serves. Processes that an earlier one left in its group are killed first."""
        self.kill()
        self._started_at, self._due_at = time.monotonic(), None
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", _TIED_TO_PARENT, str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self._environment),
                cwd=self._folder,
                start_new_session=True,
            )

    def restart_if_due(self, now: float) -> bool:
        """Restart the process if it has ended; answers whether it was restarted. `now` is monotonic, in seconds.

        At once, unless it ended within 10 s of its start: then after 0.5 s, and each time in a row after twice the
        wait, at most 30 s.
        """
        if self.running:
            return False
        if self._due_at is None:
            self.kill()
            self._failures = self._failures + 1 if now - self._started_at < _STEADY_SECONDS else 0
            self._due_at = now + _WAITS_SECONDS[min(self._failures, len(_WAITS_SECONDS) - 1)]
        if now < self._due_at:
            return False
        self.start()
        self._started_at = now
        return True

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Return once the process serves. Raises `CommandError` if it ends first, or takes too long."""
        until = time.monotonic() + seconds
        while not (answers(self.port) and (self._identified is None or self._identified())):
            if not self.running:
                raise CommandError(f"{self.name} ended at its start: {self.last_words()} (all of it: {self._log})")
            if time.monotonic() > until:
                raise CommandError(f"{self.name} does not answer after {seconds:.0f} s (see {self._log})")
            time.sleep(0.02)

    def last_words(self) -> str:
        """The last line of the log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n") if self._log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def ask_to_end(self) -> None:
        """Send SIGTERM to the process group, if it runs."""
        if self.running:
            self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Ask the process to end, wait for it, and kill what is left of its group after the grace."""
        self.ask_to_end()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
            self.kill()

    def kill(self) -> None:
        """Kill the whole group at once, as a crash would; also what is left of it once the process itself has ended.

        Returns when the port is free, too; it does not wait long for that.
        """
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None  # from now on the system may give the id to another process
            until = time.monotonic() + _PORT_SECONDS
            while answers(self.port) and time.monotonic() < until:
                time.sleep(0.01)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def end_all(children: Sequence[Child]) -> None:
    """End processes, all at the same time."""
    for child in children:
        child.ask_to_end()
    for child in children:
        child.end()


def answers(port: int) -> bool:
    """Whether something on this machine accepts connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((LOOPBACK, port)) == 0


def reports(url: str, name: str, build: str) -> bool:
    """Whether a status page is that of the process `name` of the stack whose build is `build`."""
    try:
        report = httpx.get(url, timeout=10).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(report, dict) and (report.get("function"), report.get("build")) == (name, build)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, reserved until this process ends: no other call, here or in another process of this
    user, returns them. Raises `CommandError` if there are too few.
    """
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if _can_bind(port) and _reserved(port):
            free.append(port)
        if len(free) == count:
            return free
    raise CommandError(f"{count} free ports are needed on {LOOPBACK} and were not found")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _reserved(port: int) -> bool:
    """Reserve a port, unless it is reserved. The system drops a process's locks when it ends, however it ends."""
    file, mine = _reservations()
    if port in mine:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    mine.add(port)
    return True


@cache
def _reservations() -> tuple[int, set[int]]:
    """The file whose n-th byte is locked by the process that reserved port n, and the ports of this process, whose own
    locks do not stop it. The file stays open: closing it would drop the locks.
    """
    path = Path(tempfile.gettempdir(), f"psr-ports-{os.getuid()}.lock")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), set()
