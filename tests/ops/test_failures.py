"""Every command under every condition that an operator may meet: one line says what is wrong, and what to do.

The commands come from the command line itself. A new one is tested too, with values for what it requires.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from ops.__main__ import main
from tests.support.commands import all_commands, psr
from tests.support.storage_proxy import StorageProxy
from tools.firestore_proxy import Fault, FirestoreProxy
from tools.local.layout import Layout, new_layout
from tools.synthetic import event, registration

Words = tuple[str, ...]

#: Values of required parameters that are right, but of nothing that is there.
VALUES = {
    "account": "A-NOBODY",
    "arguments": "plan",
    "day": "2020-01-01",
    "environment": "dev",
    "file": "/no/such/file.json",
    "name": "export_daily",
    "path": "gs://exports",
    "period": "2026-10-01..2026-12-31",
    "reason": "ticket 1",
    "record_id": "0" * 40,
    "record_ids": "0" * 40,
    "source": "dev",
}
#: Needed besides the parameters that are marked as required.
MORE: dict[Words, list[str]] = {("export", "resend"): ["2020-01-01"], ("quarantine", "replay"): ["--all", "--yes"]}
STARTS_THE_STACK = ("local", "run")
#: The commands that read or write the register, its export or its jobs.
ON_THE_REGISTER = ("export", "needs", "quarantine", "report", "schedule", "subject")
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
    """The fault of the way in which a command fails; None if it fails in one line."""
    lines = done.stderr.splitlines()
    is_usage = done.returncode == 2 and lines[:1] and lines[0].startswith("Usage: psr ")
    is_line = done.returncode in (1, 2) and len(lines) == 1 and lines[0].startswith("error: ")
    is_json = re.search(r'^\{"severity"', done.stdout + done.stderr, re.MULTILINE)
    if (is_usage or is_line) and not is_json and "Traceback" not in done.stdout:
        return None
    return f"status {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-1000:]}"


def faults(
    arguments: Mapping[Words, list[str]], environment: Mapping[str, str], says: str, groups: Sequence[str] = ()
) -> dict[Words, str]:
    """The commands that do not fail as they should; those of `groups` (empty: all) must say what matches `says`."""

    def of(words: Words) -> str | None:
        done = psr(*words, *arguments[words], environment=environment)
        has_to_say = not groups or words[0] in groups
        return fault(done) or (done.stderr if has_to_say and not re.search(says, done.stderr) else None)

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
    """Every command as it would be right, except the one that starts the stack."""
    file = tmp_path / "customers.ndjson"
    moved = event("customer.migrated", "A-NOBODY", datetime.now(UTC), "//test", "1", registration())
    file.write_text(json.dumps(moved) + "\n")
    return {words: required(words, file) for words in all_commands() if words != STARTS_THE_STACK}


def with_parameter(name: str) -> list[Words]:
    """The commands that have a parameter."""
    found = [words for words, command in all_commands().items() if name in [one.name for one in command.params]]
    assert found
    return found


def test_an_option_that_does_not_exist(nobody: dict[str, str]) -> None:
    assert faults({words: ["--no-such-option"] for words in all_commands()}, nobody, "No such option") == {}


def test_no_arguments(nobody: dict[str, str]) -> None:
    lacking: dict[Words, list[str]] = {
        words: [] for words, command in all_commands().items() if any(one.required for one in command.params)
    }
    assert faults(lacking, nobody, "Missing (argument|option|parameter)") == {}


def test_a_day_that_is_none(nobody: dict[str, str], commands: dict[Words, list[str]]) -> None:
    wrong = {words: ["yesterday", *commands[words][1:]] for words in with_parameter("day")}
    assert faults(wrong, nobody, "yesterday is not a day such as 2026-11-23") == {}


def test_a_port_out_of_range(nobody: dict[str, str]) -> None:
    wrong = {words: ["--port", "70000"] for words in with_parameter("port")}
    assert faults(wrong, nobody, "'--port'.*65535") == {}


def test_no_settings(nobody: dict[str, str], commands: dict[Words, list[str]]) -> None:
    assert faults(commands, nobody, "PSR_PROJECT has no value.* `source .local/env` ", ON_THE_REGISTER) == {}


def test_no_credentials(nobody: dict[str, str], commands: dict[Words, list[str]]) -> None:
    assert faults(commands, nobody | SETTINGS, "gcloud auth application-default login", ON_THE_REGISTER) == {}


def test_no_stack(nobody: dict[str, str], commands: dict[Words, list[str]], tmp_path: Path) -> None:
    stopped = new_layout(tmp_path, {})
    stopped.file.write_text(stopped.model_dump_json())
    says = r"nothing answers at .* start the local stack \(`make run`\)"
    assert faults(commands, nobody | stopped.environment(), says, (*ON_THE_REGISTER, "doctor")) == {}


@pytest.fixture
def refusing(emulators: Layout) -> Iterator[dict[str, str]]:
    """The environment of a user whose account may do nothing: servers refuse every call."""
    firestore, pubsub = (FirestoreProxy(emulators.emulators[name]) for name in ("firestore", "pubsub"))
    storage = StorageProxy(emulators.emulators["storage"])
    for proxy in (firestore, pubsub, storage):
        proxy.fault = lambda _: Fault.NO_RIGHT
    yield {
        **emulators.environment(),
        "FIRESTORE_EMULATOR_HOST": firestore.host,
        "PUBSUB_EMULATOR_HOST": pubsub.host,
        "STORAGE_EMULATOR_HOST": storage.url,
        "CLOUD_SCHEDULER_EMULATOR_HOST": storage.url.removeprefix("http://"),
        "PSR_EXPORT_FIRST_DAY": SETTINGS["PSR_EXPORT_FIRST_DAY"],
        "PSR_STACK": "",
    }
    for proxy in (firestore, pubsub, storage):
        proxy.close()


def test_no_rights(nobody: dict[str, str], commands: dict[Words, list[str]], refusing: dict[str, str]) -> None:
    assert faults(commands, nobody | refusing, "your account lacks (a|the) role", ON_THE_REGISTER) == {}


def test_a_day_that_is_not_there(nobody: dict[str, str], commands: dict[Words, list[str]], emulators: Layout) -> None:
    on_a_day = {words: commands[words] for words in with_parameter("day")}
    assert faults(on_a_day, nobody | emulators.environment(), "2020-01-01 (is|has)") == {}


@pytest.mark.parametrize(
    ("command", "known"),
    [
        (("quarantine", "list", "--status", "lost"), "'parked', 'failed', 'resolved', 'discarded'"),
        (("quarantine", "list", "--problem", "lost"), "Known: .*invalid-content"),
        (("quarantine", "replay", "--all", "--problem", "lost"), "Known: .*invalid-content"),
        (("export", "resend", "2026-11-23", "--recipient", "lost"), "Known: .*EELC, "),
        (("release", "list", "lost"), "Known: dev, prod"),
        (("doctor", "lost"), "Known: dev, prod"),
        (("report", "2026"), "2026-10-01..2026-12-31"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("emulators")
def test_an_unknown_word_is_answered_with_the_known_ones(command: Words, known: str) -> None:
    done = psr(*command)
    assert (done.returncode, fault(done)) == (2, None)
    assert re.search(known, done.stderr)


def test_everything_is_replayed_only_after_a_confirmation(nobody: dict[str, str]) -> None:
    done = psr("quarantine", "replay", "--all", environment=nobody)
    assert (done.returncode, fault(done)) == (2, None)
    assert "Confirm with --yes" in done.stderr


def test_a_key_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not a key")
    done = psr("export", "verify", tmp_path, "--key", tmp_path / "key")
    assert (done.returncode, fault(done)) == (2, None)
    assert "is not a public key in PEM" in done.stderr


def test_a_release_file_of_another_version(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "release.json").write_text("{}")
    monkeypatch.setattr("sys.argv", ["psr", "release", "plan", "dev"])
    monkeypatch.setattr("ops.release.DIST", tmp_path)
    with pytest.raises(SystemExit):
        main()
    wrong = "error: dist/release.json is of another version: run `psr release upload` or `plan` again\n"
    assert capfd.readouterr().err == wrong


def test_a_defect_keeps_its_traceback(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["psr", "export", "status"])
    monkeypatch.setattr("ops.export.run", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main()
    assert capfd.readouterr().err == ""
