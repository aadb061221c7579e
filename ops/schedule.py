"""`ops schedule`: the jobs of Cloud Scheduler; locally those of the stack's own scheduler, through the same client."""

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

app = typer.Typer(help="The scheduled functions' jobs.", no_args_is_help=True)

_SECONDS = 30.0
_Name = Annotated[str, typer.Argument(help="The function, as export_daily.")]
_Location = Annotated[str, typer.Option(help="Where the jobs are.")]


@app.command("list")
def list_jobs(location: _Location = LOCATION) -> None:
    """Show every job: when it runs, whether it is paused, what came of its last run."""
    table = Table(title="Scheduled functions, times in London")
    table.add_column("Job", no_wrap=True)
    for name in ("Cron", "State", "Next run", "Last run", "Came of it"):
        table.add_column(name)
    for job in jobs(location).values():
        table.add_row(*_row(job))
    Console().print(table)


@app.command()
def run(name: _Name, location: _Location = LOCATION) -> None:
    """Run a job now. What comes of it is shown by `list`."""
    with told() as client:
        client.run_job(name=_job(name, location), timeout=_SECONDS)
    print(f"{name} is called. `ops schedule list` shows what comes of it.")


@app.command()
def pause(name: _Name, location: _Location = LOCATION) -> None:
    """Let a job run no more until it is resumed."""
    with told() as client:
        client.pause_job(name=_job(name, location), timeout=_SECONDS)
    print(f"{name} is paused. An alert tells when it is missed.")


@app.command()
def resume(name: _Name, location: _Location = LOCATION) -> None:
    """Let a paused job run again."""
    with told() as client:
        client.resume_job(name=_job(name, location), timeout=_SECONDS)
    print(f"{name} runs again.")


def jobs(location: str) -> dict[str, Job]:
    """Every job by its short name. Raises `CommandError`."""
    with told() as client:
        found = client.list_jobs(parent=_parent(location), timeout=_SECONDS)
        return {job.name.rpartition("/")[2]: job for job in found}


def _row(job: Job) -> tuple[str, ...]:
    failed = job.status.code
    attempted = f"{job.last_attempt_time.astimezone(LONDON):%Y-%m-%d %H:%M}" if job.last_attempt_time else ""
    outcome = (Code.Name(failed) if failed else "success") if attempted else ""
    upcoming = f"{job.schedule_time.astimezone(LONDON):%Y-%m-%d %H:%M}" if job.schedule_time else ""
    return job.name.rpartition("/")[2], job.schedule, Job.State(job.state).name.lower(), upcoming, attempted, outcome


@contextmanager
def told() -> Iterator[CloudSchedulerClient]:
    """The client. What cannot be done is told in one line: raises `CommandError`."""
    host = emulator_host("CLOUD_SCHEDULER")
    try:
        yield scheduler_at(host) if host else CloudSchedulerClient()
    except NotFound:
        raise CommandError("there is no such job: see `ops schedule list`") from None
    except Forbidden:
        raise CommandError("you may not do this: it needs the role roles/cloudscheduler.admin") from None
    except GoogleAuthError:
        raise CommandError(NO_CREDENTIALS) from None
    except requests.ConnectionError:
        raise CommandError(f"nothing answers at {host}: is the local stack running?") from None
    except (GoogleAPIError, requests.RequestException) as error:
        raise CommandError(f"Cloud Scheduler does not do it: {type(error).__name__}") from None


def _parent(location: str) -> str:
    return f"projects/{service().settings.project}/locations/{location}"


def _job(name: str, location: str) -> str:
    return f"{_parent(location)}/jobs/{name.replace('_', '-')}"
