"""Known vulnerabilities of every locked version, asked of PyPI with pip-audit.

A service that does not answer, or a mirror that answers with empty lists, looks to pip-audit like a clean bill of
health. So a version that is known to be vulnerable is asked about first: only who knows of it is believed.
"""

import json
import subprocess
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tools.locks import Pin
from tools.supply_chain.result import Result

#: PYSEC-2018-66, PYSEC-2019-179.
CONTROL = ("flask", "0.5")

Version = tuple[str, str]
#: By version that was looked up, the names of each vulnerability: its id and its other ids.
Answer = dict[Version, list[frozenset[str]]]


def check(pins: Iterable[Pin], python: Path, accepted: Mapping[str, str]) -> Result:
    """Ask about pinned versions. `python` is of an environment that has pip-audit; `accepted` has a reason by id."""
    if not read_answer(_ask(python, [CONTROL])).get(CONTROL):
        said = f"PyPI's list of vulnerabilities does not answer here, not even about {'=='.join(CONTROL)}"
        return Result(said, [], unchecked=True)
    versions = {(str(pin.name), pin.version) for pin in pins}
    answer: Answer = {}
    for part in one_version_each(versions):
        answer |= read_answer(_ask(python, part))
    return judge(versions, answer, accepted)


def judge(versions: Collection[Version], answer: Answer, accepted: Mapping[str, str]) -> Result:
    """The findings: each vulnerability that is not accepted, and each acceptance that nothing needs."""
    findings = [f"{name} {version}: not answered for" for name, version in sorted(set(versions) - answer.keys())]
    needed: set[str] = set()
    for (name, version), vulnerabilities in sorted(answer.items()):
        for names in vulnerabilities:
            needed |= names & accepted.keys()
            if not names & accepted.keys():
                findings.append(f"{name} {version}: {', '.join(sorted(names))}")
    findings += [f"pyproject.toml accepts {name}, which nothing has" for name in sorted(accepted.keys() - needed)]
    return Result(f"{len(versions)} versions, as PyPI knows them today", findings)


def one_version_each(versions: Iterable[Version]) -> list[list[Version]]:
    """The same versions in as few lists as can be that have no package twice, which pip-audit refuses."""
    lists: list[dict[str, str]] = []
    for name, version in sorted(versions):
        place = next((found for found in lists if name not in found), None)
        if place is None:
            lists.append(place := {})
        place[name] = version
    return [list(found.items()) for found in lists]


def read_answer(text: str) -> Answer:
    """pip-audit's JSON. There is none where it could not reach the service."""
    try:
        dependencies = json.loads(text)["dependencies"]
    except ValueError:
        return {}
    return {
        (found["name"], found["version"]): [frozenset({one["id"], *one["aliases"]}) for one in found["vulns"]]
        for found in dependencies
        if "skip_reason" not in found
    }


def _ask(python: Path, versions: Iterable[Version]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "versions.txt")
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in versions), encoding="utf-8")
        command = [
            *(str(python), "-m", "pip_audit", "--requirement", str(wanted), "--no-deps", "--disable-pip"),
            *("--vulnerability-service", "pypi", "--progress-spinner", "off", "--format", "json"),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
