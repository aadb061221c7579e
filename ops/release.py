"""`psr release …`: build, upload, plan, apply and check releases. Release and rollback are one command each.

People and the build pipeline run the same commands (as nox sessions). What is planned is saved, and what is applied is
the saved plan, never a new one.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from tools.bundle.bucket import ReleaseBucket
from tools.bundle.release import build, write
from tools.bundle.resources import addresses, table
from tools.errors import CommandError
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
    """Build a release of this commit, and upload the files that the environment lacks."""
    built = build(ROOT)
    write(built, DIST)
    print(f"uploaded {_bucket(environment).upload(built)}")


@app.command("list")
def list_releases(environment: Environment) -> None:
    """List the releases that can be deployed, oldest first."""
    for name in _bucket(environment).names():
        print(name)


@app.command()
def plan(environment: Environment, release: ReleaseName = None, terraform: Program = "terraform") -> None:
    """Plan a release and save the plan as dist/ENVIRONMENT.tfplan."""
    manifest = manifest_path(environment)
    if release is not None:
        _bucket(environment).fetch_release(release, manifest)
    else:
        manifest.write_bytes((DIST / "release.json").read_bytes())
    _run(terraform, environment, "init", "-input=false")
    _run(terraform, environment, "plan", "-input=false", f"-var=release={manifest}", f"-out={_plan(environment)}")


@app.command()
def save(environment: Environment, name: Annotated[str, typer.Argument(help="Name to save it under.")]) -> None:
    """Save the plan for approval, and for `apply --saved` on another machine."""
    bucket = _bucket(environment)
    bucket.put(f"plans/{environment}/{name}.tfplan", _plan(environment).read_bytes())
    bucket.put(f"plans/{environment}/{name}.json", manifest_path(environment).read_bytes())
    print(f"saved plan {name}")


@app.command()
def apply(environment: Environment, saved: SavedPlan = None, terraform: Program = "terraform") -> None:
    """Apply the plan in dist/, or a plan that `save` saved.

    Terraform refuses the plan if the environment has changed since.
    """
    if saved is not None:
        bucket = _bucket(environment)
        bucket.fetch(f"plans/{environment}/{saved}.tfplan", _plan(environment))
        bucket.fetch(f"plans/{environment}/{saved}.json", manifest_path(environment))
        _run(terraform, environment, "init", "-input=false")
    _run(terraform, environment, "apply", "-input=false", str(_plan(environment)))


@app.command()
def deploy(environment: Environment, release: ReleaseName = None, terraform: Program = "terraform") -> None:
    """Release this commit, or an earlier release: plan, ask, apply, check."""
    if release is None:
        upload(environment)
    plan(environment, release, terraform)
    typer.confirm(f"Apply this plan to {environment}?", abort=True)
    apply(environment, None, terraform)
    smoke(environment, terraform)


@app.command()
def smoke(environment: Environment, terraform: Program = "terraform") -> None:
    """Check from outside that the service runs the deployed build and requires a token."""
    release = json.loads(manifest_path(environment).read_text(encoding="utf-8"))
    check(outputs(environment, terraform)["url"], release["functions"][release["default_function"]]["sha256"])
    print("smoke test passed")


def outputs(environment: str, terraform: str) -> dict[str, Any]:
    """The outputs of an environment (terraform/outputs.tf). Raises `CommandError`."""
    command = (terraform, f"-chdir={_folder(environment)}", "output", "-json", "psr")
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise CommandError(f"`{' '.join(command)}` does not tell the addresses of {environment}") from None
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def check(url: str, build: str) -> None:
    """Raises `CommandError` unless a service serves a build and refuses a lookup without a token."""
    try:
        status = httpx.get(f"{url}/_status", timeout=30).raise_for_status().json()
        refused = httpx.post(f"{url}/v1/registrations:lookup", json={"account_id": "A-0"}, timeout=30)
    except httpx.HTTPError as error:
        raise CommandError(f"{url} does not answer as it should: {type(error).__name__}") from None
    if status["build"] != build:
        raise CommandError(f"{url} serves the build {status['build']}, not the one that was deployed")
    if refused.status_code != httpx.codes.UNAUTHORIZED:
        raise CommandError(f"{url} answers {refused.status_code} to a lookup without a token")


@app.command()
def resources(terraform: Program = "terraform") -> None:
    """Write docs/resources.md from the plans of the environments."""
    planned = {}
    for folder in sorted((TERRAFORM / "environments").iterdir()):
        shown = subprocess.run(
            (terraform, f"-chdir={folder}", "plan", "-input=false", "-no-color"),
            capture_output=True,
            text=True,
            check=True,
        )
        planned[folder.name] = addresses(shown.stdout)
    (ROOT / "docs" / "resources.md").write_text(table(TERRAFORM, planned), encoding="utf-8")


def _run(terraform: str, environment: str, *arguments: str) -> None:
    done = subprocess.run((terraform, f"-chdir={_folder(environment)}", *arguments), check=False)
    if done.returncode:
        raise CommandError(f"terraform {arguments[0]} failed, see above")


def _folder(environment: str) -> Path:
    folder = TERRAFORM / "environments" / environment
    if not (folder / "main.tf").exists():
        raise CommandError(f"there is no environment {environment} in terraform/environments")
    return folder


def _bucket(environment: str) -> ReleaseBucket:
    project = re.search(r'^  project\s*= "(.*)"$', (_folder(environment) / "main.tf").read_text(), re.MULTILINE)
    if project is None:
        raise CommandError(f"the environment {environment} names no project")
    return ReleaseBucket(project[1])


def manifest_path(environment: str) -> Path:
    """The release manifest that the environment's plan was made of: Terraform reads it again when it applies."""
    return DIST / f"{environment}.release.json"


def _plan(environment: str) -> Path:
    return DIST / f"{environment}.tfplan"
