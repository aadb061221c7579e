"""The local stack itself: its processes, its front door, its issuer."""

import httpx
import pytest

from ops.local.layout import FUNCTIONS
from ops.local.stack import Stack
from shared.manifest import read_manifests


@pytest.mark.parametrize("name", read_manifests(FUNCTIONS))
def test_every_function_serves_at_its_own_address(stack: Stack, name: str) -> None:
    assert httpx.get(f"{stack.function_url(name)}/_status").json()["function"] == name


def test_the_front_door_routes_by_method_and_path(stack: Stack) -> None:
    token = {"Authorization": f"Bearer {stack.token('agent')}"}
    registered = httpx.post(f"{stack.url}/v1/registrations", json={}, headers=token)
    assert registered.json()["type"] == "/problems/invalid-content"
    assert httpx.get(f"{stack.url}/_status").json()["function"] == "lookup"
