"""`psr release …`: build, sign, upload, plan, apply, promote and check releases. Release and rollback are one command.

People and the build pipeline run the same commands (as nox sessions). `plan` saves its plan, and `apply` applies only a
saved plan.
"""

import asyncio
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from google.cloud import kms
from pydantic import ValidationError

from ops import smoke as checks
from ops.output import AsJson, print_json
from ops.running import check_emulators, confirm
from ops.terraform import BOOTSTRAP, TERRAFORM, Terraform, environments, values
from shared.export.signer import signer
from tools.bundle.bucket import ReleaseBucket
from tools.bundle.provenance import Builder, signed, statement, verify
from tools.bundle.release import Bundled, Release, build, release_text, write
from tools.bundle.resources import addresses, table
from tools.errors import CommandError
from tools.places import ROOT
from tools.plan_check.__main__ import findings
from tools.plan_check.resources import read

DIST = ROOT / "dist"

app = typer.Typer(no_args_is_help=True)

Environment = Annotated[str, typer.Argument(help="A file of terraform/environments.")]
Program = Annotated[str, typer.Option("--terraform", envvar="TERRAFORM", help="The Terraform program.")]
ReleaseName = Annotated[str | None, typer.Option(help="An uploaded release (see `list`); default: dist/.")]
Sign = Annotated[str | None, typer.Option(help="Sign as the pipeline, whose run has this id.")]


@app.command()
def bootstrap(environment: Environment, terraform: Program = "terraform") -> None:
    """Make the buckets, the secrets and the pipeline.

    The project's owner runs it once. Repeating is safe.
    """
    root = Terraform(environment, terraform, BOOTSTRAP)
    root.init()
    root.run("apply", "-input=false", *root.with_values())


@app.command()
def upload(environment: Environment, sign: Sign = None) -> None:
    """Build a release of this commit, and upload it.

    Uploads only the files that the environment lacks.
    """
    built = build(ROOT)
    write(built, DIST)
    bucket = _bucket(environment)
    name = bucket.upload(built)
    if sign is not None:
        builder = Builder(id=f"https://cloudbuild.googleapis.com/v1/{_key(environment)}", run=sign)
        envelope = asyncio.run(signed(statement(built.release, builder), signer(_key(environment))))
        bucket.attest(built.release, envelope)
    print(f"uploaded {name}")


@app.command("list")
def list_releases(environment: Environment, *, as_json: AsJson = False) -> None:
    """List the releases that can be deployed, oldest first."""
    names = _bucket(environment).names()
    if as_json:
        print_json(names)
    else:
        print(*names, sep="\n", end="\n" * bool(names))


@app.command()
def promote(source: Environment, environment: Environment, name: str) -> None:
    """Take over a release that has run elsewhere.

    The files are the same: nothing is built.
    """
    theirs, ours = _bucket(source), _bucket(environment)
    release = ours.take_over(name, theirs)
    if _is_protected(environment):
        envelope = theirs.provenance(name)
        verify(envelope, _public_key(source), release)
        ours.attest(release, envelope)
    print(f"promoted {name}")


@app.command()
def plan(environment: Environment, release: ReleaseName = None, terraform: Program = "terraform") -> None:
    """Plan a release and save the plan as dist/ENVIRONMENT.tfplan.

    Where data is real, the pipeline must have signed the release.
    """
    bucket = _bucket(environment)
    chosen = bucket.release(release) if release else _read(DIST / "release.json")
    if _is_protected(environment):
        source = values(environment).get("promoted_from", environment)
        verify(bucket.provenance(str(chosen.name)), _public_key(source), chosen)
        bucket.check(chosen)
    release_path(environment).write_text(release_text(chosen), encoding="utf-8")
    root = Terraform(environment, terraform)
    root.init()
    file = f"-var=release=../dist/{release_path(environment).name}"
    root.run("plan", "-input=false", *root.with_values(), file, f"-out={_plan(environment)}")
    for finding in findings(read(json.loads(root.read("show", "-json", str(_plan(environment)))))):
        print(f"warning: {finding}")


@app.command()
def save(
    environment: Environment,
    name: Annotated[str, typer.Argument(help="Name to save it under.")],
    sign: Sign = None,
    terraform: Program = "terraform",
) -> None:
    """Save the plan for the pipeline.

    Saves it with the files that terraform/bootstrap/apply.sh needs.
    """
    release = release_path(environment)
    content = _archive(
        {
            f"dist/{release.name}": release.read_bytes(),
            f"dist/{_plan(environment).name}": _plan(environment).read_bytes(),
            "dist/name": str(_read(release).name).encode(),
            "dist/parallelism": str(Terraform(environment, terraform).parallelism(str(_plan(environment)))).encode(),
        }
    )
    bucket = _bucket(environment)
    bucket.put(f"plans/{name}.tar.gz", content)
    if sign is not None:
        bucket.put(f"plans/{name}.tar.gz.sig", asyncio.run(signer(_key(environment)).sign(content)))
    print(f"saved plan {name}")


@app.command()
def apply(environment: Environment, terraform: Program = "terraform") -> None:
    """Apply the plan in dist/.

    Terraform refuses it if the environment has changed since. Repeating is safe.
    """
    root = Terraform(environment, terraform)
    root.run(
        "apply", "-input=false", f"-parallelism={root.parallelism(str(_plan(environment)))}", str(_plan(environment))
    )
    _bucket(environment).note_applied(_read(release_path(environment)))


@app.command()
def deploy(
    environment: Environment,
    release: ReleaseName = None,
    terraform: Program = "terraform",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Apply without asking.")] = False,
) -> None:
    """Plan, ask, apply and check a release.

    Releases this commit, or an earlier release.
    """
    if release is None:
        upload(environment)
    plan(environment, release, terraform)
    confirm(f"Apply this plan to {environment}?", yes=yes)
    apply(environment, terraform)
    smoke(environment, terraform)


@app.command()
def smoke(environment: Environment, terraform: Program = "terraform") -> None:
    """Check from outside that every function runs its build.

    It also checks that the service requires a token.
    """
    release = _read(release_path(environment))
    given = values(environment)
    deployed = deployed_functions(release, given)
    checks.check_functions(given["project"], given["region"], deployed)
    found = outputs(environment, terraform)
    checks.check_service(found["url"], deployed[release.default_function].sha256)
    for bundled in deployed.values():
        if bundled.manifest.trigger.pages is not None:
            checks.check_build(found["pages"], bundled.sha256)
    print(f"smoke test passed: {len(deployed)} functions")


def deployed_functions(release: Release, given: Mapping[str, Any]) -> dict[str, Bundled]:
    """The functions of a release that an environment with these values has: without `pages`, no function with pages."""
    return {
        name: bundled
        for name, bundled in release.functions.items()
        if bundled.manifest.trigger.pages is None or given.get("pages") is not None
    }


def outputs(environment: str, terraform: str) -> dict[str, Any]:
    """The outputs of an environment (terraform/outputs.tf). Raises `CommandError`."""
    found = json.loads(Terraform(environment, terraform).read("output", "-json"))
    return {name: output["value"] for name, output in found.items()}


@app.command()
def resources(terraform: Program = "terraform") -> None:
    """Write docs/resources.md from the plans of the environments."""
    planned = {}
    for name in environments():
        root = Terraform(name, terraform)
        planned[name] = addresses(root.read("plan", "-input=false", "-no-color", *root.with_values()))
    (ROOT / "docs" / "resources.md").write_text(table(TERRAFORM, planned), encoding="utf-8")


def release_path(environment: str) -> Path:
    """The release file of the environment's plan. Terraform reads it again when it applies the plan."""
    return DIST / f"{environment}.release.json"


def _plan(environment: str) -> Path:
    return DIST / f"{environment}.tfplan"


def _read(path: Path) -> Release:
    if not path.exists():
        raise CommandError(f"there is no dist/{path.name}: run `psr release upload` or `plan` first")
    try:
        return Release.model_validate_json(path.read_bytes())
    except ValidationError:
        raise CommandError(
            f"dist/{path.name} is of another version: run `psr release upload` or `plan` again"
        ) from None


def _bucket(environment: str) -> ReleaseBucket:
    project = values(environment)["project"]
    check_emulators()
    return ReleaseBucket(project)


def _is_protected(environment: str) -> bool:
    return bool(values(environment)["protected"])


def _key(environment: str) -> str:
    """The key version that signs the environment's releases (terraform/bootstrap/main.tf)."""
    given = values(environment)
    ring = f"projects/{given['project']}/locations/{given['region']}/keyRings/psr-pipeline"
    return f"{ring}/cryptoKeys/releases/cryptoKeyVersions/1"


def _public_key(environment: str) -> bytes:
    return str(kms.KeyManagementServiceClient().get_public_key(name=_key(environment)).pem).encode()


def _archive(files: dict[str, bytes]) -> bytes:
    """A tar.gz of the commit's terraform/ and of more files."""
    committed = subprocess.run(
        ("git", "archive", "HEAD", "terraform"), cwd=ROOT, capture_output=True, check=True
    ).stdout
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(committed)) as source, tarfile.open(fileobj=stream, mode="w:gz") as target:
        for member in source:
            target.addfile(member, source.extractfile(member))
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            target.addfile(entry, io.BytesIO(content))
    return stream.getvalue()
