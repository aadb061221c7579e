"""Each bundle's locked requirements hold every package that its code imports, wherever the import stands."""

import ast
import sys
from importlib.metadata import distributions
from io import BytesIO
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name

from tools.bundle.release import RUNTIME, build
from tools.bundle.sbom import locked_packages
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
