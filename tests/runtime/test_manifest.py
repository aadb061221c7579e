"""Manifests are checked before anything starts."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from shared.runtime.manifest import Manifest, read_manifest, read_manifests
from tools.local.layout import FUNCTIONS
from tools.routing import DEFAULT_FUNCTION


@pytest.mark.parametrize("name", sorted(path.parent.name for path in FUNCTIONS.glob("*/main.py")))
def test_every_function_has_a_manifest_that_keeps_the_schema(name: str) -> None:
    assert read_manifest(FUNCTIONS / name).description.endswith(".")


def test_no_operation_or_route_occurs_twice() -> None:
    routes = [route for manifest in read_manifests(FUNCTIONS).values() for route in manifest.trigger.http or []]
    assert len({route.operation for route in routes}) == len(routes)
    assert len({(route.method, route.path) for route in routes}) == len(routes)
    assert len(routes) == 8


def test_the_function_that_gets_what_no_route_takes_knows_the_methods_of_the_others() -> None:
    manifests = read_manifests(FUNCTIONS)
    others: dict[str, list[str]] = {}
    for name, manifest in manifests.items():
        for route in (manifest.trigger.http or []) if name != DEFAULT_FUNCTION else []:
            others.setdefault(route.path, []).append(route.method)
    assert manifests[DEFAULT_FUNCTION].elsewhere == others


def changed_manifest(change: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = yaml.safe_load((FUNCTIONS / "lookup" / "function.yaml").read_text())
    return {**whole, **change}


ROUTE = {"operation": "getIt", "method": "GET", "path": "/v1/it", "scope": "psr:read"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"trigger": {"http": [{**ROUTE, "scope": "psr:all"}]}}, "scope", id="a scope that is none"),
        pytest.param(
            {"trigger": {"http": [{k: v for k, v in ROUTE.items() if k != "scope"}]}},
            "scope",
            id="a route without scope",
        ),
        pytest.param({"trigger": {"http": [{**ROUTE, "path": "/it"}]}}, "path", id="a path outside /v1"),
        pytest.param({"trigger": {"http": [{**ROUTE, "method": "DELETE"}]}}, "method", id="a method of no use"),
        pytest.param({"trigger": {}}, "trigger", id="no trigger"),
        pytest.param(
            {"trigger": {"http": [], "schedule": {"cron": "0 3 * * *", "time_zone": "Europe/London"}}},
            "trigger",
            id="two triggers",
        ),
        pytest.param({"permissions": ["owner"]}, "permissions", id="a permission that is none"),
        pytest.param({"settings": ["colour"]}, "settings", id="a setting that is none"),
        pytest.param({"memory": "1Gi"}, "memory", id="an unknown field"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused(change: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Manifest.model_validate(changed_manifest(change))
    assert place in {str(part) for error in refused.value.errors() for part in error["loc"]}
