"""The local stack itself: its processes, its front door, its issuer."""

import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from shared.runtime.manifest import read_manifests
from tools.errors import CommandError
from tools.local.layout import Layout, new_layout
from tools.local.stack import Stack
from tools.places import COMMANDS, FUNCTIONS


def test_the_stack_sets_every_setting_that_a_manifest_names(tmp_path: Path) -> None:
    named = {f"PSR_{name.upper()}" for manifest in read_manifests(FUNCTIONS).values() for name in manifest.settings}
    assert sorted(named - new_layout(tmp_path, {}).environment().keys()) == []


@pytest.mark.parametrize("name", read_manifests(FUNCTIONS))
def test_every_function_serves_at_its_own_address(stack: Stack, name: str) -> None:
    report = httpx.get(f"{stack.function_url(name)}/_status").json()
    assert (report["function"], report["build"]) == (name, stack.layout.project)


def test_the_front_door_routes_by_method_and_path(stack: Stack) -> None:
    token = {"Authorization": f"Bearer {stack.token('agent')}"}
    registered = httpx.post(f"{stack.url}/v1/registrations", json={}, headers=token)
    assert registered.json()["type"] == "/problems/invalid-content"
    assert httpx.get(f"{stack.url}/_status").json()["function"] == "lookup"


def test_the_environment_file_puts_psr_and_the_virtual_environment_on_the_path(stack: Stack) -> None:
    script = 'source "$0" && command -v psr python nox && python -c "import typer"'
    command = ("bash", "-c", script, stack.layout.home / "env")
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    environment = Path(sys.executable).parent
    assert found == [str(COMMANDS / "psr"), str(environment / "python"), str(environment / "nox")]


def test_the_gateway_has_a_status_of_its_own(stack: Stack) -> None:
    report = httpx.get(f"{stack.url}/dev/status").json()
    assert report == {"function": "gateway", "build": stack.layout.project}


@pytest.mark.parametrize("name", ["storage", "register"])
def test_a_port_taken_since_it_was_chosen_ends_the_start_in_one_line(
    emulators: Layout, tmp_path: Path, name: str
) -> None:
    running = {emulator: emulators.emulators[emulator] for emulator in ("firestore", "pubsub")}
    layout = new_layout(tmp_path, running)
    port = layout.functions.get(name) or int(layout.emulators["storage"].rpartition(":")[2])
    with closing(socket.create_server(("127.0.0.1", port))), pytest.raises(CommandError) as problem:
        Stack(layout, Console(quiet=True)).start()
    said = f"port {port} on 127.0.0.1 was free and is now in use, so {name} cannot start: try again"
    assert str(problem.value) == said
