"""`psr schedule`: the jobs of Cloud Scheduler, or of the local stack's scheduler, through the same client."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, NamedTuple

import requests
import typer
from google.api_core.exceptions import Forbidden, NotFound
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.types import Job
from google.rpc.code_pb2 import Code

from ops.output import AsJson, print_json, print_table
from ops.running import stack_down
from shared.clock import LONDON
from shared.runtime.manifest import read_manifests
from shared.settings import emulator_host, settings
from shared.store.service import service
from tools.errors import CommandError
from tools.places import FUNCTIONS
from tools.scheduler import LOCATION, scheduler_at

app = typer.Typer(no_args_is_help=True)

_SECONDS = 30.0
_Name = Annotated[str, typer.Argument(help="The function, such as export_daily.")]
_Location = Annotated[str, typer.Option(help="The region of the jobs.")]


class Listed(NamedTuple):
    """A job. `result` is that of its last run: `running` until the run has one."""

    job: str
    cron: str
    paused: bool
    next_run: datetime | None
    last_run: datetime | None
    result: str | None


@app.command("list")
def list_jobs(location: _Location = LOCATION, *, as_json: AsJson = False) -> None:
    """List every job: when it runs, and the result of its last run.

    By name. Times are in London. Cloud Scheduler states the result of a run once it ends; the local stack's says
    `running` until then.
    """
    found = [listed(job) for _, job in sorted(jobs(location).items())]
    if as_json:
        print_json([one._asdict() for one in found])
        return
    rows = [
        (one.job, one.cron, "paused" if one.paused else _london(one.next_run), _london(one.last_run), one.result or "")
        for one in found
    ]
    print_table(("Job", "Cron", "Next run", "Last run", "Result"), *rows)


@app.command()
def run(name: _Name, location: _Location = LOCATION) -> None:
    """Run a job now.

    `list` shows the result.
    """
    with scheduler() as client:
        client.run_job(name=_job(name, location), timeout=_SECONDS)
    print(f"{name} was started. `psr schedule list` shows the result.")


@app.command()
def pause(name: _Name, location: _Location = LOCATION) -> None:
    """Pause a job."""
    with scheduler() as client:
        client.pause_job(name=_job(name, location), timeout=_SECONDS)
    print(f"{name} is paused. An alert fires when the job is overdue.")


@app.command()
def resume(name: _Name, location: _Location = LOCATION) -> None:
    """Resume a paused job."""
    with scheduler() as client:
        client.resume_job(name=_job(name, location), timeout=_SECONDS)
    print(f"{name} is resumed.")


def jobs(location: str) -> dict[str, Job]:
    """Every job, by its short name. Raises `CommandError`."""
    with scheduler() as client:
        found = client.list_jobs(parent=_parent(location), timeout=_SECONDS)
        return {job.name.rpartition("/")[2]: job for job in found}


def listed(job: Job) -> Listed:
    """A job as `list` shows it."""
    ended = "success" if job.status.code == Code.OK else Code.Name(job.status.code).lower()
    result = (ended if "status" in job else "running") if job.last_attempt_time else None
    name = job.name.rpartition("/")[2].replace("-", "_")
    paused = job.state != Job.State.ENABLED
    return Listed(name, job.schedule, paused, job.schedule_time or None, job.last_attempt_time or None, result)


def _london(at: datetime | None) -> str:
    return f"{at.astimezone(LONDON):%d %b %H:%M}" if at else ""


@contextmanager
def scheduler() -> Iterator[CloudSchedulerClient]:
    """The client. Raises `CommandError` for the errors of its calls that are particular to it."""
    settings()
    host = emulator_host("CLOUD_SCHEDULER")
    try:
        yield scheduler_at(host) if host else CloudSchedulerClient()
    except NotFound:
        names = (name for name, manifest in read_manifests(FUNCTIONS).items() if manifest.trigger.schedule)
        raise CommandError(f"there is no such job in this region. Known: {', '.join(names)}") from None
    except Forbidden:
        raise CommandError("your account lacks the role roles/cloudscheduler.admin") from None
    except requests.ConnectionError:
        raise CommandError(stack_down(host or "Cloud Scheduler")) from None


def _parent(location: str) -> str:
    return f"projects/{service().settings.project}/locations/{location}"


def _job(name: str, location: str) -> str:
    return f"{_parent(location)}/jobs/{name.replace('_', '-')}"
