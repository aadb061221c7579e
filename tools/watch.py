"""`python -m tools.watch [TESTS]`: keep the emulators up, and rerun the tests that a changed file concerns.

Without TESTS every test file is a candidate. After each change the tests that changed, or that import a changed module,
run; pytest gets these files only. The first run is of the TESTS that are named. Ctrl-C ends it.
"""

import argparse
import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from rich.console import Console
from watchfiles import watch

from tools.errors import CommandError
from tools.local.emulators import SOURCES
from tools.local.layout import new_layout
from tools.local.stack import Stack
from tools.places import FUNCTIONS, ROOT

_FOLDERS = ("functions", "ops", "shared", "tests", "tools")
_TESTS = ROOT / "tests"
_STACK_FIXTURES, _SHARED_FIXTURES = _TESTS / "conftest.py", _TESTS / "support" / "fixtures.py"
_SOFT = "not soak and not terraform"


def affected_tests(changed: Iterable[Path], candidates: Iterable[Path]) -> list[Path]:
    """The candidates that are among the changed files, or depend on one of them, directly or not."""
    known = {path: dependencies(path) for folder in _FOLDERS for path in (ROOT / folder).rglob("*.py")}
    wanted = {_module_of(path) for path in changed}
    return [path for path in sorted(candidates) if wanted & {*_reached(path, known), *_fixture_files(path)}]


def _module_of(path: Path) -> Path:
    """The module that a file belongs to: a table to its package, a manifest to its function."""
    if path.suffix == ".py":
        return path
    return path.parent / ("main.py" if path.is_relative_to(FUNCTIONS) else "__init__.py")


def _reached(path: Path, known: Mapping[Path, frozenset[Path]]) -> set[Path]:
    reached, following = set[Path](), [path]
    while following:
        one = following.pop()
        if one not in reached:
            reached.add(one)
            following += known.get(one, ())
    return reached


def dependencies(path: Path) -> frozenset[Path]:
    """The files of this repository that a module imports, and those with the fixtures that it names.

    The fixtures of tests/conftest.py start every function.
    """
    return _dependencies(path, path.stat().st_mtime_ns)


@cache
def _dependencies(path: Path, _changed_at: int) -> frozenset[Path]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError:
        return frozenset()
    found = {file for name in _imported_names(tree) if (file := _file_of(name))}
    fixtures = _fixtures_named(tree)
    found.update(file for file in _fixture_files(path) if fixtures & _fixtures_in(file, file.stat().st_mtime_ns))
    if path == _STACK_FIXTURES:
        found.update(FUNCTIONS.glob("*/main.py"))
    return frozenset(found)


def _imported_names(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _fixtures_named(tree: ast.AST) -> set[str]:
    """The arguments of functions, and of `usefixtures`; without the fixtures of the module itself."""
    nodes = list(ast.walk(tree))
    names = {node.arg for node in nodes if isinstance(node, ast.arg)}
    marks = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".usefixtures")]
    names |= {str(name.value) for mark in marks for name in mark.args if isinstance(name, ast.Constant)}
    return names - _fixtures_of(tree)


@cache
def _fixtures_in(path: Path, _changed_at: int) -> set[str]:
    return _fixtures_of(ast.parse(path.read_text(encoding="utf-8")))


def _fixtures_of(tree: ast.AST) -> set[str]:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {node.name for node in functions if any("fixture" in ast.unparse(one) for one in node.decorator_list)}


def _fixture_files(path: Path) -> list[Path]:
    """The files whose fixtures a test can use."""
    if not path.is_relative_to(_TESTS):
        return []
    files = [*(folder / "conftest.py" for folder in path.parents if folder.is_relative_to(_TESTS)), _SHARED_FIXTURES]
    return [file for file in files if file.exists() and file != path]


def _file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _test_files(named: list[str]) -> list[Path]:
    """The test files that are named or in the folders that are named. Raises `CommandError`."""
    files: list[Path] = []
    for name in named or ["tests"]:
        path = (ROOT / name).resolve()
        if not path.exists():
            raise CommandError(f"there is no {name}")
        files += path.rglob("test_*.py") if path.is_dir() else [path]
    return files


def _run(files: list[Path], console: Console) -> None:
    names = [str(file.relative_to(ROOT)) for file in files]
    console.rule(f"{len(names)} test files" if len(names) > 1 else names[0])
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", _SOFT, *names], cwd=ROOT, check=False)


def main(arguments: list[str]) -> None:
    """Run the command line. Raises `CommandError`."""
    parser = argparse.ArgumentParser(prog="make watch", description=__doc__.split("\n")[0].split(": ", 1)[1])
    parser.add_argument("tests", nargs="*", help="test files or folders, as tests/domain")
    named = parser.parse_args(arguments).tests
    candidates = _test_files(named)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="psr-watch-") as home:
        stack = Stack(new_layout(Path(home), {}), console, Path(os.environ.get("PSR_EMULATORS", SOURCES)), crons=False)
        try:
            with console.status("Starting the emulators"):
                stack.start_emulators()
            for name in ("firestore", "pubsub"):
                os.environ[f"{name.upper()}_EMULATOR_HOST"] = stack.layout.emulators[name]
            if named:
                _run(candidates, console)
            console.print("Waiting for a change. Ctrl-C ends.")
            for changes in watch(*(ROOT / folder for folder in _FOLDERS), raise_interrupt=False):
                files = affected_tests((Path(path) for _, path in changes), candidates)
                if files:
                    _run(files, console)
        finally:
            stack.stop()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CommandError as problem:
        sys.exit(f"error: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
