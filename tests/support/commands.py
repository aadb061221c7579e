"""The operators' command line, run as an operator does."""

import subprocess
import sys
from pathlib import Path


def ops(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m ops …` in the environment of the test's stack."""
    command = [sys.executable, "-m", "ops", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
