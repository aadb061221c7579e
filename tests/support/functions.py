"""Functions like those of the stack, started in another environment."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tools.local.layout import child_environment
from tools.local.processes import LOOPBACK, Child, free_ports
from tools.local.stack import Stack

_COMMAND = (sys.executable, "-m", "functions_framework", "--target", "main", "--source", "main.py")


def starting(stack: Stack, folder: Path, logs: Path, environment: Mapping[str, str]) -> Child:
    """A function under its real server, on a port of its own; it may not be ready yet. Logs to `logs/log`."""
    (port,) = free_ports(1)
    child = Child(
        folder.name,
        (*_COMMAND, "--host", LOOPBACK, "--port", str(port)),
        port,
        logs / "log",
        {**child_environment(stack.layout), "FUNCTION_USE_ASGI": "true", **environment},
        folder,
    )
    child.start()
    return child
