"""What is examined: the local stack as it was laid out, or an environment as its Terraform tells it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx

from ops import release
from shared.runtime.manifest import Manifest, read_manifests, read_push_subscriptions
from tools.errors import CommandError
from tools.local.issuer import token_from
from tools.local.layout import Layout
from tools.local.wiring import MAX_DELIVERY_ATTEMPTS
from tools.places import FUNCTIONS
from tools.routing import DEFAULT_FUNCTION
from tools.scheduler import LOCATION

#: The runbook for a function that does not do its work, by what starts it (`per` in terraform/alerts.yaml).
_RUNBOOKS = {"http": "errors", "pubsub": "backlog", "schedule": "job_missing"}


class Deployment(NamedTuple):
    """Where everything is and how it should be.

    `url` is where callers start, `functions` has each function's own address, `builds` what each should run, as far as
    it is known here. `environment` is the folder of terraform/environments, None for the local stack.
    """

    url: str
    front_door: bool
    functions: dict[str, str]
    builds: dict[str, str]
    max_delivery_attempts: int
    environment: str | None = None
    token: str | None = None
    location: str = LOCATION

    @property
    def mend(self) -> str:
        """How what was made from the manifests is made so again."""
        if self.environment is None:
            return "start the local stack again"
        return (
            f"`nox -s plan -- {self.environment}` shows the difference, `nox -s apply -- {self.environment}` mends it"
        )

    def api(self, function: str) -> str:
        """The address at which callers reach a function of the API."""
        return self.url if self.front_door else self.functions[function]

    def address(self, function: str) -> str | None:
        """Where a function answers for itself, None if it is not deployed. A cloud's front door hides the others."""
        hidden = self.front_door and self.environment is not None
        return self.url if hidden and function == DEFAULT_FUNCTION else self.functions.get(function)


def local_stack(layout_file: Path | None, token: str | None) -> Deployment:
    """The stack whose settings are in the environment, with a token of its issuer if none is given.

    Raises `CommandError`.
    """
    if layout_file is None or not layout_file.exists():
        raise CommandError("name an environment, or `source .local/env` for the local stack (`make run` starts it)")
    layout = Layout.model_validate_json(layout_file.read_text(encoding="utf-8"))
    if token is None:
        with suppress(httpx.HTTPError, ValueError):
            token = token_from(layout.issuer, "agent")
    return Deployment(
        url=layout.url,
        front_door=True,
        functions={name: layout.function_url(name) for name in layout.functions},
        builds=dict.fromkeys(layout.functions, layout.project),
        max_delivery_attempts=MAX_DELIVERY_ATTEMPTS,
        token=token,
    )


def environment_of(name: str, terraform: str, token: str | None, location: str) -> Deployment:
    """An environment. `token` is an access token of its issuer. Raises `CommandError`."""
    told = release.outputs(name, terraform)
    manifest = release.manifest_path(name)
    functions = json.loads(manifest.read_text(encoding="utf-8"))["functions"] if manifest.exists() else {}
    return Deployment(
        url=told["url"],
        front_door=told["address"] is not None,
        functions={key.replace("-", "_"): address for key, address in told["functions"].items()},
        builds={function: bundled["sha256"] for function, bundled in functions.items()},
        max_delivery_attempts=read_push_subscriptions(FUNCTIONS).max_delivery_attempts,
        environment=name,
        token=token,
        location=location,
    )


def manifests() -> dict[str, Manifest]:
    """Every function's manifest by name."""
    return read_manifests(FUNCTIONS)


def runbook_of(manifest: Manifest) -> str:
    """The runbook for when a function does not do its work."""
    return next(page for trigger, page in _RUNBOOKS.items() if getattr(manifest.trigger, trigger) is not None)
