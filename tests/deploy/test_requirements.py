"""Each bundle's locked requirements hold every package that its code imports, wherever it does, and no more."""

import ast
import sys
from importlib.metadata import distributions, requires
from io import BytesIO
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.bundle.release import RUNTIME, build
from tools.bundle.sbom import locked_packages
from tools.locks import asked, read_lock
from tools.places import ROOT

BUILT = build(ROOT)
#: The installed package that each module's file belongs to.
OWNERS = {
    str(path): canonicalize_name(found.metadata["Name"])
    for found in distributions()
    for path in found.files or []
    if path.suffix in {".py", ".so"}
}


def imported(code: str) -> set[str]:
    """Every module that code imports, and every name from one, which may be a module too."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def owner(module: str) -> str | None:
    """The package that has a module, found from the inside out."""
    parts = module.split(".")
    while parts:
        place = "/".join(parts)
        if found := OWNERS.get(f"{place}/__init__.py") or OWNERS.get(f"{place}.py"):
            return found
        parts.pop()
    return None


@pytest.mark.parametrize("name", list(BUILT.release.functions))
def test_a_bundle_requires_what_it_imports(name: str) -> None:
    bundle = ZipFile(BytesIO(BUILT.objects[BUILT.release.functions[name].object]))
    modules = set().union(*(imported(bundle.read(path).decode()) for path in bundle.namelist() if path.endswith(".py")))
    own = {path.partition("/")[0].removesuffix(".py") for path in bundle.namelist()}
    foreign = {module for module in modules if module.split(".")[0] not in own | sys.stdlib_module_names}
    locked = locked_packages(bundle.read("requirements.txt").decode(), RUNTIME)
    assert {module: owner(module) for module in foreign if owner(module) not in locked} == {}
    assert set(BUILT.release.functions[name].manifest.packages) - set(map(owner, foreign)) == set()


@pytest.mark.parametrize("name", list(BUILT.release.functions))
def test_a_bundle_requires_what_the_metadata_of_its_packages_ask_for(name: str) -> None:
    """The installed packages' own metadata, extras and markers included, say the same as the notes in the lock file."""
    bundle = ZipFile(BytesIO(BUILT.objects[BUILT.release.functions[name].object]))
    locked = {pin.name for pin in read_lock(bundle.read("requirements.txt").decode()) if pin.applies()}
    direct = {canonicalize_name(one.name): one for one in asked(ROOT / "requirements" / "functions.in")}
    base = {canonicalize_name(one.name) for one in asked(ROOT / "requirements" / "base.in")}
    own = map(canonicalize_name, BUILT.release.functions[name].manifest.packages)
    waiting = [direct[package] for package in {*base, *own}]
    needed: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        for extra in {"", *wanted.extras}:
            part = (canonicalize_name(wanted.name), extra)
            if part not in needed:
                needed.add(part)
                waiting += [one for one in map(Requirement, requires(wanted.name) or []) if applies(one, extra)]
    assert {package for package, _ in needed} == locked


def applies(wanted: Requirement, extra: str) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({"extra": extra})
