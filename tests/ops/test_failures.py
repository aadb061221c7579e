"""Every command under every condition that an operator may meet: one line says what is wrong, and what to do.

The commands come from the command line itself. A new one is tested too, with values for what it requires.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.commands import all_commands, psr
from tests.support.storage_proxy import StorageProxy
from tools.firestore_proxy import Fault, FirestoreProxy
from tools.local.layout import Layout, child_environment
from tools.local.processes import LOOPBACK, free_ports
from tools.synthetic import event

Words = tuple[str, ...]

#: Values of required parameters that are right, but of nothing that is there.
VALUES = {
    "account": "A-NOBODY",
    "day": "2020-01-01",
    "environment": "dev",
    "name": "export_daily",
    "path": "gs://exports",
    "period": "2026-10-01..2026-12-31",
    "reason": "ticket 1",
    "record_id": "0" * 40,
    "record_ids": "0" * 40,
}
#: What a command needs besides the parameters that are marked as required.
MORE = {("export", "resend"): ["2020-01-01"], ("quarantine", "replay"): ["--all", "--yes"]}
#: Commands that work without a service.
STARTS_THE_STACK = ("local", "run")
SETTINGS = {"PSR_PROJECT": "psr-nobody", "PSR_IDENTITY_KEY": "A" * 43 + "=", "PSR_EXPORT_FIRST_DAY": "2026-11-01"}


def required(words: Words, file: Path) -> list[str]:
    """The arguments and options that a command requires."""
    given: list[str] = []
    for parameter in all_commands()[words].params:
        if parameter.required:
            is_file = parameter.type_descriptor.annotation is Path
            option = parameter.opts if parameter.param_type_name == "option" else []
            given += [*option, str(file) if is_file else VALUES[parameter.name]]
    return [*given, *MORE.get(words, [])]


def fault(done: CompletedProcess[str]) -> str | None:
    """What is wrong with how a command fails, None if it fails in one line."""
    lines = done.stderr.splitlines()
    is_usage = done.returncode == 2 and lines[:1] and lines[0].startswith("Usage: psr ")
    is_line = done.returncode in (1, 2) and len(lines) == 1 and lines[0].startswith("error: ")
    is_json = re.search(r'^\{"severity"', done.stdout + done.stderr, re.MULTILINE)
    if (is_usage or is_line) and not is_json and "Traceback" not in done.stdout:
        return None
    return f"status {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-1000:]}"


def faults(arguments: Mapping[Words, list[str]], environment: Mapping[str, str], says: str = "") -> dict[Words, str]:
    """The commands that do not fail as they should, or do not say what matches `says`."""

    def of(words: Words) -> str | None:
        done = psr(*words, *arguments[words], environment=environment)
        return fault(done) or (None if re.search(says, done.stderr) else done.stderr)

    with ThreadPoolExecutor(4) as threads:
        found = dict(zip(arguments, threads.map(of, arguments), strict=True))
    return {words: wrong for words, wrong in found.items() if wrong}


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without settings and credentials, and without Terraform."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CLOUDSDK_CONFIG": str(tmp_path),
        "NO_GCE_CHECK": "true",
        "TERRAFORM": "/no/such/terraform",
    }


@pytest.fixture
def commands(tmp_path: Path) -> dict[Words, list[str]]:
    """Every command but the one that starts the stack, as it would be right."""
    file = tmp_path / "customers.ndjson"
    file.write_text(event_line())
    return {words: required(words, file) for words in all_commands() if words != STARTS_THE_STACK}


def test_wrong_options_and_values_are_refused(nobody: dict[str, str]) -> None:
    assert faults({words: ["--no-such-option"] for words in all_commands()}, nobody, "No such option") == {}


def test_a_command_without_its_arguments_says_which_it_needs(nobody: dict[str, str]) -> None:
    lacking = {words: [] for words, command in all_commands().items() if any(one.required for one in command.params)}
    assert faults(lacking, nobody, "Missing (argument|option)") == {}
