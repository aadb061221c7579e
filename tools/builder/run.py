"""`python -m tools.builder.run FILE [NAME=VALUE …]`: run a pipeline's steps here, as they are in its file.

The steps run in their order in a clone of this commit, in an environment that has the builder's programs and no others:
those of packages.txt and of the base image. So a step that needs a program that the image lacks fails here too. No
container engine is needed. Arguments are the pipeline's substitutions.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from tools.errors import CommandError, run_command
from tools.places import ROOT

_PACKAGES = Path(__file__).with_name("packages.txt")
#: The programs that the images of the Dockerfile add to every Debian.
_BASE = {"gcloud", "java", "node", "npm", "npx", "terraform", "ps"}


def main() -> None:
    """Run the steps of a file. Raises `CommandError` at the first that fails."""
    name, *pairs = sys.argv[1:]
    given = dict(pair.split("=", 1) for pair in pairs)
    with tempfile.TemporaryDirectory(prefix="psr-pipeline-") as folder:
        workspace = Path(folder, "workspace")
        subprocess.run(("git", "clone", "--quiet", str(ROOT), str(workspace)), check=True)
        run_steps(workspace, Path(folder), name, given)


def run_steps(workspace: Path, folder: Path, name: str, given: Mapping[str, str]) -> None:
    """Run a file's steps in a workspace; `folder` gets the programs and a home."""
    pipeline = yaml.safe_load((workspace / name).read_text(encoding="utf-8"))
    values = {**pipeline.get("substitutions", {}), **given}
    pairs = (pair.split("=", 1) for pair in pipeline["options"].get("env", []))
    variables = {variable: _filled(value, values) for variable, value in pairs}
    home = folder / "home"
    home.mkdir()
    environment = {**passed_on(), **variables, "HOME": str(home), "PATH": str(programs(folder / "bin"))}
    for step in pipeline["steps"]:
        print(f"== {step['id']}", flush=True)
        script = folder / "step"
        script.write_text(step["script"], encoding="utf-8")
        script.chmod(0o755)
        if subprocess.run((str(script),), cwd=workspace, env=environment, check=False).returncode:
            raise CommandError(f"the step {step['id']} of {name} failed, see above")


def programs(folder: Path) -> Path:
    """A folder with the builder's programs. Raises `CommandError` if one is not installed here."""
    folder.mkdir()
    for path in essential():
        (folder / path.name).symlink_to(path)
    packaged = {line.split()[1] for line in _PACKAGES.read_text(encoding="utf-8").splitlines()}
    for program in sorted(packaged | _BASE):
        found = shutil.which(program)
        if found is None:
            raise CommandError(f"the builder has {program}, this machine does not: install it to run the steps")
        (folder / program).unlink(missing_ok=True)
        (folder / program).symlink_to(found)
    return folder


def essential() -> list[Path]:
    """The programs that every Debian has: those of its essential packages."""
    query = ("dpkg-query", "--show", "--showformat", "${Essential} ${Package}\n")
    lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
    packages = [line.split()[1] for line in lines if line.startswith("yes ")]
    files = subprocess.run(("dpkg", "--listfiles", *packages), capture_output=True, text=True, check=True).stdout
    found = {path.name: path for path in map(Path, files.split()) if path.parent.name in ("bin", "sbin")}
    return [path for path in found.values() if path.is_file()]


def passed_on() -> dict[str, str]:
    """The variables that a machine without the internet needs: package indexes, and a Terraform that works offline."""
    names = ("PIP_", "UV_", "npm_config_", "NODE_EXTRA", "TERRAFORM", "ALLOW_UNAUDITED", "SSL_", "XDG_CACHE_HOME")
    return {name: value for name, value in os.environ.items() if name.startswith(names)}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], ""), text)


if __name__ == "__main__":
    run_command(main)
