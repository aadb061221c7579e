"""Child processes: they end when asked, when their parent dies, and say why they ended at their start."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.local.pids import all_gone, running
from tests.support.servers import file_handler, serving
from tools.errors import CommandError
from tools.local import processes
from tools.local.processes import Child, answers, end_all, free_ports, reports

LISTENING = "import socket,time; s = socket.socket(); s.bind(('127.0.0.1', {port})); s.listen(); {then}"


def child(tmp_path: Path, code: str, port: int) -> Child:
    return Child("listener", [sys.executable, "-c", code], port, tmp_path / "listener.log", os.environ, tmp_path)


def with_worker(port: int) -> str:
    """A process that leaves the listening to a child, as the functions' server does, and says the child's id."""
    code = f"import subprocess,sys; p = subprocess.Popen([sys.executable, '-c', {LISTENING!r}.format(port={port}, "
    return code + "then='time.sleep(60)')]); print(p.pid, flush=True); p.wait()"


def workers(tmp_path: Path) -> list[int]:
    """The children of every process so far."""
    return [int(line) for line in (tmp_path / "listener.log").read_text().splitlines()]


def crash(parent: Child) -> None:
    """Kill the process, not its group."""
    os.kill(parent.pid, signal.SIGKILL)
    while parent.running:
        time.sleep(0.01)


def test_ends_when_asked_and_starts_again_on_the_same_port(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    listener = child(tmp_path, LISTENING.format(port=port, then="time.sleep(60)"), port)
    for _ in range(2):
        listener.start()
        listener.wait_until_ready()
        end_all([listener])
        assert (listener.running, answers(port)) == (False, False)


def test_processes_left_in_the_group_end_too(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    parent = child(tmp_path, with_worker(port), port)
    parent.start()
    parent.wait_until_ready()
    parent.kill()
    assert all_gone(workers(tmp_path))


def test_processes_left_by_a_crash_end_before_the_next_starts_on_the_same_port(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    parent = child(tmp_path, with_worker(port), port)
    for _ in range(2):
        parent.start()
        parent.wait_until_ready()
        crash(parent)
    assert parent.restart_if_due(time.monotonic() + 60)
    parent.wait_until_ready()
    *orphans, worker = workers(tmp_path)
    assert (len(orphans), all_gone(orphans), running(worker)) == (2, True, True)
    crash(parent)
    end_all([parent])
    assert all_gone([worker])


def test_a_process_that_keeps_failing_is_restarted_after_growing_waits(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    failing = child(tmp_path, "raise SystemExit(1)", port)
    failing.start()
    now = time.monotonic()
    restarts = []
    for step in range(1, 8 * 60 * 4):
        while failing.running:
            time.sleep(0.001)
        if failing.restart_if_due(now + step / 4):
            restarts.append(step / 4)
    waits = [later - sooner for sooner, later in pairwise(restarts)]
    assert waits[:7] == [pytest.approx(wait, abs=0.5) for wait in (1, 2, 4, 8, 16, 30, 30)]
    assert len(restarts) < 30


def test_a_reserved_port_is_offered_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = free_ports(2)
    monkeypatch.setattr(processes, "_PORTS", range(min(ports), min(ports) + 1))
    with pytest.raises(CommandError, match="1 free ports are needed"):
        free_ports(1)
    code = f"from tools.local import processes; processes._PORTS = {ports}; print(processes.free_ports(1))"
    root = Path(__file__).parents[2]
    other = subprocess.run([sys.executable, "-c", code], cwd=root, stderr=subprocess.PIPE, text=True, check=False)
    assert other.stderr.endswith("CommandError: 1 free ports are needed on 127.0.0.1 and were not found\n")


@pytest.mark.parametrize(
    ("page", "own"),
    [
        pytest.param({"function": "register", "build": "psr-local-1"}, True, id="its own"),
        pytest.param({"function": "register", "build": "psr-local-2"}, False, id="the same function of another stack"),
        pytest.param({"function": "lookup", "build": "psr-local-1"}, False, id="another function of the stack"),
        pytest.param(["no report"], False, id="another program"),
    ],
)
def test_a_process_is_ready_only_when_the_answer_is_its_own(tmp_path: Path, page: object, *, own: bool) -> None:
    with serving(file_handler(json.dumps(page).encode())) as url:
        identified = partial(reports, f"{url}/_status", "register", "psr-local-1")
        port = int(url.rpartition(":")[2])
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        register = Child("register", command, port, tmp_path / "log", os.environ, tmp_path, identified)
        register.start()
        if own:
            register.wait_until_ready()
        else:
            with pytest.raises(CommandError, match="register does not answer after 1 s"):
                register.wait_until_ready(1)
    register.kill()


def test_says_why_a_process_ended_at_its_start(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    listener = child(tmp_path, "raise SystemExit('PSR_PROJECT: is missing')", port)
    listener.start()
    with pytest.raises(CommandError, match="listener ended at its start: PSR_PROJECT: is missing"):
        listener.wait_until_ready()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent has died")
def test_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    code = (
        "import os,sys,time; from pathlib import Path; from tools.local.processes import Child\n"
        f"c = Child('c', [sys.executable, '-c', 'import time; time.sleep(60)'], {port}, Path('c.log'), os.environ, "
        "Path('.'))\n"
        "c.start(); print(c.pid, flush=True); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid)
        time.sleep(0.2)  # until the launcher has called the kernel
        parent.send_signal(signal.SIGKILL)
    assert all_gone([pid])
