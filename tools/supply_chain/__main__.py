"""`python -m tools.supply_chain`: every check of what the service is made of, one line each.
`nox -s security` calls it.

Ends with status 1 if anything is found, else with 3 if the vulnerabilities could not be looked up, which
`--allow-unaudited` lets pass. `--write-licences` writes docs/licences.md instead.
"""

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from shared.runtime.manifest import read_manifests
from tools.bundle.release import build
from tools.supply_chain import licences, requirements, secret_scan, vulnerabilities
from tools.supply_chain.result import Result

#: Where the environments are of tools that have one of their own (noxfile.py).
TOOLS = Path(".local", "tools")
_FOUND, _UNCHECKED = 1, 3
#: Those that the code supports: the list of licences is the same with each.
_PYTHONS = [{"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"} for minor in (11, 12, 13)]


def main(arguments: list[str]) -> int:
    """Check the project in the current folder."""
    root = Path.cwd()
    if arguments == ["--write-licences"]:
        page = licences.licence_page(licence_rows(root, read_policy(root)))
        (root / "docs" / "licences.md").write_text(page, encoding="utf-8")
        return 0
    status = 0
    for name, result in _checks(root):
        outcome = "NOT CHECKED" if result.unchecked else f"{len(result.findings)} found"
        print(f"{name:<16} {outcome:<12} {result.said}")
        for finding in result.findings:
            print(f"  {finding}")
        if result.findings:
            status = _FOUND
        elif result.unchecked and "--allow-unaudited" not in arguments:
            status = status or _UNCHECKED
    if status == _UNCHECKED:
        print("All else is well. To go on all the same: nox -s security -- --allow-unaudited")
    return status


def _checks(root: Path) -> Iterator[tuple[str, Result]]:
    table = _table(root)
    locks, _ = requirements.read_locks(root / "requirements")
    policy = read_policy(root)
    page = (root / "docs" / "licences.md").read_text(encoding="utf-8")
    yield "requirements", requirements.check(root / "requirements", packages(root), installed(root))
    yield "licences", licences.check(licence_rows(root, policy), policy, page)
    yield "inventories", check_inventories(root)
    yield "secrets", secret_scan.check(root, {one["value"]: one["why"] for one in table["not-secrets"]})
    pins = [pin for lock in locks.values() for pin in lock]
    python = root / TOOLS / "security" / "bin" / "python"
    yield "vulnerabilities", vulnerabilities.check(pins, python, table["accepted-vulnerabilities"])


def packages(root: Path) -> set[str]:
    """The packages that functions need besides what all need."""
    return {name for manifest in read_manifests(root / "functions").values() for name in manifest.packages}


def installed(root: Path) -> dict[str, list[Distribution]]:
    """What is installed: in this environment ("dev"), and in those of tools, by their names."""
    packages = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    tools = {
        folder.name: list(distributions(path=[str(folder / packages)])) for folder in sorted((root / TOOLS).glob("*"))
    }
    return {"dev": list(distributions()), **tools}


def read_policy(root: Path) -> licences.Policy:
    """Which licences pyproject.toml allows."""
    table = _table(root)["licences"]
    return licences.Policy(frozenset(table["deployed"]), frozenset(table["tools"]), table["stated"])


def licence_rows(root: Path, policy: licences.Policy) -> list[licences.Row]:
    """Every package that is locked for this kind of machine, whichever Python is its, with its licence."""
    locks, _ = requirements.read_locks(root / "requirements")
    names = {lock: {str(pin.name) for pin in pins if any(map(pin.applies, _PYTHONS))} for lock, pins in locks.items()}
    functions = names.pop(requirements.FUNCTIONS)
    names["dev"] |= names.pop("uv")
    return licences.licences({licences.DEPLOYED: functions, **names}, installed(root), policy)


def check_inventories(root: Path) -> Result:
    """Every bundle's inventory against CycloneDX's schema."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    inventories = {place: text for place, text in build(root).objects.items() if place.endswith(".cdx.json")}
    errors = {place: validator.validate_str(text.decode()) for place, text in inventories.items()}
    said = f"{len(inventories)} bundles' inventories (CycloneDX 1.6) are as the schema wants them"
    return Result(said, [f"{place}: {error}" for place, error in errors.items() if error])


def _table(root: Path) -> dict[str, Any]:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["tool"]["supply-chain"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
