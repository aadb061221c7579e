"""The front door's rules: every route reaches its function, with any ids in its path."""

import re

import pytest

from shared.runtime.manifest import Manifest, Route, read_manifests
from tools.errors import CommandError
from tools.places import ROOT
from tools.routing import DEFAULT_FUNCTION, Rule, front_door_rules

MANIFESTS = read_manifests(ROOT / "functions")
RULES = front_door_rules(MANIFESTS)
ROUTES = [(route, name) for name, manifest in MANIFESTS.items() for route in manifest.trigger.http or []]


def function_for(method: str, path: str) -> str:
    return next((rule.function for rule in RULES if rule.takes(method, path)), DEFAULT_FUNCTION)


@pytest.mark.parametrize(("route", "name"), ROUTES, ids=[route.operation for route, _ in ROUTES])
def test_every_route_reaches_its_function(route: Route, name: str) -> None:
    path = re.sub(r"\{\w+\}", "0b9f6a52-7d1e-8c3a-9f00-1234567890ab", route.path)
    assert function_for(route.method, path) == name
    if route.method == "GET":
        assert function_for("HEAD", path) == name


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("OPTIONS", "/v1/registrations"),
        ("OPTIONS", "/v1/registrations/0b9f6a52-7d1e-8c3a-9f00-1234567890ab"),
        ("GET", "/_status"),
        ("GET", "/"),
        ("DELETE", "/v1/registrations"),
        ("POST", "/v1/registration"),
    ],
)
def test_preflights_and_unknown_routes_go_to_the_default_function(method: str, path: str) -> None:
    assert function_for(method, path) == DEFAULT_FUNCTION


def test_full_paths_come_before_prefixes_and_longer_prefixes_before_shorter() -> None:
    places = [(rule.match != "full", -len(rule.path)) for rule in RULES]
    assert places == sorted(places)


def manifest(path: str) -> Manifest:
    return Manifest.model_validate(
        {
            "description": "An example.",
            "entry_point": "main",
            "trigger": {"http": [{"operation": "example", "method": "GET", "path": path, "scope": "psr:read"}]},
            "resources": {"memory": "512Mi", "cpu": 1, "timeout_seconds": 60, "concurrency": 10, "max_instances": 2},
            "permissions": [],
        }
    )


def test_routes_that_the_load_balancer_cannot_distinguish_are_refused() -> None:
    with pytest.raises(CommandError, match=r"one and two both want GET /v1/examples/\{id\}:other"):
        front_door_rules({"one": manifest("/v1/examples/{id}"), "two": manifest("/v1/examples/{id}:other")})


def test_routes_of_one_function_that_begin_alike_are_one_rule() -> None:
    rules = front_door_rules({"one": manifest("/v1/examples/{id}")})
    assert rules[:2] == [
        Rule(method=method, match="prefix", path="/v1/examples/", function="one") for method in ("GET", "HEAD")
    ]
