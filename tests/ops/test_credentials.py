"""Commands of a user without credentials for Google Cloud, or without settings."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.places import ROOT

#: Variables that make a command call emulators, configure it, or name its user.
_NOT_INHERITED = re.compile("PSR_|GOOGLE_|.*_EMULATOR_HOST")


COMMANDS = pytest.mark.parametrize(
    "command",
    [
        pytest.param(("export", "status"), id="export"),
        pytest.param(("needs", "ending"), id="needs"),
        pytest.param(("quarantine", "list"), id="quarantine"),
        pytest.param(("report", "2026-10-01..2026-12-31"), id="report"),
    ],
)


def said(command: tuple[str, ...], home: Path, settings: dict[str, str]) -> tuple[int, str, str]:
    """The result and output of the command without credentials."""
    kept = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.match(name)}
    nobody = {"HOME": str(home), "CLOUDSDK_CONFIG": str(home), "NO_GCE_CHECK": "true"}
    done = subprocess.run(
        (sys.executable, "-m", "ops", *command),
        cwd=home,
        env={**kept, **nobody, **settings, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@COMMANDS
def test_a_user_without_credentials_reads_how_to_get_them(command: tuple[str, ...], tmp_path: Path) -> None:
    settings = {"PSR_PROJECT": "psr-nobody", "PSR_IDENTITY_KEY": "A" * 43 + "="}
    error = "error: Google Cloud does not know you: `gcloud auth application-default login`\n"
    assert said(command, tmp_path, settings) == (1, "", error)


@COMMANDS
def test_a_user_without_settings_reads_which_are_missing(command: tuple[str, ...], tmp_path: Path) -> None:
    error = "error: PSR_PROJECT: Field required; PSR_IDENTITY_KEY: Field required\n"
    assert said(command, tmp_path, {}) == (1, "", error)
