"""The files of a function's bundle: its folder, the `shared` modules that it imports, its locked requirements."""

from collections.abc import Iterable
from pathlib import Path

import grimp

from shared.runtime.manifest import Manifest
from tools.errors import CommandError
from tools.locks import asked, closure, read_lock

SHARED = "shared"
#: Never in a bundle: tools, tests, and what belongs to other functions.
NOT_DEPLOYED = frozenset({"ops", "tools", "tests", "functions"})
#: The packages that every function needs, and the lock file of all functions.
_BASE, _LOCK = "requirements/base.in", "requirements/functions.txt"

#: The files of a function's folder that are at the top of its bundle.
_TOP = frozenset({"main.py", "function.yaml"})

Files = dict[str, bytes]


class ImportGraph:
    """The imports among the functions and `shared`, wherever in a module they are."""

    def __init__(self, root: Path, functions: Iterable[str]) -> None:
        self._root = root
        self._graph = grimp.build_graph(
            SHARED, *(f"functions.{name}" for name in functions), include_external_packages=True, cache_dir=None
        )

    def shared_modules(self, name: str) -> set[str]:
        """The modules of `shared` that a function imports, directly or not, and the packages that they are in.

        Raises `CommandError` if it imports what is not deployed or belongs to another function.
        """
        imported = self._graph.find_upstream_modules(f"functions.{name}", as_package=True)
        strangers = {module for module in imported if module.split(".")[0] in NOT_DEPLOYED}
        if strangers:
            raise CommandError(f"{name} imports what cannot be in its bundle: {', '.join(sorted(strangers))}")
        modules = {module for module in imported if module.split(".")[0] == SHARED}
        return {package for module in modules for package in _with_parents(module)}

    def shared_files(self, name: str) -> Files:
        """The files of those modules, and the data files next to the packages among them."""
        files = {}
        for module in self.shared_modules(name):
            path = self._root.joinpath(*module.split("."))
            if path.is_dir():
                files.update({f"{module.replace('.', '/')}/{p.name}": p for p in path.iterdir() if _belongs(p)})
            else:
                files[f"{module.replace('.', '/')}.py"] = path.with_suffix(".py")
        return {place: path.read_bytes() for place, path in files.items()}


def bundle_files(root: Path, name: str, manifest: Manifest, graph: ImportGraph) -> Files:
    """Every file of a function's bundle by its place in it.

    `main.py` and the manifest are at the top, as the platform wants it. The function's other files keep their place in
    the repository, so that its modules have the same names everywhere (`functions.pages.session`).

    Raises `CommandError` if two files have the same place, or the graph does.
    """
    folder = root / "functions" / name
    own = {
        path.relative_to(folder if path.name in _TOP else root).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    rest = {**graph.shared_files(name), "requirements.txt": requirements(root, name, manifest).encode()}
    if clash := own.keys() & rest.keys():
        raise CommandError(f"{name} has files where its bundle needs others: {', '.join(sorted(clash))}")
    return own | rest


def requirements(root: Path, name: str, manifest: Manifest) -> str:
    """The part of the functions' lock file that a function needs, as a lock file. Raises `CommandError`."""
    lock = read_lock((root / _LOCK).read_text(encoding="utf-8"))
    try:
        pins = closure(lock, [*(base.name for base in asked(root / _BASE)), *manifest.packages])
    except CommandError as problem:
        raise CommandError(f"functions/{name}/function.yaml: packages: {problem}") from None
    return "".join(pin.text for pin in pins)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _belongs(path: Path) -> bool:
    """Whether a file next to a package's modules comes with the package: its own `__init__.py`, and data."""
    return path.is_file() and (path.name == "__init__.py" or path.suffix not in {".py", ".pyc"})
