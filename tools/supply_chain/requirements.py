"""Every version pinned and hashed, every lock file as its .in asks, and nothing else installed."""

from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tools.errors import CommandError
from tools.locks import Pin, read_lock
from tools.supply_chain.result import Result

#: `python -m venv` brings them with Python.
_OF_PYTHON = {"pip", "setuptools"}
#: What the environment of developers and tests is made of (`make`, and java.txt where there is no Java).
DEVELOPMENT = ("dev", "java", "uv")

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


def check(folder: Path, deployed: Iterable[str], installed: Mapping[str, Iterable[Distribution]]) -> Result:
    """Of the lock files in a folder: `deployed` names those of functions, `installed` is what is there by tool."""
    locks, findings = read_locks(folder)
    asked = {path.stem: _asked(path) for path in folder.glob("*.in")}
    there = {path.stem for path in folder.glob("*.txt")}
    findings += [f"{name}.in and {name}.txt: one is missing" for name in sorted(asked.keys() ^ there)]
    for name in sorted(asked.keys() & locks.keys()):
        findings += _disagreements(name, asked[name], locks[name])
    tested = _versions(locks.get("dev", []))
    for name in sorted(set(deployed) & locks.keys()):
        strangers = sorted(_versions(locks[name]) - tested)
        findings += [f"{name}.txt: {package} {version} is not what dev.txt tests" for package, version in strangers]
    for name, distributions in installed.items():
        findings += _intruders(name, distributions, locks)
    count = len(_versions(pin for pins in locks.values() for pin in pins))
    said = f"{len(locks)} lock files, {count} versions; environments: {', '.join(sorted(installed))}"
    return Result(said, findings)


def _asked(path: Path) -> list[Requirement]:
    """What an .in file names, and what those name that it includes."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += _asked(path.with_name(line.removeprefix("-r ").strip()))
        elif line and not line.startswith("#"):
            found.append(Requirement(line))
    return found


def _disagreements(name: str, asked: list[Requirement], pins: list[Pin]) -> list[str]:
    versions: dict[NormalizedName, list[str]] = {}
    for pin in pins:
        versions.setdefault(pin.name, []).append(pin.version)
    return [
        f"{name}.txt: not what {name}.in asks for: {requirement}"
        for requirement in asked
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
