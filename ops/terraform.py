"""Terraform with the values and the state of one environment.

terraform/ and terraform/bootstrap are the same for every environment. An environment is a file of values,
terraform/environments/NAME.tfvars; its state is in its project's bucket, and Terraform's working data in a folder of
its own below .local/, so that one checkout serves all environments.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import hcl2
import typer
from hcl2.utils import SerializationOptions

from tools.errors import CommandError, WrongUsage
from tools.places import ROOT

TERRAFORM = ROOT / "terraform"
BOOTSTRAP = TERRAFORM / "bootstrap"
ENVIRONMENTS = TERRAFORM / "environments"

#: Plans with more than one change of these are applied one resource at a time: Firestore refuses changes of several
#: fields at once with ABORTED, which the provider does not retry for fields.
_ONE_AT_A_TIME = "google_firestore_field"
_PARALLEL = 10
#: Commands that take values.
_WITH_VALUES = ("apply", "console", "destroy", "import", "plan", "refresh")


class Terraform:
    """The Terraform program, in one root, for one environment. Raises `CommandError` if there is none of that name."""

    def __init__(self, environment: str, program: str = "terraform", root: Path = TERRAFORM) -> None:
        self.values = values(environment)
        self._environment = environment
        self._program = program
        self._root = root

    def init(self) -> None:
        """Install the providers of the lock file, and connect to the environment's state. Prints to standard error."""
        bucket = f"-backend-config=bucket={self.values['project']}-psr-state"
        prefix = f"-backend-config=prefix={'psr' if self._root == TERRAFORM else 'bootstrap'}"
        self._call("init", "-input=false", "-lockfile=readonly", bucket, prefix, stdout=sys.stderr)

    def run(self, command: str, *arguments: str) -> None:
        """Run a command. Raises `CommandError` if it fails; Terraform has then said why."""
        self._call(command, *arguments)

    def read(self, command: str, *arguments: str) -> str:
        """The output of a command. Raises `CommandError` if it fails."""
        call = self._command(command, *arguments)
        try:
            return subprocess.run(call, env=self._variables(), capture_output=True, text=True, check=True).stdout
        except OSError:
            raise CommandError(self._does_not_start()) from None
        except subprocess.CalledProcessError as error:
            raise CommandError(f"`{' '.join(call)}` failed: {error.stderr.strip()}") from None

    def with_values(self) -> list[str]:
        """The arguments that give the root the values that it declares."""
        chosen = {
            name: value for name, value in self.values.items() if name in declared(self._root) and value is not None
        }
        return [
            f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in chosen.items()
        ]

    def parallelism(self, plan: str) -> int:
        """How many resources of a plan may change at a time."""
        changes = json.loads(self.read("show", "-json", plan))["resource_changes"]
        fields = [one for one in changes if one["type"] == _ONE_AT_A_TIME and one["change"]["actions"] != ["no-op"]]
        return 1 if len(fields) > 1 else _PARALLEL

    def _call(self, command: str, *arguments: str, stdout: TextIO | None = None) -> None:
        call = self._command(command, *arguments)
        try:
            failed = subprocess.run(call, env=self._variables(), stdout=stdout, check=False).returncode
        except OSError:
            raise CommandError(self._does_not_start()) from None
        if failed:
            raise CommandError(f"terraform {command} failed, see above")

    def _does_not_start(self) -> str:
        return f"{self._program} does not start: install Terraform, or name it with --terraform"

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (self._program, f"-chdir={self._root}", *arguments)

    def _variables(self) -> dict[str, str]:
        data = ROOT / ".local" / "terraform" / self._environment / self._root.name
        return {**os.environ, "TF_DATA_DIR": str(data)}


def terraform(
    environment: Annotated[str, typer.Argument(help="A file of terraform/environments.")],
    arguments: Annotated[list[str], typer.Argument(help="Terraform's command and its arguments, after --.")],
    program: Annotated[
        str, typer.Option("--terraform", envvar="TERRAFORM", help="The Terraform program.")
    ] = "terraform",
    *,
    bootstrap: Annotated[bool, typer.Option("--bootstrap", help="In terraform/bootstrap.")] = False,
) -> None:
    """Run Terraform with an environment's values and state.

    For example, `psr terraform dev -- output -json`.
    """
    root = Terraform(environment, program, BOOTSTRAP if bootstrap else TERRAFORM)
    root.init()
    command, *rest = arguments
    root.run(command, *(root.with_values() if command in _WITH_VALUES else []), *rest)


def environments() -> list[str]:
    """The names of the environments."""
    return sorted(path.stem for path in ENVIRONMENTS.glob("*.tfvars"))


def values(environment: str) -> dict[str, Any]:
    """The values of an environment. Raises `CommandError` if there is none, or a value that no root declares."""
    path = ENVIRONMENTS / f"{environment}.tfvars"
    if not path.exists():
        raise WrongUsage(f"there is no environment {environment}. Known: {', '.join(environments())}")
    given = _read(path)
    if unknown := given.keys() - declared(TERRAFORM) - declared(BOOTSTRAP):
        raise CommandError(f"{path.name} gives values that nothing declares: {', '.join(sorted(unknown))}")
    return given


def declared(root: Path) -> set[str]:
    """The names of the variables of a root."""
    return {name for block in _read(root / "variables.tf")["variable"] for name in block}


def _read(path: Path) -> dict[str, Any]:
    plain = SerializationOptions(strip_string_quotes=True, explicit_blocks=False, with_comments=False)
    return hcl2.loads(path.read_text(encoding="utf-8"), serialization_options=plain)
