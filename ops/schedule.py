"""`psr schedule`: the jobs of Cloud Scheduler, or of the local stack's scheduler, through the same client."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import requests
import typer
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.scheduler_v1 import CloudSchedulerClient
from google.cloud.scheduler_v1.types import Job
from google.rpc.code_pb2 import Code
from rich.console import Console
from rich.table import Table

from shared.clock import LONDON
from shared.settings import emulator_host
from shared.store.service import service
from tools.errors import NO_CREDENTIALS, CommandError
from tools.scheduler import LOCATION, scheduler_at

app = typer.Typer(no_args_is_help=True)

_SECONDS = 30.0
_Name = Annotated[str, typer.Argument(help="The function, such as export_daily.")]
_Location = Annotated[str, typer.Option(help="The region of the jobs.")]


@app.command("list")
def list_jobs(location: _Location = LOCATION) -> None:
    """List every job: when it runs, whether it is paused, the result of its last run."""
    table = Table(title="Scheduled functions, times in London")
    table.add_column("Job", no_wrap=True)
    for name in ("Cron", "State", "Next run", "Last run", "Result"):
        table.add_column(name)
    for job in jobs(location).values():
        table.add_row(*_row(job))
    Console().print(table)


@app.command()
def run(name: _Name, location: _Location = LOCATION) -> None:
    """Run a job now. `list` shows the result."""
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


def _row(job: Job) -> tuple[str, ...]:
    failed = job.status.code
    attempted = f"{job.last_attempt_time.astimezone(LONDON):%Y-%m-%d %H:%M}" if job.last_attempt_time else ""
    outcome = (Code.Name(failed) if failed else "success") if attempted else ""
    upcoming = f"{job.schedule_time.astimezone(LONDON):%Y-%m-%d %H:%M}" if job.schedule_time else ""
    return job.name.rpartition("/")[2], job.schedule, Job.State(job.state).name.lower(), upcoming, attempted, outcome


@contextmanager
def scheduler() -> Iterator[CloudSchedulerClient]:
    """The client. Turns an error of its calls into one line: raises `CommandError`."""
    host = emulator_host("CLOUD_SCHEDULER")
    try:
        yield scheduler_at(host) if host else CloudSchedulerClient()
    except NotFound:
        raise CommandError("there is no such job: see `psr schedule list`") from None
    except Forbidden:
        raise CommandError("your account lacks the role roles/cloudscheduler.admin") from None
    except GoogleAuthError:
        raise CommandError(NO_CREDENTIALS) from None
    except requests.ConnectionError:
        raise CommandError(f"nothing answers at {host}: is the local stack running?") from None
    except (GoogleAPIError, requests.RequestException) as error:
        raise CommandError(f"Cloud Scheduler failed: {type(error).__name__}") from None


def _parent(location: str) -> str:
    return f"projects/{service().settings.project}/locations/{location}"


def _job(name: str, location: str) -> str:
    return f"{_parent(location)}/jobs/{name.replace('_', '-')}"
