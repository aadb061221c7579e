"""Child processes: they end when asked, when their parent dies, and say why they ended at their start."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.errors import CommandError
from ops.local.processes import Child, answers, end_all, free_ports
from tests.local.pids import all_gone, running

LISTENING = "import socket,time; s = socket.socket(); s.bind(('127.0.0.1', {port})); s.listen(); {then}"


def child(tmp_path: Path, code: str, port: int) -> Child:
    return Child("listener", [sys.executable, "-c", code], port, tmp_path / "listener.log", os.environ, tmp_path)


def test_ends_when_asked_and_starts_again_on_the_same_port(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    listener = child(tmp_path, LISTENING.format(port=port, then="time.sleep(60)"), port)
    for _ in range(2):
        listener.start()
        listener.wait_until_ready()
        end_all([listener])
        assert (listener.running, answers(port)) == (False, False)


def test_what_the_process_leaves_in_its_group_ends_too(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    code = f"import subprocess,sys; p = subprocess.Popen([sys.executable, '-c', {LISTENING!r}.format(port={port}, "
    code += "then='time.sleep(60)')]); print(p.pid, flush=True); p.wait()"
    parent = child(tmp_path, code, port)
    parent.start()
    parent.wait_until_ready()
    parent.kill()
    assert all_gone([int((tmp_path / "listener.log").read_text())])


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
        "import os,sys,time; from pathlib import Path; from ops.local.processes import Child\n"
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
        time.sleep(0.2)  # until the launcher has told the kernel
        parent.send_signal(signal.SIGKILL)
    assert all_gone([pid])
