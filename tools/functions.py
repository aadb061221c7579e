"""Every function of the repository, checked before anything is started, bundled or deployed.

A function has a folder with a manifest and a `main.py`. Only the service's own wiring makes its entry point: an `Api`
checks access tokens, and neither it nor a `Site`, a `Consumer` or a `Scheduled` lets an exception escape. A `main.py`
with another entry point checks no token, so it never gets a bundle, and the local stack does not start.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from shared.runtime.manifest import Manifest, ManifestError, Trigger, read_manifest
from tools.errors import CommandError
from tools.routing import DEFAULT_FUNCTION

_MAIN, _MANIFEST = "main.py", "function.yaml"
#: By trigger: the class that makes the entry point, and its module.
_WIRING = {
    "http": ("Api", "shared.http.api"),
    "pages": ("Site", "shared.runtime.site"),
    "pubsub": ("Consumer", "shared.messages.push"),
    "schedule": ("Scheduled", "shared.schedule.scheduled"),
}


def read_functions(functions: Path) -> dict[str, Manifest]:
    """The manifests of all functions, by name. Raises `CommandError` with everything that is missing or wrong."""
    manifests: dict[str, Manifest] = {}
    faults: list[str] = []
    for folder in sorted({path.parent for name in (_MAIN, _MANIFEST) for path in functions.glob(f"*/{name}")}):
        try:
            manifests[folder.name] = read_manifest(folder)
        except ManifestError as error:
            faults.append(str(error))
        faults += _main_faults(folder, manifests.get(folder.name))
    faults = faults or [*_repeated(manifests), *_methods_not_named(manifests)]
    if faults:
        raise CommandError("\n".join(faults))
    return manifests


def _main_faults(folder: Path, manifest: Manifest | None) -> Iterator[str]:
    """The faults of a function's main.py."""
    path = folder / _MAIN
    place = f"functions/{folder.name}/{_MAIN}"
    if not path.exists():
        yield f"{place} is missing"
    elif manifest is not None:
        name, module = _WIRING[_kind(manifest.trigger)]
        if not _is_entry_point(ast.parse(path.read_text(encoding="utf-8")), name, module):
            yield (
                f"{place} bypasses the guard: its only `main` must be `main = wiring.function()`, where `wiring` is "
                f"{name}(__file__) of {module}, since the trigger is {_kind(manifest.trigger)}"
            )


def _is_entry_point(module: ast.Module, class_name: str, class_module: str) -> bool:
    """Whether a module binds `main` once, to `wiring.function()`, and `wiring` once, to `Class(__file__, …)`."""
    bound = [(name, statement) for statement in module.body for name in _names_bound(statement)]

    def only(name: str) -> ast.stmt | None:
        statements = [statement for one, statement in bound if one == name]
        return statements[0] if len(statements) == 1 else None

    match only("main"):
        case ast.Assign(value=ast.Call(func=ast.Attribute(value=ast.Name(id=wiring), attr="function"), args=[])):
            pass
        case _:
            return False
    match only(wiring):
        case ast.Assign(value=ast.Call(func=ast.Name(id=made_by), args=[ast.Name(id="__file__")])):
            pass
        case _:
            return False
    match only(made_by):
        case ast.ImportFrom(module=source, level=0) if made_by == class_name:
            return source == class_module
    return False


def _names_bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module binds, also those inside its blocks."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case _:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                    yield node.id


def _kind(trigger: Trigger) -> str:
    return next(kind for kind in _WIRING if getattr(trigger, kind) is not None)


def _repeated(manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """Operations and routes that two functions have, or one has twice."""
    seen: dict[tuple[str, ...], str] = {}
    for name, manifest in manifests.items():
        for route in manifest.trigger.http or []:
            for key in ((route.operation,), (route.method, route.path)):
                if key in seen:
                    yield f"functions/{name}/{_MANIFEST}: {' '.join(key)} is also in functions/{seen[key]}/{_MANIFEST}"
                seen.setdefault(key, name)


def _methods_not_named(manifests: Mapping[str, Manifest]) -> Iterator[str]:
    """Methods of other functions that the default function needs for its 405, and does not name or names in vain."""
    served: dict[str, set[str]] = {}
    for name, manifest in manifests.items():
        for route in (manifest.trigger.http or []) if name != DEFAULT_FUNCTION else []:
            served.setdefault(route.path, set()).add(route.method)
    default = manifests.get(DEFAULT_FUNCTION)
    named = {path: set(methods) for path, methods in default.elsewhere.items()} if default else {}
    for path in sorted(served.keys() | named.keys()):
        if served.get(path, set()) != named.get(path, set()):
            methods = ", ".join(sorted(served.get(path, set())))
            wanted = f"must be `{path}: [{methods}]`" if methods else f"must not name {path}"
            yield f"functions/{DEFAULT_FUNCTION}/{_MANIFEST}: `elsewhere` {wanted}, as the other functions serve it"
