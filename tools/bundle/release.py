"""A release: every function's bundle, and the manifest that says which belong together.

The release manifest is all that Terraform reads of this repository besides its own files: applying an older one brings
back that release whole, settings and triggers included. Everything is named by its content, so that what did not
change is not deployed again.
"""

import json
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
    """What is deployed together. `commit` is None where it was not made from a clean commit: such a one stays local."""

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
    """A release with the bytes of its files, by their names in the bucket of releases."""

    release: Release
    objects: dict[str, bytes]


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
    commit, committed_at = _commit(root)
    release = Release(
        commit=commit,
        committed_at=committed_at,
        runtime=RUNTIME,
        push_subscriptions=read_push_subscriptions(root / "functions"),
        front_door=front_door_rules(manifests),
        default_function=DEFAULT_FUNCTION,
        functions=functions,
    )
    return Built(release, objects)


def write(built: Built, folder: Path) -> Path:
    """Write a release's files below a folder, in place of an earlier one's; the path of its manifest."""
    shutil.rmtree(folder / "bundles", ignore_errors=True)
    for place, content in built.objects.items():
        path = folder / "bundles" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest = folder / "release.json"
    manifest.write_text(release_text(built.release), encoding="utf-8")
    return manifest


def release_text(release: Release) -> str:
    """The release manifest as JSON text, the same for the same release."""
    content: dict[str, Any] = release.model_dump(mode="json", exclude_none=True)
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _commit(root: Path) -> tuple[str | None, str | None]:
    """The commit that a working tree is, and its time; nothing if it differs from it or is no work tree."""

    def git(*arguments: str) -> str:
        environment = {"TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        return subprocess.run(
            ("git", *arguments), cwd=root, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        if git("status", "--porcelain"):
            return None, None
        commit, committed_at = git("log", "-1", "--format=%H %cd", "--date=format-local:%Y%m%dT%H%M%SZ").split()
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit, committed_at
