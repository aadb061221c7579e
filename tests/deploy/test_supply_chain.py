"""The checks of `nox -s security` find what they are for, and what they hold is so."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tools.errors import CommandError
from tools.locks import Pin, closure, read_lock
from tools.places import ROOT
from tools.supply_chain import licences, requirements, secret_scan, vulnerabilities
from tools.supply_chain.__main__ import licence_rows, packages, read_policy
from tools.supply_chain.result import Result

HASH = "--hash=sha256:" + "0" * 64
#: In two parts, or the scan of this repository would find it.
AWS_KEY = "AKIA" + "QYLPMN5HHHFPZAM2"


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("yarl==1.9", id="without a hash"),
        pytest.param(f"yarl>=1.9 {HASH}", id="not one version"),
        pytest.param("yarl==1.9 --hash=md5:0123", id="a weak hash"),
        pytest.param(f"yarl @ https://example.org/yarl.whl {HASH}", id="from an address"),
        pytest.param("-e .", id="from a folder"),
        pytest.param("--extra-index-url https://example.org/simple", id="from another index"),
        pytest.param(f"yarl==1.9 {HASH} --hash=sha256:short", id="a hash cut short"),
    ],
)
def test_a_lock_file_has_versions_with_hashes_only(line: str) -> None:
    with pytest.raises(CommandError, match="not one version with its hashes"):
        read_lock(f"idna==3.1 \\\n    {HASH}\n{line}\n")


def test_a_lock_file_is_read() -> None:
    lines = ["# a comment", "IDNA==3.1 ; python_version < '3.12' \\", f"    {HASH} \\", f"    {HASH}"]
    lines += ["yarl==1.9.post1 \\", f"    {HASH}"]
    pins = [pin._replace(text="") for pin in read_lock("\n".join(lines))]
    assert pins == [
        Pin(canonicalize_name("idna"), "3.1", "python_version < '3.12'"),
        Pin(canonicalize_name("yarl"), "1.9.post1"),
    ]


#: `yarl` and `attrs` are asked for by name; `yarl` needs `idna`, which needs `six`.
NOTED = f"""attrs==1 \\
    {HASH}
    # via -r base.in, six-plus
idna==3.1 ; python_version < '3.12' \\
    {HASH}
    # via yarl
six==1 \\
    {HASH}
    # via idna
yarl==1.9 \\
    {HASH}
    # via -c dev.txt, -r functions.in
"""


@pytest.mark.parametrize(
    ("roots", "names"),
    [
        pytest.param(["attrs"], ["attrs"], id="alone"),
        pytest.param(["yarl"], ["idna", "six", "yarl"], id="with what it asks for"),
        pytest.param(["Yarl", "attrs"], ["attrs", "idna", "six", "yarl"], id="two"),
        pytest.param([], [], id="none"),
    ],
)
def test_a_part_of_a_lock_file_is_what_packages_ask_for(roots: list[str], names: list[str]) -> None:
    assert [pin.name for pin in closure(read_lock(NOTED), roots)] == names


def test_a_part_of_a_lock_file_is_a_lock_file() -> None:
    text = "".join(pin.text for pin in closure(read_lock(NOTED), ["yarl"]))
    assert text == (
        f"idna==3.1 ; python_version < '3.12' \\\n    {HASH}\nsix==1 \\\n    {HASH}\nyarl==1.9 \\\n    {HASH}\n"
    )


def test_a_package_that_is_not_locked_is_named() -> None:
    with pytest.raises(CommandError, match=re.escape("not locked: left-pad. Add it to the .in file")):
        closure(read_lock(NOTED), ["yarl", "left-pad"])


@pytest.mark.parametrize(
    ("changes", "findings"),
    [
        pytest.param({}, [], id="all agree"),
        pytest.param({"dev.in": "-r functions.in\nidna"}, ["dev.txt: not what dev.in asks for: idna"], id="not locked"),
        pytest.param({"dev.in": "yarl<1.9"}, ["dev.txt: not what dev.in asks for: yarl<1.9"], id="too new"),
        pytest.param({"two.in": "yarl"}, ["two.in and two.txt: one is missing"], id="never locked"),
        pytest.param(
            {"functions.txt": f"yarl==1.8 {HASH}"},
            ["functions.txt: yarl 1.8 is not what dev.txt tests"],
            id="another version",
        ),
        pytest.param(
            {"functions.txt": "yarl==1.9"}, ["functions.txt: not one version with its hashes: yarl==1.9"], id="no hash"
        ),
        pytest.param(
            {"base.in": ""}, ["functions.in: no function.yaml names yarl in its packages"], id="no function needs it"
        ),
    ],
)
def test_lock_files_are_compared_with_the_requirements(
    tmp_path: Path, changes: Mapping[str, str], findings: list[str]
) -> None:
    agreeing = {
        "base.in": "yarl",
        "dev.in": "-r functions.in",
        "dev.txt": f"yarl==1.9 {HASH}",
        "functions.in": "-r base.in\nyarl",
        "functions.txt": f"yarl==1.9 {HASH}",
    }
    for name, text in {**agreeing, **changes}.items():
        (tmp_path / name).write_text(text)
    assert requirements.check(tmp_path, [], {}).findings == findings


def test_a_package_that_is_installed_without_being_locked_is_found(tmp_path: Path) -> None:
    (tmp_path / "tool.in").write_text("yarl")
    (tmp_path / "tool.txt").write_text(f"yarl==1.9 {HASH}")
    there = [package(tmp_path, "yarl", "1.9"), package(tmp_path, "pip", "26"), package(tmp_path, "left-pad", "1.0")]
    assert requirements.check(tmp_path, [], {"tool": there}).findings == [
        "installed for tool, not locked: left-pad 1.0"
    ]


def test_the_lock_files_of_this_project_are_as_asked_for() -> None:
    assert requirements.check(ROOT / "requirements", packages(ROOT), {}).findings == []


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        pytest.param(["License-Expression: MIT AND 0BSD", "License: BSD"], "MIT AND 0BSD", id="the expression wins"),
        pytest.param(["License: Apache 2.0"], "Apache-2.0", id="a known spelling"),
        pytest.param(
            ["License: see LICENSE", "Classifier: License :: OSI Approved :: MIT License"], "MIT", id="classifier"
        ),
        pytest.param(["License: Proprietary"], "unknown", id="an unknown spelling"),
        pytest.param([], "unknown", id="silent"),
    ],
)
def test_a_licence_is_read_from_a_package(tmp_path: Path, metadata: list[str], licence: str) -> None:
    found = package(tmp_path, "yarl", "1.9", *metadata)
    policy = licences.Policy(frozenset(), frozenset(), {})
    rows = licences.licences({"tool": ["yarl"]}, {"tool": [found]}, policy)
    assert [row.licence for row in rows] == [licence]


@pytest.mark.parametrize(
    ("licence", "deployed", "tool"),
    [
        ("MIT", True, True),
        ("Zlib", False, True),
        ("AGPL-3.0-only", False, False),
        ("unknown", False, False),
        ("AGPL-3.0-only OR MIT", True, True),
        ("MIT AND AGPL-3.0-only", False, False),
        ("MIT AND (Zlib OR AGPL-3.0-only)", False, True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False, True),
        ("GPL-2.0-only", False, False),
    ],
)
def test_a_licence_must_be_met_with_allowed_kinds(licence: str, *, deployed: bool, tool: bool) -> None:
    tools = frozenset({"Zlib", "GPL-2.0-only WITH Classpath-exception-2.0"})
    policy = licences.Policy(frozenset({"MIT"}), tools, {"yarl": licence})

    def findings(use: str) -> list[str]:
        rows = licences.licences({use: ["yarl"]}, {}, policy)
        return licences.check(rows, policy, licences.licence_page(rows)).findings

    assert (findings("deployed"), findings("checkov")) == (
        [] if deployed else [f"yarl: {licence} is not allowed where it is used (deployed)"],
        [] if tool else [f"yarl: {licence} is not allowed where it is used (checkov)"],
    )


def test_the_list_of_licences_has_what_is_installed_here() -> None:
    rows = {row.name: row.licence for row in licence_rows(ROOT, read_policy(ROOT)) if row.uses & {"deployed", "dev"}}
    page = (ROOT / "docs" / "licences.md").read_text()
    assert {name: licence for name, licence in rows.items() if f"| {name} | {licence} |" not in page} == {}, (
        "run `nox -s licences`"
    )


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], None]:
    """Commits a text as the one tracked file of a new repository in `tmp_path`."""

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    def commit(text: str) -> None:
        (tmp_path / "settings.py").write_text(text)
        git("add", "settings.py")
        git("commit", "-m", "A commit")

    git("init")
    return commit


def test_a_secret_is_found_where_it_is_and_where_it_was(tmp_path: Path, repository: Callable[[str], None]) -> None:
    repository(f'key = "{AWS_KEY}"  # pragma: allowlist secret\n')
    assert secret_scan.check(tmp_path, {}) == Result(
        "tracked files and all 1 commits", ["settings.py (history): AWS Access Key", "settings.py: AWS Access Key"]
    )
    repository("key = None\n")
    assert secret_scan.check(tmp_path, {}).findings == ["settings.py (history): AWS Access Key"]
    assert secret_scan.check(tmp_path, {AWS_KEY: "made up"}).findings == []


def test_a_secret_not_committed_yet_is_found(tmp_path: Path, repository: Callable[[str], None]) -> None:
    repository("key = None\n")
    (tmp_path / "settings.py").write_text(f'key = "{AWS_KEY}"\n')
    assert secret_scan.check(tmp_path, {"gone": "an old name"}).findings == [
        "pyproject.toml: not found any more: an old name",
        "settings.py: AWS Access Key",
    ]


#: Answers as pip-audit does, from a table; of what is not in it, as for a package that the service does not have.
PIP_AUDIT = f"""#!{sys.executable}
import json, pathlib, sys
knows = json.loads(pathlib.Path(__file__).with_name("knows.json").read_text())
if not knows:
    sys.exit("no connection")
lines = pathlib.Path(sys.argv[sys.argv.index("--requirement") + 1]).read_text().split()
print(json.dumps({{"dependencies": [
    {{"name": line.split("==")[0], "version": line.split("==")[1],
      "vulns": [{{"id": name, "aliases": ["CVE-of-" + name]}} for name in knows[line]]}}
    if line in knows else {{"name": line.split("==")[0], "skip_reason": "not found"}}
    for line in lines
]}}))
"""
DEAF = Result("PyPI's list of vulnerabilities does not answer here, not even about flask==0.5", [], unchecked=True)
LOOKED = "3 versions, as PyPI knows them today"
CLEAN = {"flask==0.5": ["PYSEC-0"], "idna==3.1": [], "idna==3.2": [], "yarl==1.9": []}


@pytest.mark.parametrize(
    ("knows", "accepted", "result"),
    [
        pytest.param({}, {}, DEAF, id="no connection"),
        pytest.param({"yarl==1.9": []}, {}, DEAF, id="a mirror without answers"),
        pytest.param({**CLEAN, "flask==0.5": []}, {}, DEAF, id="a mirror with empty lists"),
        pytest.param(CLEAN, {}, Result(LOOKED, []), id="nothing known"),
        pytest.param(
            {**CLEAN, "idna==3.2": ["PYSEC-1"]},
            {},
            Result(LOOKED, ["idna 3.2: CVE-of-PYSEC-1, PYSEC-1"]),
            id="one known",
        ),
        pytest.param(
            {**CLEAN, "idna==3.2": ["PYSEC-1"]}, {"CVE-of-PYSEC-1": "a reason"}, Result(LOOKED, []), id="one accepted"
        ),
        pytest.param(
            CLEAN, {"PYSEC-1": "r"}, Result(LOOKED, ["pyproject.toml accepts PYSEC-1, which nothing has"]), id="fixed"
        ),
        pytest.param(
            {"flask==0.5": ["PYSEC-0"], "idna==3.1": [], "idna==3.2": []},
            {},
            Result(LOOKED, ["yarl 1.9: not answered for"]),
            id="an answer is missing",
        ),
    ],
)
def test_an_empty_answer_counts_only_from_a_list_that_knows_other_vulnerabilities(
    tmp_path: Path, knows: Mapping[str, list[str]], accepted: Mapping[str, str], result: Result
) -> None:
    program = tmp_path / "python"
    program.write_text(PIP_AUDIT)
    program.chmod(0o755)
    (tmp_path / "knows.json").write_text(json.dumps(knows))
    pins = [
        Pin(canonicalize_name(name), version) for name, version in [("yarl", "1.9"), ("idna", "3.1"), ("idna", "3.2")]
    ]
    assert vulnerabilities.check(pins, program, accepted) == result


def test_each_exception_from_a_security_rule_says_why_on_its_line() -> None:
    files = subprocess.run(["git", "-C", str(ROOT), "ls-files", "*.py"], capture_output=True, text=True, check=True)
    exceptions = [
        f"{name}: {line.strip()}"
        for name in files.stdout.split()
        for line in (ROOT / name).read_text().splitlines()
        if re.search(r"# noqa: (\w+, ?)*S\d+", line)
    ]
    assert len(exceptions) > 1
    assert [line for line in exceptions if not re.search(r"# noqa: [\w, ]+ - \w", line)] == []


def test_each_risk_of_the_threat_model_has_an_answer_and_a_test_that_exists() -> None:
    rows = re.findall(r"^\| (API\d+) [^|]+\|([^|]+)\|([^|]+)\|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert [risk for risk, _, _ in rows] == [f"API{number}" for number in range(1, 11)]
    for risk, answer, tests in rows:
        named = re.findall(r"`((?:tests|terraform)/[^`]*)`", tests)
        assert answer.strip(), risk
        assert named, risk
        assert [place for place in named if not (ROOT / place).exists()] == [], risk


def package(folder: Path, name: str, version: str, *metadata: str) -> Distribution:
    """An installed package, as far as its metadata goes."""
    place = folder / f"{name}-{version}.dist-info"
    place.mkdir()
    (place / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *metadata])
    )
    return Distribution.at(place)
