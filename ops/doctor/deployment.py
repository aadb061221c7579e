"""The deployment that the doctor checks: the local stack by its layout, or an environment by its Terraform outputs."""

import json
from pathlib import Path
from typing import NamedTuple

import httpx

from ops import release
from ops.running import check_emulators
from shared.runtime.manifest import Manifest, read_manifests, read_push_subscriptions
from tools.errors import CommandError
from tools.local.issuer import token_from
from tools.local.layout import PAGES, Layout
from tools.local.wiring import MAX_DELIVERY_ATTEMPTS
from tools.places import FUNCTIONS
from tools.routing import DEFAULT_FUNCTION
from tools.scheduler import LOCATION

#: The runbook for a function that does not work, by its trigger (`per` in terraform/alerts.yaml).
_RUNBOOKS = {"http": "errors", "pages": "errors", "pubsub": "backlog", "schedule": "job_missing"}


class Deployment(NamedTuple):
    """The addresses of a deployment, and what it should be.

    `url` is the API's address, `functions` has each function's own, `builds` the build that each should run, where it
    is known. `pages` is the address of the pages, None without them. `environment` is the folder of
    terraform/environments, None for the local stack.
    """

    url: str
    front_door: bool
    functions: dict[str, str]
    builds: dict[str, str]
    max_delivery_attempts: int
    pages: str | None = None
    environment: str | None = None
    token: str | None = None
    location: str = LOCATION

    @property
    def fix(self) -> str:
        """How to make the deployment agree with the manifests again."""
        if self.environment is None:
            return "start the local stack again"
        return (
            f"`nox -s plan -- {self.environment}` shows the difference, `nox -s apply -- {self.environment}` fixes it"
        )

    def api(self, function: str) -> str:
        """The address at which callers reach a function of the API."""
        return self.url if self.front_door else self.functions[function]

    def address(self, function: str) -> str | None:
        """The address of a function itself, None if it is not deployed or hidden by the front door of a cloud."""
        behind = {DEFAULT_FUNCTION: self.url, PAGES: self.pages}
        hidden = self.front_door and self.environment is not None and function in behind
        return behind[function] if hidden else self.functions.get(function)

    def manifests(self) -> dict[str, Manifest]:
        """The manifest of every function that should be deployed, by name."""
        return {
            name: manifest for name, manifest in manifests().items() if manifest.trigger.pages is None or self.pages
        }


def local_stack(layout_file: Path | None, token: str | None) -> Deployment:
    """The stack whose settings are in the environment, with a token of its issuer if none is given.

    Raises `CommandError`.
    """
    if layout_file is None or not layout_file.exists():
        raise CommandError("name an environment, or `source .local/env` for the local stack (`make run` starts it)")
    layout = Layout.model_validate_json(layout_file.read_text(encoding="utf-8"))
    if token is None:
        try:
            token = token_from(layout.issuer, "agent")
        except httpx.ConnectError:
            check_emulators()  # says so if the whole stack is down
        except (httpx.HTTPError, ValueError):
            pass
    return Deployment(
        url=layout.url,
        front_door=True,
        functions={name: layout.function_url(name) for name in layout.functions},
        builds=dict.fromkeys(layout.functions, layout.project),
        max_delivery_attempts=MAX_DELIVERY_ATTEMPTS,
        pages=layout.function_url(PAGES),
        token=token,
    )


def environment_of(name: str, terraform: str, token: str | None, location: str) -> Deployment:
    """An environment. `token` is an access token of its issuer. Raises `CommandError`."""
    output = release.outputs(name, terraform)
    manifest = release.release_path(name)
    functions = json.loads(manifest.read_text(encoding="utf-8"))["functions"] if manifest.exists() else {}
    return Deployment(
        url=output["url"],
        front_door=output["address"] is not None,
        functions={key.replace("-", "_"): address for key, address in output["functions"].items()},
        builds={function: bundled["sha256"] for function, bundled in functions.items()},
        max_delivery_attempts=read_push_subscriptions(FUNCTIONS).max_delivery_attempts,
        pages=output["pages"],
        environment=name,
        token=token,
        location=location,
    )


def manifests() -> dict[str, Manifest]:
    """Every function's manifest by name."""
    return read_manifests(FUNCTIONS)


def runbook_of(manifest: Manifest) -> str:
    """The runbook for a function that does not work."""
    return next(page for trigger, page in _RUNBOOKS.items() if getattr(manifest.trigger, trigger) is not None)
