"""Imports of tests and benchmarks from tests: their own folder and `tests.support`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("benchmarks", "functions", "ops", "shared", "tests", "tools")


def imports(tree: ast.AST) -> Iterator[str]:
    """Each module, and each name of a module, that a syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def faults(place: str, text: str) -> list[str]:
    """Imports that the file at `place` must not have."""
    folder = place.rpartition("/")[0].replace("/", ".")
    found = []
    for name in imports(ast.parse(text)):
        parts = name.split(".")
        if name.startswith("."):
            found.append(f"{place}: imports {name}: write the whole name")
        elif parts[0] != "tests":
            continue
        elif not place.startswith("tests/"):
            found.append(f"{place}: imports {name}: move what it needs to tools/")
        elif any(part == "conftest" or part.startswith("test_") for part in parts[1:3]):
            found.append(
                f"{place}: imports {name}: move what both need to a module, in tests/support if folders share it"
            )
        elif parts[1] != "support" and ".".join(parts[:2]) != folder:
            found.append(f"{place}: imports {name}: move what both need to tests/support/")
    return found


def test_code_imports_from_its_own_folder_and_from_support() -> None:
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert [fault for path in paths for fault in faults(path.relative_to(ROOT).as_posix(), path.read_text())] == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("tests/export/test_days.py", "from tests.store.calls import Calls"),
        ("tests/export/test_days.py", "from tests.export.test_tables import row"),
        ("tests/export/test_days.py", "from tests.export import test_tables"),
        ("tests/export/test_days.py", "from tests.export.conftest import world"),
        ("tests/export/test_days.py", "def test_a() -> None:\n    import tests.conftest"),
        ("tests/export/test_days.py", "from .samples import submitted"),
        ("tests/conftest.py", "from tests.export import samples"),
        ("tests/support/fixtures.py", "from tests.export.samples import submitted"),
        ("benchmarks/counts.py", "from tests.support.events import customer"),
        ("tools/sample.py", "import tests"),
    ],
)
def test_another_import_is_found(place: str, text: str) -> None:
    assert len(faults(place, text)) == 1


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (
            "tests/export/test_days.py",
            "from tests.export.samples import submitted",
        ),
        ("tests/world/test_world.py", "from tests.world import cast"),
        ("tests/benchmarks/test_counts.py", "from benchmarks.counts import OPERATIONS"),
        ("tests/conftest.py", "from tests.support.proxied_stack import ProxiedStack"),
    ],
)
def test_an_import_of_the_own_folder_or_of_support_is_allowed(place: str, text: str) -> None:
    assert faults(place, text) == []
