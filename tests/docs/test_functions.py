"""Pages that list the functions have all of them."""

import re

import pytest

from shared.runtime.manifest import read_manifests
from tools.places import FUNCTIONS, ROOT

MANIFESTS = read_manifests(FUNCTIONS)
#: By trigger: the name of its column in the README.
TRIGGERS = {"http": "HTTP", "pages": "HTTP", "pubsub": "Pub/Sub", "schedule": "Cloud Scheduler"}


def page(place: str) -> str:
    return (ROOT / place).read_text(encoding="utf-8")


def trigger(name: str) -> str:
    given = MANIFESTS[name].trigger
    return next(words for kind, words in TRIGGERS.items() if getattr(given, kind) is not None)


def test_the_readme_lists_every_function_with_its_trigger() -> None:
    listed = re.findall(r"^  (\w+) +(HTTP|Pub/Sub|Cloud Scheduler): \w", page("README.md"), re.MULTILINE)
    assert sorted(listed) == sorted((name, trigger(name)) for name in MANIFESTS)


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_architecture_page_draws_every_function(name: str) -> None:
    assert f'["{name}"]' in page("docs/architecture.md"), f"add {name} to the diagram"


def test_the_example_of_the_doctor_counts_functions() -> None:
    example = page("docs/runbooks/README.md")
    assert f" {len(MANIFESTS)} serve, " in example
