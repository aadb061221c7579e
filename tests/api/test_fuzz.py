"""Schemathesis over the whole API with real tokens: the promises of the contract hold for any request."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.pages.api import OPENAPI
from tools.places import ROOT
from tools.synthetic import new_account, registration

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
CALLERS: dict[str, dict[str, Any]] = {
    "agent": {},
    "network": {"mpids": ["EELC", "EMEB"]},
    "customer": {"account_id": new_account(), "supply_points": ["1000999001019", "9900000104"]},
}


def fuzz(stack: Stack, folder: Path, token: str, known: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    """A run of Schemathesis, which keeps its cache in the folder that it runs in."""
    command = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", str(OPENAPI))
    return subprocess.run(
        (*command, "--url", stack.url, "-H", f"Authorization: Bearer {token}", "--no-color", *options),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PSR_TEST_REGISTRATIONS": json.dumps(known)},
        capture_output=True,
        text=True,
        check=False,
    )


def failures_logged(stack: Stack) -> list[str]:
    """Defects, as the functions log them: an exception that nobody foresaw."""
    logs = [stack.logs / f"{name}.log" for name in ("register", "lookup")]
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if "REQUEST_FAILED" in line or "Traceback" in line]


def assert_no_failures(stack: Stack, folder: Path, kind: str, *options: str) -> None:
    agent = Caller(stack)
    known = [agent.create(registration()).json()["registration_id"] for _ in range(8)]
    report = fuzz(stack, folder, stack.token(kind, scope=ALL_SCOPES, **CALLERS[kind]), known, *options)
    assert report.returncode == 0, report.stdout[report.stdout.find("= FAILURES") :] + report.stderr[-2000:]
    assert failures_logged(stack) == []


def test_the_contract_holds_for_any_request(stack: Stack, tmp_path: Path) -> None:
    assert_no_failures(stack, tmp_path, "agent", "--phases", "fuzzing", "--max-examples", "6", "--seed", "1")


@pytest.mark.soak
@pytest.mark.parametrize("kind", CALLERS)
def test_the_contract_holds_for_thousands_of_requests_of_every_kind_of_caller(
    stack: Stack, tmp_path: Path, kind: str
) -> None:
    seed = os.environ.get("PSR_TEST_SEED", "1")
    assert_no_failures(stack, tmp_path, kind, "--max-examples", "200", "--seed", seed)
