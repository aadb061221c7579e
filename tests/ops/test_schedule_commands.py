"""`psr schedule` against the local scheduler: the client and the commands are those of production."""

import json
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from ops import schedule
from shared.runtime.manifest import read_manifests
from tests.support.commands import psr
from tools.errors import CommandError
from tools.local.layout import child_environment
from tools.local.processes import LOOPBACK, free_ports
from tools.local.stack import Stack
from tools.places import FUNCTIONS
from tools.scheduler import LOCATION

CRONS = {
    name.replace("_", "-"): manifest.trigger.schedule.cron
    for name, manifest in read_manifests(FUNCTIONS).items()
    if manifest.trigger.schedule
}


def jobs(stack: Stack) -> dict[str, list[str]]:
    """The lines of `list`, by job."""
    done = psr("schedule", "list", environment=child_environment(stack.layout) | {"COLUMNS": "200"})
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in rows}


def outcome(name: str) -> tuple[str, str]:
    """The state of a job, and the result of its last run."""
    with schedule.scheduler() as client:
        _, _, state, _, _, result = schedule._row(client.get_job(name=schedule._job(name, LOCATION)))
    return state, result


def test_jobs_are_those_of_the_manifests_and_can_be_paused_resumed_and_run(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {name: row[:2] for name, row in jobs(stack).items()} == {
        name: [cron, "paused"] for name, cron in CRONS.items()
    }
    schedule.resume("replay_parked")
    assert outcome("replay_parked")[0] == "enabled"
    schedule.pause("replay-parked")
    assert outcome("replay_parked")[0] == "paused"
    schedule.run("replay_parked")
    assert capsys.readouterr().out.splitlines() == [
        "replay_parked is resumed.",
        "replay-parked is paused. An alert fires when the job is overdue.",
        "replay_parked was started. `psr schedule list` shows the result.",
    ]
    until = time.monotonic() + 60  # a run looks a second time if something young is parked
    while outcome("replay_parked")[1] != "success":
        assert time.monotonic() < until, "the job was called and did not succeed"
        time.sleep(0.1)
    _, state, _, _, result = jobs(stack)["replay-parked"]
    assert (state, result) == ("paused", "success")


@pytest.mark.parametrize("command", [schedule.run, schedule.pause, schedule.resume])
def test_a_job_that_does_not_exist_is_reported_in_one_line(stack: Stack, command: Callable[[str], None]) -> None:  # noqa: ARG001
    with pytest.raises(CommandError, match="there is no such job"):
        command("no_such")


class Refuses(BaseHTTPRequestHandler):
    """Answers every request with one status, as Google's APIs do."""

    status: ClassVar[int]

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps({"error": {"code": self.status, "message": "no"}}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Refuses]]:
    with HTTPServer((LOOPBACK, 0), Refuses) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("CLOUD_SCHEDULER_EMULATOR_HOST", f"{LOOPBACK}:{server.server_port}")
        yield Refuses
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "message"),
    [(403, "lacks the role roles/cloudscheduler.admin"), (400, "Cloud Scheduler failed: BadRequest")],
)
def test_a_refusal_of_the_service_is_reported_in_one_line(refusing: type[Refuses], status: int, message: str) -> None:
    refusing.status = status
    with pytest.raises(CommandError, match=message):
        schedule.list_jobs()


def test_a_stack_that_does_not_run_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("CLOUD_SCHEDULER_EMULATOR_HOST", f"{LOOPBACK}:{port}")
    with pytest.raises(CommandError, match="is the local stack running"):
        schedule.list_jobs()


def test_a_user_without_credentials_reads_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLOUD_SCHEDULER_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/there/is/no/such/file")
    with pytest.raises(CommandError, match="application-default login"):
        schedule.list_jobs()
