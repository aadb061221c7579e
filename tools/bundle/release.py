"""A release: every function's bundle, and the release file that says which belong together.

Terraform reads only the release file and its own files: an older release file brings back that whole release, settings
and triggers included. Everything is named by its content, so that an unchanged function is not deployed again.
"""

import json
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from shared.model import Model
from shared.runtime.manifest import Manifest, PushSubscriptions, read_push_subscriptions
from tools.bundle.archive import archive
from tools.bundle.contents import ImportGraph, bundle_files
from tools.bundle.sbom import bill_of_materials
from tools.errors import CommandError
from tools.functions import read_functions
from tools.routing import DEFAULT_FUNCTION, Rule, front_door_rules

#: The platform's Python. The tests run on it and on 3.11, the oldest that the code supports.
RUNTIME = "python313"
_NAME_DIGITS = 16


class Bundled(Model):
    """One function of a release. `object` is the bundle's name in the bucket of releases."""

    object: str
    sha256: str
    manifest: Manifest


class Release(Model):
    """The functions that are deployed together. `commit` is None without a clean commit: such a release stays local."""

    commit: str | None
    committed_at: str | None
    runtime: str
    push_subscriptions: PushSubscriptions
    front_door: list[Rule]
    default_function: str
    functions: dict[str, Bundled]

    @property
    def name(self) -> str | None:
        """`20261124T081500Z-1a2b3c4d5e6f`, by commit; sorts by time."""
        return f"{self.committed_at}-{self.commit[:12]}" if self.commit and self.committed_at else None


class Built(NamedTuple):
    """A release with the bytes of its files, by their names in the bucket of releases.

    `uncommitted` names the files that keep the working tree from being a commit.
    """

    release: Release
    objects: dict[str, bytes]
    uncommitted: list[str]


def build(root: Path) -> Built:
    """Build a release of a working tree. Raises `CommandError`."""
    manifests = read_functions(root / "functions")
    graph = ImportGraph(root, manifests)
    functions = {}
    objects = {}
    for name, manifest in manifests.items():
        files = bundle_files(root, name, manifest, graph)
        content = archive(files)
        digest = sha256(content).hexdigest()
        place = f"{name}/{digest[:_NAME_DIGITS]}"
        functions[name] = Bundled(object=f"{place}.zip", sha256=digest, manifest=manifest)
        objects[f"{place}.zip"] = content
        requirements = files["requirements.txt"].decode()
        objects[f"{place}.cdx.json"] = bill_of_materials(name, digest, requirements, runtime=RUNTIME).encode()
    uncommitted, commit, committed_at = _commit(root)
    release = Release(
        commit=commit,
        committed_at=committed_at,
        runtime=RUNTIME,
        push_subscriptions=read_push_subscriptions(root / "functions"),
        front_door=front_door_rules(manifests),
        default_function=DEFAULT_FUNCTION,
        functions=functions,
    )
    return Built(release, objects, uncommitted)


def write(built: Built, folder: Path) -> Path:
    """Write a release's files below a folder, in place of an earlier one's; the path of the release file."""
    shutil.rmtree(folder / "bundles", ignore_errors=True)
    for place, content in built.objects.items():
        path = folder / "bundles" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest = folder / "release.json"
    manifest.write_text(release_text(built.release), encoding="utf-8")
    return manifest


def release_text(release: Release) -> str:
    """The release file as JSON text, the same for the same release."""
    content: dict[str, Any] = release.model_dump(mode="json", exclude_none=True)
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _commit(root: Path) -> tuple[list[str], str | None, str | None]:
    """The commit that a working tree is, and its time; or the files that differ from it. Raises `CommandError`."""
    if not (root / ".git").exists():
        return ["everything: this is no git repository"], None, None
    if changed := _git(root, "status", "--porcelain").splitlines():
        return [line[3:] for line in changed], None, None
    commit, committed_at = _git(root, "log", "-1", "--format=%H %cd", "--date=format-local:%Y%m%dT%H%M%SZ").split()
    return [], commit, committed_at


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ("git", *arguments), cwd=root, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True
        )
    except OSError as error:
        raise CommandError(f"git does not start: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise CommandError(f"git {arguments[0]} failed: {error.stderr.strip()}") from None
    return done.stdout
