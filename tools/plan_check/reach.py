"""Planned grants: who could reach personal data, against the list of those who may (rights.yaml)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.plan_check.grants import Grant, grants
from tools.plan_check.resources import Resource

TABLE: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("rights.yaml").read_text(encoding="utf-8"))


def findings(resources: Iterable[Resource]) -> Iterator[str]:
    """Grants that lead to personal data and that no row allows, and roles of which the table does not say it."""
    known = list(resources)
    custom = {
        resource.get("role_id"): resource for resource in known if resource.type == "google_project_iam_custom_role"
    }
    for grant in grants(known):
        effect = _effect(grant, custom)
        if effect is None:
            yield f"{grant.resource.address}: rights.yaml does not say what {grant.role} reaches"
        elif effect != "nothing" and not any(allows(row, grant) for row in TABLE["allowed"]):
            yield f"{grant.resource.address}: {grant.member} {effect} with {grant.role} on {grant.target}"


def allows(row: Mapping[str, str], grant: Grant) -> bool:
    """Whether a row of the list is about a grant."""
    return all(re.fullmatch(row[name], getattr(grant, name)) for name in ("member", "role", "target"))


def _effect(grant: Grant, custom: Mapping[str, Resource]) -> str | None:
    """`nothing`, `reads` or `becomes`; None if nobody has said it."""
    role = custom.get(grant.role.rpartition("/roles/")[2])
    if role is not None:
        permissions = role.values["permissions"]
        found = (kind for kind in ("reads", "becomes") if _has(permissions, TABLE["permissions"][kind]))
        return next(found, "nothing")
    return next((kind for kind, roles in TABLE["roles"].items() if grant.role in roles), None)


def _has(permissions: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(pattern, permission) for permission in permissions for pattern in patterns)
