"""Every bundle starts under functions-framework in an empty folder, as the platform starts it.

The everyday test uses this environment's packages; the soak test gives each bundle an environment of its own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from ops.smoke import check_service
from tools.bundle.release import Built, build
from tools.errors import CommandError
from tools.local.layout import new_layout
from tools.local.processes import LOOPBACK, Child, end_all, free_ports
from tools.places import ROOT


@pytest.fixture(scope="module")
def built() -> Built:
    return build(ROOT)


def unpack(built: Built, name: str, folder: Path) -> Path:
    """A bundle's content in a folder that is named as on the platform."""
    workspace = folder / name / "workspace"
    ZipFile(BytesIO(built.objects[built.release.functions[name].object])).extractall(workspace)
    return workspace


def start(built: Built, name: str, workspace: Path, python: Path, port: int) -> Child:
    function = built.release.functions[name]
    given = new_layout(workspace.parent, {}).environment()
    required = [*function.manifest.settings, *function.manifest.secrets]
    needed = {name: given[name] for name in (f"PSR_{setting.upper()}" for setting in required)}
    environment = {
        "PATH": os.environ["PATH"],
        "FIRESTORE_EMULATOR_HOST": f"{LOOPBACK}:1",
        "FUNCTION_TARGET": function.manifest.entry_point,
        "FUNCTION_USE_ASGI": "true",
        "LOG_EXECUTION_ID": "true",
        "PORT": str(port),
        "PSR_BUILD": function.sha256,
        "PSR_FUNCTION": name,
        "PSR_PROJECT": "a-project",
        **needed,
    }
    command = (str(python.with_name("functions-framework")),)
    child = Child(name, command, port, workspace.parent / "log", environment, workspace)
    child.start()
    return child


def builds(children: list[Child]) -> dict[str, str]:
    """The build that each process reports. Each serves although no service that it depends on runs."""

    def build_of(child: Child) -> str:
        child.wait_until_ready()
        status = httpx.get(f"http://{LOOPBACK}:{child.port}/_status", timeout=30).json()
        assert (status["function"], status["status"]) == (child.name, "serving")
        return str(status["build"])

    with ThreadPoolExecutor(len(children)) as pool:
        return dict(zip((child.name for child in children), pool.map(build_of, children), strict=True))


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    end_all(started)


def hashes(built: Built) -> dict[str, str]:
    return {name: function.sha256 for name, function in built.release.functions.items()}


def test_every_bundle_starts_from_an_empty_folder(built: Built, tmp_path: Path, children: list[Child]) -> None:
    for name, port in zip(built.release.functions, free_ports(len(built.release.functions)), strict=True):
        children.append(start(built, name, unpack(built, name, tmp_path), Path(sys.executable), port))
    assert builds(children) == hashes(built)


def test_the_smoke_test_passes_on_what_was_deployed_and_names_what_was_not(
    built: Built, tmp_path: Path, children: list[Child]
) -> None:
    (port,) = free_ports(1)
    function = built.release.default_function
    children.append(start(built, function, unpack(built, function, tmp_path), Path(sys.executable), port))
    builds(children)
    url, sha256 = f"http://{LOOPBACK}:{port}", built.release.functions[function].sha256
    check_service(url, sha256)
    with pytest.raises(CommandError, match="not the one that was deployed"):
        check_service(url, "0" * 64)
    with pytest.raises(CommandError, match="does not answer properly: ConnectError"):
        check_service(f"http://{LOOPBACK}:1", sha256)


@pytest.mark.soak
def test_every_bundle_starts_with_only_its_own_requirements(
    built: Built, tmp_path: Path, children: list[Child]
) -> None:
    uv = (sys.executable, "-m", "uv")
    environments: dict[bytes, Path] = {}
    for name, port in zip(built.release.functions, free_ports(len(built.release.functions)), strict=True):
        workspace = unpack(built, name, tmp_path)
        requirements = workspace / "requirements.txt"
        python = environments.get(requirements.read_bytes())
        if python is None:
            python = tmp_path / f"venv-{name}" / "bin" / "python"
            subprocess.run((*uv, "venv", "--quiet", "--python", sys.executable, python.parents[1]), check=True)
            install = (*uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", requirements)
            subprocess.run(install, check=True)
            environments[requirements.read_bytes()] = python
        children.append(start(built, name, workspace, python, port))
    assert builds(children) == hashes(built)
