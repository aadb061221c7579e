"""Programs that read the contract, installed by `nox -s clients`."""

import subprocess
from pathlib import Path

import pytest

from tools.places import ROOT

_TOOLS = ROOT / ".local" / "tools"
NPM = _TOOLS / "npm" / "node_modules" / ".bin"
PYTHON_GENERATOR = _TOOLS / "clients" / "bin" / "openapi-python-client"
FOLDER = Path(__file__).parent

needs_npm = pytest.mark.skipif(not (NPM / "tsc").exists(), reason="nox -s clients installs them, if npm is there")
needs_generator = pytest.mark.skipif(not PYTHON_GENERATOR.exists(), reason="nox -s clients installs it")


def run(program: Path, *arguments: str | Path, folder: Path = FOLDER) -> str:
    """The output of a program that must succeed."""
    done = subprocess.run((program, *arguments), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
