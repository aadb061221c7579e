"""`psr release …`: build, upload, plan, apply and check releases. Release and rollback are one command each.

People and the build pipeline run the same commands (as nox sessions). `plan` saves its plan, and `apply` applies only a
saved plan.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from ops.output import AsJson, print_json
from ops.running import check_emulators, confirm
from tools.bundle.bucket import ReleaseBucket
from tools.bundle.release import build, write
from tools.bundle.resources import addresses, table
from tools.errors import CommandError, WrongUsage
from tools.places import ROOT

DIST = ROOT / "dist"
TERRAFORM = ROOT / "terraform"

app = typer.Typer(no_args_is_help=True)

Environment = Annotated[str, typer.Argument(help="A folder of terraform/environments.")]
Program = Annotated[str, typer.Option("--terraform", envvar="TERRAFORM", help="The Terraform program.")]
SavedPlan = Annotated[str | None, typer.Option(help="The name of a plan that `save` saved.")]
ReleaseName = Annotated[str | None, typer.Option(help="An uploaded release (see `list`); default: dist/.")]


@app.command()
def upload(environment: Environment) -> None:
    """Build a release of this commit, and upload it.

    Uploads only the files that the environment lacks.
    """
    bucket = _bucket(environment)
    built = build(ROOT)
    write(built, DIST)
    print(f"uploaded {bucket.upload(built)}")


@app.command("list")
def list_releases(environment: Environment, *, as_json: AsJson = False) -> None:
    """List the releases that can be deployed, oldest first."""
    names = _bucket(environment).names()
    if as_json:
        print_json(names)
    else:
        print(*names, sep="\n", end="\n" * bool(names))


@app.command()
def plan(environment: Environment, release: ReleaseName = None, terraform: Program = "terraform") -> None:
    """Plan a release and save the plan as dist/ENVIRONMENT.tfplan."""
    release_file = release_path(environment)
    if release is not None:
        _bucket(environment).fetch_release(release, release_file)
    else:
        release_file.write_bytes(_made(DIST / "release.json", f"psr release upload {environment}"))
    _run(terraform, environment, "init", "-input=false")
    _run(terraform, environment, "plan", "-input=false", f"-var=release={release_file}", f"-out={_plan(environment)}")


@app.command()
def save(environment: Environment, name: Annotated[str, typer.Argument(help="Name to save it under.")]) -> None:
    """Save the plan, for approval and for `apply --saved`."""
    bucket = _bucket(environment)
    planned = f"psr release plan {environment}"
    bucket.put(f"plans/{environment}/{name}.tfplan", _made(_plan(environment), planned))
    bucket.put(f"plans/{environment}/{name}.json", _made(release_path(environment), planned))
    print(f"saved plan {name}")


@app.command()
def apply(environment: Environment, saved: SavedPlan = None, terraform: Program = "terraform") -> None:
    """Apply the plan in dist/, or a plan that `save` saved.

    Terraform refuses the plan if the environment has changed since.
    """
    if saved is not None:
        bucket = _bucket(environment)
        bucket.fetch(f"plans/{environment}/{saved}.tfplan", _plan(environment))
        bucket.fetch(f"plans/{environment}/{saved}.json", release_path(environment))
        _run(terraform, environment, "init", "-input=false")
    _made(_plan(environment), f"psr release plan {environment}")
    _run(terraform, environment, "apply", "-input=false", str(_plan(environment)))


@app.command()
def deploy(
    environment: Environment,
    release: ReleaseName = None,
    terraform: Program = "terraform",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the plan is applied.")] = False,
) -> None:
    """Plan, ask, apply and check: this commit or an earlier release."""
    if release is None:
        upload(environment)
    plan(environment, release, terraform)
    confirm(f"Apply this plan to {environment}?", yes=yes)
    apply(environment, None, terraform)
    smoke(environment, terraform)


@app.command()
def smoke(environment: Environment, terraform: Program = "terraform") -> None:
    """Check that the service runs the deployed build.

    Checks from outside, and also that the service requires a token.
    """
    release = json.loads(_made(release_path(environment), f"psr release plan {environment}"))
    check(outputs(environment, terraform)["url"], release["functions"][release["default_function"]]["sha256"])
    print("smoke test passed")


def outputs(environment: str, terraform: str) -> dict[str, Any]:
    """The outputs of an environment (terraform/outputs.tf). Raises `CommandError`."""
    command = (terraform, f"-chdir={_folder(environment)}", "output", "-json", "psr")
    try:
        with _program(terraform):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError:
        init = f"`terraform -chdir=terraform/environments/{environment} init`"
        raise CommandError(f"Terraform does not give the addresses of {environment}: run {init} first") from None
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(url: str, build: str) -> None:
    """Raises `CommandError` unless a service runs a build and refuses a lookup without a token."""
    try:
        status = httpx.get(f"{url}/_status", timeout=30).raise_for_status().json()
        refused = httpx.post(f"{url}/v1/registrations:lookup", json={"account_id": "A-0"}, timeout=30)
    except httpx.HTTPError as error:
        raise CommandError(f"{url} does not answer properly: {type(error).__name__}") from None
    if status["build"] != build:
        raise CommandError(f"{url} serves the build {status['build']}, not the one that was deployed")
    if refused.status_code != httpx.codes.UNAUTHORIZED:
        raise CommandError(f"{url} answers {refused.status_code} to a lookup without a token")


@app.command()
def resources(terraform: Program = "terraform") -> None:
    """Write docs/resources.md from the plans of the environments."""
    planned = {}
    for folder in sorted((TERRAFORM / "environments").iterdir()):
        command = (terraform, f"-chdir={folder}", "plan", "-input=false", "-no-color")
        with _program(terraform):
            planned[folder.name] = addresses(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (ROOT / "docs" / "resources.md").write_text(table(TERRAFORM, planned), encoding="utf-8")


def _run(terraform: str, environment: str, *arguments: str) -> None:
    command = (terraform, f"-chdir={_folder(environment)}", *arguments)
    with _program(terraform):
        done = subprocess.run(command, check=False)
    if done.returncode:
        raise CommandError(f"terraform {arguments[0]} failed, see above")


@contextmanager
def _program(terraform: str) -> Iterator[None]:
    """Raises `CommandError` if the program does not start."""
    try:
        yield
    except OSError:
        raise CommandError(f"{terraform} does not start: install Terraform, or name it with --terraform") from None


def _made(path: Path, command: str) -> bytes:
    """The content of a file that an earlier command makes. Raises `CommandError` if it is not there."""
    if not path.exists():
        raise CommandError(f"there is no {path.relative_to(ROOT)}: run `{command}` first")
    return path.read_bytes()


def _folder(environment: str) -> Path:
    folders = {main.parent.name: main.parent for main in sorted(TERRAFORM.glob("environments/*/main.tf"))}
    if environment not in folders:
        raise WrongUsage(f"there is no environment {environment}. Known: {', '.join(folders)}")
    return folders[environment]


def _bucket(environment: str) -> ReleaseBucket:
    project = re.search(r'^  project\s*= "(.*)"$', (_folder(environment) / "main.tf").read_text(), re.MULTILINE)
    if project is None:
        raise CommandError(f"the environment {environment} names no project")
    check_emulators()
    return ReleaseBucket(project[1])


def release_path(environment: str) -> Path:
    """The release file of the environment's plan. Terraform reads it again when it applies the plan."""
    return DIST / f"{environment}.release.json"


def _plan(environment: str) -> Path:
    return DIST / f"{environment}.tfplan"
