"""The smoke test notices a function that is missing, broken, or runs another build, one without a route too."""

from typing import Any

import pytest

from ops.release import deployed_functions
from ops.smoke import differences
from tools.bundle.release import Release, build
from tools.places import ROOT


@pytest.fixture(scope="module")
def release() -> Release:
    return build(ROOT).release


def deployed(release: Release) -> dict[str, dict[str, Any]]:
    """The release's functions as the platform lists them."""
    return {
        name: {
            "name": f"projects/p/locations/europe-west2/functions/{name.replace('_', '-')}",
            "state": "ACTIVE",
            "serviceConfig": {"environmentVariables": {"PSR_BUILD": bundled.sha256}},
        }
        for name, bundled in release.functions.items()
    }


def test_a_deployment_of_the_release_is_right(release: Release) -> None:
    assert differences(list(deployed(release).values()), release.functions) == []


@pytest.mark.parametrize("name", ["lookup", "consume_migration", "erase_ended", "quarantine_dead_letters", "pages"])
def test_a_function_that_differs_is_named(name: str, release: Release) -> None:
    functions = deployed(release)
    broken = {**functions[name], "state": "FAILED"}
    other = {**functions[name], "serviceConfig": {"environmentVariables": {"PSR_BUILD": "another"}}}
    rest = [function for key, function in functions.items() if key != name]
    assert differences(rest, release.functions) == [f"{name} is not deployed"]
    assert differences([*rest, broken], release.functions) == [f"{name} is FAILED"]
    assert differences([*rest, other], release.functions) == [
        f"{name} runs the build another, not the one that was deployed"
    ]


def test_an_environment_without_pages_lacks_their_function_only(release: Release) -> None:
    assert deployed_functions(release, {"pages": {"domain": "priority.example.org"}}) == release.functions
    for given in ({}, {"pages": None}):
        assert release.functions.keys() - deployed_functions(release, given) == {"pages"}
