"""`ops schedule` against the local scheduler: the client and the commands are those of production."""

import subprocess
import sys
import time

import pytest

from ops.local.layout import ROOT, child_environment
from ops.local.stack import Stack


def ops(stack: Stack, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        (sys.executable, "-m", "ops", "schedule", *arguments),
        cwd=ROOT,
        env=child_environment(stack.layout) | {"COLUMNS": "200"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def jobs(stack: Stack) -> dict[str, list[str]]:
    """What `list` shows, by job."""
    code, shown = ops(stack, "list")
    assert code == 0, shown
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    return {row[0]: row[1:] for row in rows}


def test_jobs_are_those_of_the_manifests_and_can_be_paused_resumed_and_run(stack: Stack) -> None:
    shown = jobs(stack)
    assert {name: row[:2] for name, row in shown.items()} == {
        "erase-ended": ["15 7 * * *", "paused"],
        "expire-needs": ["15 0,2-5 * * *", "paused"],
        "export-daily": ["5 2-8 * * *", "paused"],
        "replay-parked": ["*/5 0,2-23 * * *", "paused"],
    }
    assert ops(stack, "resume", "replay_parked") == (0, "replay_parked runs again.\n")
    assert jobs(stack)["replay-parked"][1] == "enabled"
    assert ops(stack, "pause", "replay-parked")[0] == 0
    assert jobs(stack)["replay-parked"][1] == "paused"
    assert ops(stack, "run", "replay_parked")[0] == 0
    until = time.monotonic() + 30
    while jobs(stack)["replay-parked"][-1] != "success":
        assert time.monotonic() < until, "the job was called and did not succeed"


@pytest.mark.parametrize("command", ["run", "pause", "resume"])
def test_a_job_that_does_not_exist_is_told_in_one_line(stack: Stack, command: str) -> None:
    assert ops(stack, command, "no_such") == (1, "error: there is no such job: see `ops schedule list`\n")
