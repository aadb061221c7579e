"""The grants of a plan: who has which role on what."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tools.plan_check.resources import Resource, is_unknown

#: Google's own accounts, whose names a plan does not know.
AGENT = "a service agent"

_AGENTS = re.compile(r"serviceAccount:.*(offline|@gcp-sa-|-robot|gs-project-acc)")

#: By type of the grant: what it is on, and the attribute that names it.
_TARGETS = {
    "google_artifact_registry_repository_iam_member": ("repository", "repository"),
    "google_cloud_run_service_iam_member": ("service", "service"),
    "google_kms_crypto_key_iam_member": ("key", "crypto_key_id"),
    "google_project_iam_member": ("project", ""),
    "google_pubsub_subscription_iam_member": ("subscription", "subscription"),
    "google_pubsub_topic_iam_member": ("topic", "topic"),
    "google_secret_manager_secret_iam_member": ("secret", "secret_id"),
    "google_service_account_iam_member": ("account", "service_account_id"),
    "google_storage_bucket_iam_member": ("bucket", "bucket"),
}


class Grant(NamedTuple):
    """A role of a member on a target: `project`, `topic psr-account-events`, `account psr-lookup@…`."""

    member: str
    role: str
    target: str
    resource: Resource


def grants(resources: Iterable[Resource]) -> Iterator[Grant]:
    """Every grant. One of a kind that is not known here is an error: nobody has looked at what it reaches."""
    for resource in resources:
        if resource.type.endswith(("_iam_member", "_iam_binding", "_iam_policy")):
            kind, attribute = _TARGETS[resource.type]
            name = str(resource.get(attribute) or "").rpartition("/serviceAccounts/")[2]
            yield Grant(_member(resource), str(resource.get("role")), f"{kind} {name}".strip(), resource)


def _member(resource: Resource) -> str:
    member = str(resource.get("member") or "")
    agent = not member or is_unknown(member) or _AGENTS.match(member)
    return AGENT if agent else member
