"""Commands that are run by somebody whom Google Cloud does not know."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ops.local.layout import ROOT

#: What makes a command talk to emulators, configures it, or says who runs it.
_NOT_INHERITED = re.compile("PSR_|GOOGLE_|.*_EMULATOR_HOST")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("export", "status"), id="export"),
        pytest.param(("needs", "ending"), id="needs"),
        pytest.param(("quarantine", "list"), id="quarantine"),
        pytest.param(("report", "2026-10-01..2026-12-31"), id="report"),
    ],
)
def test_who_has_no_credentials_is_told_how_to_get_them(command: tuple[str, ...], tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.match(name)}
    nobody = {"HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true"}
    settings = {"PSR_PROJECT": "psr-nobody", "PSR_IDENTITY_KEY": "A" * 43 + "="}
    done = subprocess.run(
        (sys.executable, "-m", "ops", *command),
        cwd=tmp_path,
        env={**kept, **nobody, **settings, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: Google Cloud does not know you: `gcloud auth application-default login`\n",
    )
