"""The manifest of a function (`function.yaml`): its description, its trigger and its requirements.

The function reads its routes and scopes from the manifest, Terraform its resources, and the local stack its wiring.
"""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from shared.model import Model
from shared.settings import Settings

_Model = TypeVar("_Model", bound=Model)
_NAME = "function.yaml"
#: In place of a scope: the operation answers anybody, without a token. It shows no registration.
PUBLIC = "public"
SCOPES = frozenset({"psr:write", "psr:read", "psr:history", "psr:bulk", "psr:work", "psr:caller_password"})


def _known_scope(scope: str) -> str:
    if scope not in {*SCOPES, PUBLIC}:
        raise ValueError("is not a scope of this service")
    return scope


def _known_setting(name: str) -> str:
    if name not in Settings.model_fields:
        raise ValueError("is not a setting of this service")
    return name


Method = Literal["GET", "POST", "PATCH"]
PathTemplate = Annotated[str, StringConstraints(pattern=r"^/v1/[a-z/{}_:A-Z]+$")]


class Route(Model):
    """One HTTP operation. `path` may have `{names}`; `scope` is the required scope of the access token, or `public`."""

    operation: Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z]+$")]
    method: Method
    path: PathTemplate
    scope: Annotated[str, AfterValidator(_known_scope)]


class Subscription(Model):
    """The function's own push subscription to a topic."""

    topic: Annotated[str, StringConstraints(pattern=r"^psr-[a-z-]+$")]


class Schedule(Model):
    """A Cloud Scheduler job. `cron` is in unix-cron form. Use UTC for a job that runs every hour."""

    cron: str
    time_zone: Literal["Europe/London", "Etc/UTC"]


class Pages(Model):
    """Pages for people at a domain of their own. The function's own application has the routes."""


class Trigger(Model):
    """The start of a function: HTTP routes, pages, a subscription or a schedule; exactly one of the four."""

    http: list[Route] | None = None
    pages: Pages | None = None
    pubsub: Subscription | None = None
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(trigger is not None for trigger in (self.http, self.pages, self.pubsub, self.schedule)) != 1:
            raise ValueError("a function has exactly one trigger: http, pages, pubsub or schedule")
        return self


class Resources(Model):
    """The resources of one instance, and the number of instances."""

    memory: Annotated[str, StringConstraints(pattern=r"^[0-9]+(Mi|Gi)$")]
    cpu: int = Field(ge=1, le=4)
    timeout_seconds: int = Field(ge=1, le=600, description="At most 600: a day closes two hours after midnight")
    concurrency: int = Field(ge=1, le=250)
    min_instances: int = Field(0, ge=0)
    max_instances: int = Field(ge=1)


Permission = Literal[
    "firestore.read",
    "firestore.write",
    "exports.write",
    "kms.sign",
    "pubsub.publish:psr-account-events",
    "pubsub.publish:psr-customer-migration",
    "pubsub.publish:psr-export-work",
    "quarantine.erase",
    "quarantine.write",
    "secret:identity-key",
    "secret:pages-client-secret",
    "secret:pages-session-keys",
]
_SECRET = "secret:"  # noqa: S105 - the beginning of a permission


class Manifest(Model):
    """One function.

    `packages` names what its bundle requires in addition to requirements/base.in.

    `elsewhere` is for the function that gets all requests without a route: the methods that other functions serve, by
    path. With it the function can answer 405 with the methods of the whole API.
    """

    description: str
    entry_point: Literal["main"]
    trigger: Trigger
    resources: Resources
    permissions: list[Permission]
    settings: list[Annotated[str, AfterValidator(_known_setting)]] = Field(default_factory=list)
    packages: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]] = Field(default_factory=list)
    elsewhere: dict[PathTemplate, list[Method]] = Field(default_factory=dict)

    @property
    def secrets(self) -> list[str]:
        """The settings that are secrets, which the function may read and requires."""
        names = [name for name in self.permissions if name.startswith(_SECRET)]
        return [name.removeprefix(_SECRET).replace("-", "_") for name in names]


class PushSubscriptions(Model):
    """Settings of all push subscriptions (`functions/pubsub.yaml`), within the limits of Pub/Sub."""

    ack_deadline_seconds: int = Field(ge=10, le=600)
    minimum_backoff_seconds: int = Field(ge=0, le=600)
    maximum_backoff_seconds: int = Field(ge=0, le=600)
    max_delivery_attempts: int = Field(ge=5, le=100)
    message_retention_days: int = Field(ge=1, le=31)
    dead_letter_topic: Annotated[str, StringConstraints(pattern=r"^psr-[a-z-]+$")]


class ManifestError(Exception):
    """A manifest has faults. The message names the file, and each fault with its place."""


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in a function's folder. Raises `ManifestError`."""
    return _read(Manifest, folder / _NAME)


def read_manifests(functions: Path) -> dict[str, Manifest]:
    """Read the manifests of all functions, by name. Raises `ManifestError`."""
    return {path.parent.name: read_manifest(path.parent) for path in sorted(functions.glob(f"*/{_NAME}"))}


def read_push_subscriptions(functions: Path) -> PushSubscriptions:
    """Read the settings of all push subscriptions. Raises `ManifestError`."""
    return _read(PushSubscriptions, functions / "pubsub.yaml")


def _read(model: type[_Model], path: Path) -> _Model:
    place = "/".join(path.parts[-3 if path.name == _NAME else -2 :])
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        return model.model_validate(content)
    except OSError:
        raise ManifestError(f"{place} cannot be read") from None
    except yaml.YAMLError as error:
        line = error.problem_mark.line + 1 if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else "?"
        raise ManifestError(f"{place} is not YAML, see line {line}") from None
    except ValidationError as error:
        raise ManifestError("\n  ".join([f"{place} has faults:", *map(_fault, error.errors())])) from None


def _fault(error: ErrorDetails) -> str:
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        reason = "is not a field here"
    elif error["type"] == "missing":
        reason = "is missing"
    return f"{'.'.join(map(str, error['loc'])) or 'the whole file'}: {reason}"
