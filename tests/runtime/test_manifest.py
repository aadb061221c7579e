"""Manifests are checked before anything starts."""

from functools import cache
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from shared.runtime.manifest import Manifest
from shared.settings import Settings
from tests.support.settings import settings_read
from tools.bundle.contents import ImportGraph
from tools.functions import read_functions
from tools.places import FUNCTIONS, ROOT

MANIFESTS = read_functions(FUNCTIONS)
#: Settings that a function starts without.
OPTIONAL = {"function", "simulated_clock"}
#: Settings with a default whose value Terraform has: a function gets them if its manifest names them.
GIVEN = {"pages_return_origins"}
NEEDED = {name for name, field in Settings.model_fields.items() if field.default is None} - OPTIONAL


def test_every_function_has_what_it_needs_and_a_description() -> None:
    assert MANIFESTS.keys() == {path.parent.name for path in FUNCTIONS.glob("*/main.py")}
    assert all(manifest.description.endswith(".") for manifest in MANIFESTS.values())


@cache
def import_graph() -> ImportGraph:
    return ImportGraph(ROOT, MANIFESTS)


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_names_the_settings_that_its_function_reads_and_that_have_no_default(name: str) -> None:
    own = [path.read_bytes() for path in (FUNCTIONS / name).glob("*.py")]
    files = [*import_graph().shared_files(name).values(), *own]
    read = set().union(*(settings_read(file) for file in files if b"settings" in file))
    manifest = MANIFESTS[name]
    assert sorted([*manifest.settings, *manifest.secrets]) == sorted((NEEDED | GIVEN) & read)


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
