"""Terraform's plans of every topology, applied without a cloud."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ops.terraform import BOOTSTRAP, TERRAFORM, Terraform
from tools.places import ROOT
from tools.plan_check.resources import Resource, read

PROGRAM = os.environ.get("TERRAFORM", "terraform")
#: Whether the program applies without a cloud, against the providers' real schemas.
OFFLINE = Path(PROGRAM).name == "terraform-offline"

NETWORK = {
    "network": "projects/shared/global/networks/psr",
    "subnetwork": "projects/shared/regions/europe-west2/subnetworks/psr",
}
KEY = "projects/keys/locations/europe-west2/keyRings/psr/cryptoKeys/psr"
REPOSITORY = "projects/p/locations/europe-west2/connections/c/repositories/psr"
PIPELINE = {"repository": REPOSITORY, "image": f"europe-west2-docker.pkg.dev/p/psr-pipeline/builder@sha256:{'0' * 64}"}


class Topology(NamedTuple):
    """An environment with some other values."""

    root: Path
    environment: str
    other: Mapping[str, Any] = {}


TOPOLOGIES = {
    "dev": Topology(TERRAFORM, "dev"),
    "prod": Topology(TERRAFORM, "prod"),
    "private": Topology(
        TERRAFORM,
        "prod",
        {
            "build_pool": "projects/shared/locations/europe-west2/workerPools/psr",
            "egress": NETWORK,
            "front_door": {
                "domain": "psr.example.org",
                "certificates": ["projects/shared/locations/global/certificates/psr"],
                "internal": NETWORK,
            },
            "labels": {"cost-centre": "psr"},
            "notification_channels": ["projects/shared/notificationChannels/1"],
        },
    ),
    "own key": Topology(TERRAFORM, "prod", {"encryption_key": KEY}),
    "no front door": Topology(
        TERRAFORM,
        "prod",
        {
            "front_door": None,
            "pages": None,
            "export_readers": {"D0225/EELC": ["serviceAccount:collector@example.iam.gserviceaccount.com"]},
            "publishers": {"psr-account-events": ["serviceAccount:accounts@example.iam.gserviceaccount.com"]},
        },
    ),
    "bootstrap of dev": Topology(
        BOOTSTRAP, "dev", {"pipeline": PIPELINE, "promotes_to": ["another-project"], "encryption_key": KEY}
    ),
    "bootstrap of prod": Topology(
        BOOTSTRAP, "prod", {"pipeline": PIPELINE, "promoted_from": "dev", "github": {"repository": "example-org/psr"}}
    ),
}


class Planned:
    """A topology in a folder for its state."""

    def __init__(self, topology: Topology, cache: Path) -> None:
        self._topology = topology
        self._cache = prepared(cache)

    def run(self, command: str, *arguments: str, status: int = 0) -> str:
        """The output of a command; asserts its status."""
        done = subprocess.run(
            (PROGRAM, f"-chdir={self._topology.root}", command, *arguments, "-no-color"),
            cwd=ROOT,
            env={**os.environ, "XDG_CACHE_HOME": str(self._cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def values(self) -> list[str]:
        """The arguments that give Terraform the topology's values; the last one of a name counts."""
        given = Terraform(self._topology.environment, root=self._topology.root).with_values()
        other = self._topology.other.items()
        return [*given, *(f"-var={name}={one if isinstance(one, str) else json.dumps(one)}" for name, one in other)]

    def apply(self) -> list[Resource]:
        """Apply the plan; the resources as they are afterwards."""
        self.run("apply", "-input=false", "-auto-approve", *self.values())
        return read(json.loads(self.run("show", "-json")))

    def has_changes(self) -> bool:
        """Whether another plan has something to do."""
        return "No changes." not in self.run("plan", "-input=false", *self.values())


def prepared(cache: Path) -> Path:
    """A folder for states, with what the program installs once."""
    known = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "terraform-offline"
    (cache / "terraform-offline").mkdir(parents=True, exist_ok=True)
    for path in known.glob("venv-*"):
        (cache / "terraform-offline" / path.name).symlink_to(path)
    return cache
