"""Bundles: complete, the same bytes everywhere, and renamed only if their content changed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from shared.runtime.manifest import Manifest
from tools.bundle.contents import requirements
from tools.bundle.release import RUNTIME, Built, build
from tools.bundle.sbom import locked_packages
from tools.places import ROOT

COPIED = ("functions", "ops", "requirements", "shared", "tools")


@pytest.fixture(scope="module")
def built() -> Built:
    return build(ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The parts of the repository that bundles are made of."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def bundle(root: Path, python: str = sys.executable) -> dict[str, str]:
    """Bundle in a process of its own; the object of each function."""
    done = subprocess.run((python, "-m", "tools.bundle"), cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    release = json.loads((root / "dist" / "release.json").read_text())
    return {name: function["object"] for name, function in release["functions"].items()}


def files_of(built: Built, name: str) -> set[str]:
    return set(ZipFile(BytesIO(built.objects[built.release.functions[name].object])).namelist())


def test_a_copy_elsewhere_with_other_times_and_modes_has_the_same_bundles(copy: Path, built: Built) -> None:
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o755)
    bundle(copy)
    assert {
        path.relative_to(copy / "dist/bundles").as_posix(): path.read_bytes()
        for path in copy.rglob("dist/**/*.*")
        if path.suffix != ".json" or path.name.endswith("cdx.json")
    } == built.objects


def test_a_bundle_holds_its_function_its_imports_their_data_and_its_requirements(built: Built) -> None:
    for name in built.release.functions:
        files = files_of(built, name)
        assert {"main.py", "function.yaml", "requirements.txt", "shared/__init__.py", "shared/settings.py"} <= files
        assert {path.split("/")[0] for path in files} <= {
            "main.py",
            "function.yaml",
            "requirements.txt",
            "shared",
            "functions",
        }
        assert {path for path in files if path.startswith("functions/")} == {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "functions" / name).rglob("*")
            if path.is_file() and path.name not in {"main.py", "function.yaml"} and "__pycache__" not in path.parts
        }
        assert not any(path.endswith(".pyc") for path in files)
        if "shared/data/__init__.py" in files:
            assert {f"shared/data/{path.name}" for path in (ROOT / "shared/data").glob("*.csv")} <= files
    assert "shared/messages/push.py" not in files_of(built, "lookup")
    assert "shared/http/callers.py" not in files_of(built, "consume_migration")


def test_a_folder_of_a_function_is_in_its_bundle(copy: Path) -> None:
    pages = copy / "functions/pages"
    for place in ("templates/a.html", "static/a.css", "words/a.toml", "a_module.py"):
        (pages / place).parent.mkdir(exist_ok=True)
        (pages / place).write_text("a = 1\n")
    (name,) = (name for name in bundle(copy).values() if name.startswith("pages/"))
    files = ZipFile(copy / "dist" / "bundles" / name).namelist()
    for place in ("templates/a.html", "static/a.css", "words/a.toml", "a_module.py"):
        assert f"functions/pages/{place}" in files


def everything(_: Manifest) -> bool:
    return True


def takes_messages(manifest: Manifest) -> bool:
    return manifest.trigger.pubsub is not None


def takes_requests(manifest: Manifest) -> bool:
    return manifest.trigger.http is not None


@pytest.mark.parametrize(
    ("changed", "concerned"),
    [
        ("shared/settings.py", everything),
        ("shared/messages/push.py", takes_messages),
        ("shared/http/callers.py", takes_requests),
    ],
)
def test_changing_a_shared_module_renames_exactly_the_bundles_of_the_functions_that_import_it(
    changed: str, concerned: Callable[[Manifest], bool], copy: Path, built: Built
) -> None:
    module = copy / changed
    module.write_text(module.read_text() + "\n# changed\n")
    before = {name: function.object for name, function in built.release.functions.items()}
    renamed = {name for name, place in bundle(copy).items() if place != before[name]}
    assert renamed == {name for name, function in built.release.functions.items() if concerned(function.manifest)}


def test_a_function_may_not_import_what_is_not_deployed(copy: Path) -> None:
    main = copy / "functions/lookup/main.py"
    main.write_text("import functions.register.main\nfrom tools.errors import CommandError\n" + main.read_text())
    done = subprocess.run((sys.executable, "-m", "tools.bundle"), cwd=copy, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (
        1,
        "error: lookup imports what cannot be in its bundle: functions.register.main, tools",
    )


def test_every_bundle_has_an_inventory_of_its_own_locked_packages(built: Built) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    for name, function in built.release.functions.items():
        text = built.objects[function.object.replace(".zip", ".cdx.json")].decode()
        assert validator.validate_str(text) is None
        inventory = json.loads(text)
        locked = locked_packages(requirements(ROOT, name, function.manifest), RUNTIME)
        assert {part["name"]: part["version"] for part in inventory["components"]} == locked
        assert inventory["metadata"]["component"]["version"] == function.sha256


@pytest.mark.soak
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_makes_the_same_bundles(version: str, copy: Path, built: Built, tmp_path: Path) -> None:
    uv = (sys.executable, "-m", "uv")
    pyenv = {**os.environ, "PYENV_VERSION": version}
    found = subprocess.run((*uv, "python", "find", version), env=pyenv, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"this machine has no Python {version}")
    environment = tmp_path / "venv"
    python = str(environment / "bin" / "python")
    subprocess.run((*uv, "venv", "--quiet", "--python", found.stdout.strip(), environment), check=True)
    subprocess.run(
        (*uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", "requirements/dev.txt"),
        cwd=ROOT,
        check=True,
    )
    assert bundle(copy, python) == {name: function.object for name, function in built.release.functions.items()}
