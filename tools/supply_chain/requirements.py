"""Every version pinned and hashed, every lock file as its .in asks, and nothing else installed."""

from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tools.errors import CommandError
from tools.locks import Pin, asked, included, read_lock
from tools.supply_chain.result import Result

#: `python -m venv` brings them with Python.
_OF_PYTHON = {"pip", "setuptools"}
#: What the environment of developers and tests is made of (`make`, and java.txt where there is no Java).
DEVELOPMENT = ("dev", "java", "uv")
#: The lock file of everything that is deployed, and its part that every function needs.
FUNCTIONS, _BASE = "functions", "base"

Locks = dict[str, list[Pin]]


def read_locks(folder: Path) -> tuple[Locks, list[str]]:
    """Every lock file by name, and what is wrong with those that cannot be read."""
    locks, findings = {}, []
    for path in sorted(folder.glob("*.txt")):
        try:
            locks[path.stem] = read_lock(path.read_text(encoding="utf-8"))
        except CommandError as problem:
            findings.append(f"{path.name}: {problem}")
    return locks, findings


def check(folder: Path, packages: Collection[str], installed: Mapping[str, Iterable[Distribution]]) -> Result:
    """Check the lock files in a folder. `packages` are those that manifests name, `installed` is by environment."""
    locks, findings = read_locks(folder)
    sources = {path.stem: path for path in folder.glob("*.in")}
    parts = set().union(*map(included, sources.values())) - {FUNCTIONS}
    there = {path.stem for path in folder.glob("*.txt")}
    findings += [f"{name}.in and {name}.txt: one is missing" for name in sorted((sources.keys() - parts) ^ there)]
    for name in sorted(sources.keys() & locks.keys()):
        findings += _disagreements(name, asked(sources[name]), locks[name])
    strangers = sorted(_versions(locks.get(FUNCTIONS, [])) - _versions(locks.get("dev", [])))
    findings += [f"{FUNCTIONS}.txt: {package} {version} is not what dev.txt tests" for package, version in strangers]
    findings += _unused(sources, packages)
    for name, distributions in installed.items():
        findings += _intruders(name, distributions, locks)
    count = len(_versions(pin for pins in locks.values() for pin in pins))
    said = f"{len(locks)} lock files, {count} versions; environments: {', '.join(sorted(installed))}"
    return Result(said, findings)


def _unused(sources: Mapping[str, Path], packages: Collection[str]) -> list[str]:
    """What functions.in adds to base.in without any function that needs it."""
    added = _names(sources, FUNCTIONS) - _names(sources, _BASE) - {canonicalize_name(name) for name in packages}
    return [f"{FUNCTIONS}.in: no function.yaml names {name} in its packages" for name in sorted(added)]


def _names(sources: Mapping[str, Path], name: str) -> set[NormalizedName]:
    return {canonicalize_name(one.name) for one in asked(sources[name])} if name in sources else set()


def _disagreements(name: str, wanted: list[Requirement], pins: list[Pin]) -> list[str]:
    versions: dict[NormalizedName, list[str]] = {}
    for pin in pins:
        versions.setdefault(pin.name, []).append(pin.version)
    return [
        f"{name}.txt: not what {name}.in asks for: {requirement}"
        for requirement in wanted
        if not any(map(requirement.specifier.contains, versions.get(canonicalize_name(requirement.name), [])))
    ]


def _intruders(name: str, distributions: Iterable[Distribution], locks: Locks) -> list[str]:
    """What is installed in a tool's environment without being locked for it."""
    sources = DEVELOPMENT if name == "dev" else (name,)
    locked = _versions(pin for source in sources for pin in locks.get(source, []))
    there = {(str(canonicalize_name(found.metadata["Name"])), found.version) for found in distributions}
    return [
        f"installed for {name}, not locked: {package} {version}"
        for package, version in sorted(there - locked)
        if package not in _OF_PYTHON
    ]


def _versions(pins: Iterable[Pin]) -> set[tuple[str, str]]:
    return {(str(pin.name), pin.version) for pin in pins}
