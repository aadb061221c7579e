"""Planned grants: whether each subscription, job, function and trigger has those that it needs, in time."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tools.plan_check.grants import AGENT, Grant, grants
from tools.plan_check.resources import Resource

_ENCRYPT = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
#: Where a resource names the key that it is encrypted with.
_KEYS = ("kms_key_name", "cmek_config.kms_key_name", "cmek_settings.kms_key_name", "encryption.default_kms_key_name")


class Need(NamedTuple):
    """A grant that a resource needs. `first`: before it exists, and effective by then."""

    member: str
    role: str
    target: str
    first: bool = True


def findings(resources: Iterable[Resource]) -> Iterator[str]:
    """Grants that are missing, or come too late."""
    known = list(resources)
    granted = list(grants(known))
    waits = [resource for resource in known if resource.type == "time_sleep"]
    for resource in known:
        for need in _needs(resource):
            found = [one for one in granted if (one.member, one.role, one.target) == need[:3]]
            what = f"{need.member} needs {need.role} on {need.target}"
            if not found:
                yield f"{resource.address}: {what}"
            elif need.first and not any(_in_time(one, resource, waits) for one in found):
                yield f"{resource.address}: {what} before, and time for it to be effective"


def _in_time(grant: Grant, resource: Resource, waits: list[Resource]) -> bool:
    """Whether a resource waits for a grant to be effective. A plan does not say: it counts as in time."""
    if resource.depends_on is None:
        return True
    place = f"{grant.resource.type}.{grant.resource.name}"
    between = [wait for wait in waits if place in (wait.depends_on or ())]
    return any(f"{wait.type}.{wait.name}" in resource.depends_on for wait in between)


def _needs(resource: Resource) -> Iterator[Need]:
    match resource.type:
        case "google_pubsub_subscription":
            yield from _of_subscription(resource)
        case "google_cloud_scheduler_job":
            yield from _of_caller(resource, str(resource.get("http_target.oidc_token.service_account_email")))
        case "google_cloudfunctions2_function":
            yield from _of_function(resource)
        case "google_cloudbuild_trigger":
            yield from _of_trigger(resource)
    key = next(filter(None, map(resource.get, _KEYS)), None)
    if key and resource.type != "google_storage_bucket":  # terraform/bootstrap grants that one
        yield Need(AGENT, _ENCRYPT, f"key {key}")


def _of_caller(resource: Resource, account: str) -> Iterator[Need]:
    """A caller of the function of the same name. https://cloud.google.com/run/docs/triggering/pubsub-push."""
    yield Need(f"serviceAccount:{account}", "roles/run.invoker", f"service {resource.get('name')}", first=False)
    yield _attach(account)


def _of_subscription(resource: Resource) -> Iterator[Need]:
    """https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions, …/pubsub/docs/handling-failures."""
    account = str(resource.get("push_config.oidc_token.service_account_email"))
    yield from _of_caller(resource, account)
    yield Need(AGENT, "roles/iam.serviceAccountTokenCreator", f"account {account}")
    yield Need(AGENT, "roles/pubsub.serviceAgent", "project")
    topic = resource.get("dead_letter_policy.dead_letter_topic")
    if topic:
        yield Need(AGENT, "roles/pubsub.publisher", f"topic {topic.rpartition('/')[2]}", first=False)
        yield Need(AGENT, "roles/pubsub.subscriber", f"subscription {resource.get('name')}", first=False)


def _of_function(resource: Resource) -> Iterator[Need]:
    """https://cloud.google.com/functions/docs/securing/build-custom-sa, …/functions/docs/configuring/secrets."""
    account = str(resource.get("service_config.service_account_email"))
    builder = str(resource.get("build_config.service_account")).rpartition("/")[2]
    building = f"serviceAccount:{builder}"
    bucket = resource.get("build_config.source.storage_source.bucket")
    yield _attach(account)
    yield _attach(builder)
    yield Need(building, "roles/logging.logWriter", "project")
    yield Need(building, "roles/storage.objectViewer", f"bucket {bucket}")
    yield Need(building, "roles/storage.objectViewer", "project")
    yield Need(building, "roles/artifactregistry.writer", "repository psr-functions")
    for secret in resource.values["service_config"][0].get("secret_environment_variables") or ():
        yield Need(f"serviceAccount:{account}", "roles/secretmanager.secretAccessor", f"secret {secret['secret']}")


def _of_trigger(resource: Resource) -> Iterator[Need]:
    """https://cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts."""
    account = str(resource.get("service_account")).rpartition("/")[2]
    project = account.partition("@")[2].partition(".")[0]
    held = {
        "builder": [("roles/artifactregistry.writer", "repository psr-pipeline")],
        "check": [("roles/artifactregistry.reader", "repository psr-pipeline")],
        "release": [
            ("roles/artifactregistry.writer", "repository psr-pipeline"),
            ("roles/storage.objectCreator", f"bucket {project}-psr-releases"),
            ("roles/storage.objectViewer", f"bucket {project}-psr-releases"),
            ("roles/storage.objectUser", f"bucket {project}-psr-state"),
        ],
        "apply": [
            ("roles/artifactregistry.reader", "repository psr-pipeline"),
            ("roles/storage.objectCreator", f"bucket {project}-psr-releases"),
            ("roles/storage.objectViewer", f"bucket {project}-psr-releases"),
            ("roles/storage.objectUser", f"bucket {project}-psr-state"),
        ],
    }
    yield Need(f"serviceAccount:{account}", "roles/logging.logWriter", "project", first=False)
    for role, target in held[resource.name]:
        yield Need(f"serviceAccount:{account}", role, target, first=False)


def _attach(account: str) -> Need:
    """The right to attach an account, of the account that applies plans."""
    project = account.partition("@")[2]
    return Need(f"serviceAccount:psr-deployer@{project}", "roles/iam.serviceAccountUser", f"account {account}")
