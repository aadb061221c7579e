"""Programs that read the contract, installed by `nox -s clients`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.pages.api import OPENAPI
from tools.places import ROOT

_TOOLS = ROOT / ".local" / "tools"
NPM = _TOOLS / "npm" / "node_modules" / ".bin"
PYTHON_GENERATOR = _TOOLS / "clients" / "bin" / "openapi-python-client"
FOLDER = Path(__file__).parent

needs_npm = pytest.mark.skipif(
    shutil.which("npm") is None, reason="no npm: apt-get install nodejs npm, then nox -s clients"
)


def run(program: Path, *arguments: str | Path, folder: Path = FOLDER) -> str:
    """The output of a program that must succeed."""
    assert program.exists(), f"{program} is not installed: nox -s clients"
    done = subprocess.run((program, *arguments), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


__all__ = ["FOLDER", "NPM", "OPENAPI", "PYTHON_GENERATOR", "needs_npm", "run"]
