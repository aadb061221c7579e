"""The licence of everything that is deployed or used to develop: read from what is installed, held against a list."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import Distribution
from typing import Any, NamedTuple

from license_expression import Licensing
from packaging.utils import NormalizedName, canonicalize_name

from tools.supply_chain.result import Result

#: Licences of packages without a licence expression (PEP 639), as they write them. "BSD" does not say which one.
_SPELLINGS = {
    "3-clause bsd license": "BSD-3-Clause",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache-2.0": "Apache-2.0",
    "bsd": "BSD",
    "bsd 2-clause license": "BSD-2-Clause",
    "bsd license": "BSD",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl-2.0": "MPL-2.0",
    "mpl-2.0 and mit": "MPL-2.0 AND MIT",
    "psf license": "PSF-2.0",
    "psf-2.0": "PSF-2.0",
    "psfl": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
}
_LICENSING = Licensing()
UNKNOWN = "unknown"
DEPLOYED = "deployed"
_HEAD = """# Licences

The licences of all packages that are locked in `requirements/`, as the packages themselves state them. `nox -s
licences` writes this page. `nox -s security` compares it, and refuses a licence that `pyproject.toml` does not allow.
*Deployed* is in at least one function's bundle; *dev* is in the environment of developers and tests only; the others
are tools with environments of their own. `BSD` is where a package does not say which of the BSD licences it has.
Packages for Windows are left out.

| Package | Licence | Used |
| --- | --- | --- |
"""


class Policy(NamedTuple):
    """The kinds allowed in what is deployed, those allowed besides in tools, and what is known of silent packages."""

    deployed: frozenset[str]
    tools: frozenset[str]
    stated: Mapping[str, str]

    def allows(self, licence: str, uses: Collection[str]) -> bool:
        """Whether a licence expression can be met with allowed kinds alone."""
        kinds = self.deployed if DEPLOYED in uses else self.deployed | self.tools
        return _is_met(_LICENSING.parse(licence), kinds)


class Row(NamedTuple):
    """A package, its licence, and where it is used."""

    name: NormalizedName
    licence: str
    uses: frozenset[str]


def licences(
    locked: Mapping[str, Collection[str]], installed: Mapping[str, Iterable[Distribution]], policy: Policy
) -> list[Row]:
    """The licences of locked packages, by use. Deployed packages are installed in "dev"; others may be `UNKNOWN`."""
    packages: dict[str, dict[str, Distribution]] = {
        use: {canonicalize_name(found.metadata["Name"]): found for found in distributions}
        for use, distributions in installed.items()
    }
    elsewhere = {name: found for use in packages.values() for name, found in use.items()}
    rows: dict[tuple[str, str], set[str]] = {}
    for use, names in locked.items():
        there = {**elsewhere, **packages.get("dev" if use == DEPLOYED else use, {})}
        for name in names:
            licence = policy.stated.get(name) or (_licence(there[name]) if name in there else UNKNOWN)
            rows.setdefault((name, licence), set()).add(use)
    return [Row(canonicalize_name(name), licence, _least(uses)) for (name, licence), uses in sorted(rows.items())]


def check(rows: list[Row], policy: Policy, page: str) -> Result:
    """Hold each against the policy, and the committed page against them."""
    findings = [
        f"{row.name}: {row.licence} is not allowed where it is used ({', '.join(sorted(row.uses))})"
        for row in rows
        if not policy.allows(row.licence, row.uses)
    ]
    silent = policy.stated.keys() - {row.name for row in rows}
    findings += [f"pyproject.toml states a licence of {name}, which is not used" for name in sorted(silent)]
    if licence_page(rows) != page:
        findings.append("docs/licences.md is out of date: run `nox -s licences`")
    deployed = sum(DEPLOYED in row.uses for row in rows)
    return Result(f"{len(rows)} packages, {deployed} of them deployed", findings)


def licence_page(rows: Iterable[Row]) -> str:
    """docs/licences.md."""
    return _HEAD + "".join(f"| {row.name} | {row.licence} | {', '.join(sorted(row.uses))} |\n" for row in rows)


def _licence(found: Distribution) -> str:
    """The licence that a package states, from the newest way to the oldest."""
    return next(iter(found.metadata.get_all("License-Expression", [])), None) or next(_known_spellings(found), UNKNOWN)


def _known_spellings(found: Distribution) -> Iterator[str]:
    classifiers = [line for line in found.metadata.get_all("Classifier", []) if line.startswith("License ::")]
    for text in (*found.metadata.get_all("License", []), *(line.rpartition(" :: ")[2] for line in classifiers)):
        if text.lower() in _SPELLINGS:
            yield _SPELLINGS[text.lower()]


def _least(uses: set[str]) -> frozenset[str]:
    """The uses without "dev" for a deployed package, since developers have those packages too."""
    return frozenset(uses - {"dev"} if DEPLOYED in uses else uses)


def _is_met(expression: Any, kinds: Collection[str]) -> bool:
    if isinstance(expression, _LICENSING.AND):
        return all(_is_met(part, kinds) for part in expression.args)
    if isinstance(expression, _LICENSING.OR):
        return any(_is_met(part, kinds) for part in expression.args)
    return str(expression) in kinds
