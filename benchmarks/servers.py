"""The servers that are compared, each a process on its own port: functions, the baseline, the comparison."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tools.local.layout import Layout, child_environment
from tools.local.processes import LOOPBACK, Child, free_ports
from tools.local.stack import SERVE
from tools.places import FUNCTIONS

BENCHMARKS = Path(__file__).parent


def function(layout: Layout, folder: Path, **environment: str) -> Child:
    """A function under the production server, not yet started. It uses the machine's clock, not the stack's file."""
    (port,) = free_ports(1)
    variables = {**child_environment(layout), "FUNCTION_USE_ASGI": "true", **environment}
    del variables["PSR_SIMULATED_CLOCK"]
    command = (*SERVE, "--host", LOOPBACK, "--port", str(port))
    return Child(folder.name, command, port, layout.home / "logs" / f"bench-{folder.name}.log", variables, folder)


def comparison(layout: Layout, python: Path) -> Child:
    """The FastAPI app under uvicorn, in the environment that has its packages, not yet started."""
    (port,) = free_ports(1)
    command = (str(python), "-m", "uvicorn", "app:app", "--host", LOOPBACK, "--port", str(port), "--no-access-log")
    folder = BENCHMARKS / "comparison"
    log = layout.home / "logs" / "comparison.log"
    return Child("comparison", command, port, log, child_environment(layout), folder)


def address(child: Child) -> str:
    """Where a process listens."""
    return f"http://{LOOPBACK}:{child.port}"


def cpu_seconds(child: Child) -> float:
    """The CPU time of a server and its workers so far, from Linux's process table, in steps of a hundredth."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended meanwhile
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[2]) == child.pid:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(*children: Child) -> Iterator[None]:
    """Processes that serve until the end of the block."""
    try:
        for child in children:
            child.start()
        for child in children:
            child.wait_until_ready()
        yield
    finally:
        for child in children:
            child.end()


def seconds_to_first_answer(layout: Layout, folder: Path, path: str) -> float:
    """From starting a function to its first 200, which has read from Firestore."""
    child = function(layout, folder)
    began = time.perf_counter()
    try:
        child.start()
        while True:
            try:
                if httpx.get(address(child) + path, timeout=30).status_code == httpx.codes.OK:
                    return time.perf_counter() - began
            except httpx.TransportError:
                time.sleep(0.005)
    finally:
        child.kill()


def folders(layout: Layout) -> Mapping[str, Path]:
    """Every function's folder by name."""
    return {name: FUNCTIONS / name for name in layout.functions}
