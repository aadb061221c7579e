"""The architecture page names code that exists, in the file that it names."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
#: `name` (`path`), and `name` in `path`; several names may be joined by "and".
_NAMED = re.compile(r"((?:`[A-Za-z_.]+`(?:, | and )?)+)\s+(?:\(|in\s+)`([a-z_/]+\.py)`")
_CODE = re.compile(r"`([A-Za-z_.]+)`")
PAIRS = sorted({(name, path) for names, path in _NAMED.findall(PAGE) for name in _CODE.findall(names)})


def defined(path: Path) -> set[str]:
    """The names that a module defines: functions, classes, their methods and attributes, and constants."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = [one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            names.update(f"{node.name}.{member}" for member in members)
        if isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return names


def test_the_page_names_enough_to_be_worth_checking() -> None:
    assert len(PAIRS) > 30


@pytest.mark.parametrize(("name", "path"), PAIRS)
def test_a_name_is_defined_in_the_file_that_the_page_gives(name: str, path: str) -> None:
    assert name in defined(ROOT / path)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:shared|functions|ops|tools|tests)/[a-z_/.]+)`", PAGE))))
def test_a_path_exists(path: str) -> None:
    assert (ROOT / path).exists()
