"""`psr schedule` against the local scheduler: the client and the commands are those of production."""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest
from google.cloud.scheduler_v1.types import Job
from google.rpc.status_pb2 import Status

from ops import schedule
from shared.runtime.manifest import read_manifests
from tests.support.commands import psr
from tools.errors import CommandError
from tools.local.layout import child_environment
from tools.local.processes import LOOPBACK
from tools.local.stack import Stack
from tools.places import FUNCTIONS
from tools.scheduler import LOCATION

CRONS = {
    name: manifest.trigger.schedule.cron
    for name, manifest in read_manifests(FUNCTIONS).items()
    if manifest.trigger.schedule
}


def jobs(stack: Stack) -> dict[str, list[str]]:
    """The lines of `list`, by job."""
    done = psr("schedule", "list", environment=child_environment(stack.layout) | {"COLUMNS": "40"})
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = [re.split(" {2,}", line) for line in done.stdout.splitlines()[1:]]
    return {row[0]: row[1:] for row in rows}


def outcome(name: str) -> tuple[bool, str | None]:
    """Whether a job is paused, and the result of its last run."""
    with schedule.scheduler() as client:
        job = schedule.listed(client.get_job(name=schedule._job(name, LOCATION)))
    return job.paused, job.result


def test_jobs_are_those_of_the_manifests_and_can_be_paused_resumed_and_run(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {name: row[:2] for name, row in jobs(stack).items()} == {
        name: [cron, "paused"] for name, cron in CRONS.items()
    }
    assert list(jobs(stack)) == sorted(CRONS)
    schedule.resume("replay_parked")
    assert not outcome("replay_parked")[0]
    schedule.pause("replay-parked")
    assert outcome("replay_parked")[0]
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
    _, state, _, result = jobs(stack)["replay_parked"]
    assert (state, result) == ("paused", "success")
    listed = json.loads(psr("schedule", "list", "--json", environment=child_environment(stack.layout)).stdout)
    (job,) = [one for one in listed if one["job"] == "replay_parked"]
    assert (job["cron"], job["paused"], job["result"]) == (CRONS["replay_parked"], True, "success")


def test_a_run_that_has_no_result_yet_does_not_show_the_one_before() -> None:
    """The local scheduler forgets the result of the run before when it starts one."""
    at = datetime(2026, 11, 25, 2, 5, tzinfo=UTC)
    ended, failed = (Job(name="jobs/x", last_attempt_time=at, status=Status(code=code)) for code in (0, 13))
    unended, never = Job(name="jobs/x", last_attempt_time=at), Job(name="jobs/x")
    results = [schedule.listed(job).result for job in (ended, unended, failed, never)]
    assert results == ["success", "running", "internal", None]


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
    [
        (403, "your account lacks the role roles/"),
        (400, "Google Cloud does not answer ("),
    ],
)
def test_a_refusal_of_the_service_is_reported_in_one_line(refusing: type[Refuses], status: int, message: str) -> None:
    refusing.status = status
    done = psr("schedule", "list")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}")
