"""Files for contributors, their editors and GitHub: each is valid, and names commands and paths that exist."""

import json
import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
FILES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (
        *FORMS,
        ROOT / ".github" / "CODEOWNERS",
        ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md",
        ROOT / ".devcontainer" / "devcontainer.json",
        ROOT / ".editorconfig",
        ROOT / ".pre-commit-config.yaml",
    )
}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+|\$\(VENV\)/ready):", MAKEFILE, re.MULTILINE))
SESSIONS = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE))
PIPELINE = (ROOT / "cloudbuild.yaml").read_text(encoding="utf-8")
BUILDER = (ROOT / "tools/builder/Dockerfile").read_text(encoding="utf-8")


def sessions_of(target: str) -> set[str]:
    """The nox sessions that a make target runs."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe is not None, target
    return set(" ".join(re.findall(r"\$\(NOX\) ([a-z ]+)", recipe[1])).split())


def owners() -> dict[str, list[str]]:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {path: teams for path, *teams in rows}


def editor_settings() -> ConfigParser:
    parser = ConfigParser()
    parser.read_string(f"[top]\n{(ROOT / '.editorconfig').read_text(encoding='utf-8')}")
    return parser


def devcontainer() -> Any:
    return json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


def option(feature: str, name: str) -> str:
    (options,) = [
        values for address, values in devcontainer()["features"].items() if re.search(rf"/{feature}:\d+$", address)
    ]
    return str(options[name])


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_issue_template_is_one_that_github_takes(form: Path) -> None:
    schema = "vendor.github-issue-config" if form.name == "config.yml" else "vendor.github-issue-forms"
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(form))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_people_with_a_security_weakness_are_sent_to_the_policy() -> None:
    links = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml").read_text(encoding="utf-8"))
    (link,) = links["contact_links"]
    assert link["url"].endswith("/security/policy")
    assert "SECURITY.md" in link["about"]
    assert (ROOT / "SECURITY.md").is_file()


@pytest.mark.parametrize("name", FILES)
def test_every_command_that_a_file_names_exists(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    targets = {re.sub(r"^\.venv", "$(VENV)", target) for target in re.findall(r"\bmake ([a-z./]*[a-z])", text)}
    assert targets <= TARGETS
    assert set(" ".join(re.findall(r"\bnox -s ([a-z ]+)", text)).split()) <= SESSIONS


@pytest.mark.parametrize("name", FILES)
def test_every_path_that_a_file_names_in_backticks_exists(name: str) -> None:
    text = FILES[name].read_text(encoding="utf-8")
    for path in re.findall(r"`([\w./-]+(?:/|\.md))`", text):
        assert (ROOT / path).exists(), path


def test_owners_are_teams_of_paths_that_exist() -> None:
    paths = owners()
    assert next(iter(paths)) == "*"
    for path, teams in paths.items():
        assert teams
        assert all(re.fullmatch(r"@[\w-]+/[\w-]+", team) for team in teams)
        assert path == "*" or path.startswith("/")
        assert (ROOT / path.strip("/*")).is_dir() == path.endswith(("/", "*"))
        assert (ROOT / path.strip("/*")).exists()


def test_the_hook_before_a_commit_runs_make_targets_whose_sessions_the_pipeline_runs_too() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    in_pipeline = set(" ".join(re.findall(r"nox -s ([a-z ]+)", PIPELINE)).split())
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        target = hook["entry"].removeprefix("make ")
        assert sessions_of(target)
        assert sessions_of(target) <= in_pipeline & SESSIONS


def test_the_devcontainer_has_the_versions_that_the_project_needs() -> None:
    (emulators,) = [path for folder in ("ops", "tools") for path in (ROOT / folder).rglob("emulators.yaml")]
    needed = max(emulator["needs_java"] for emulator in yaml.safe_load(emulators.read_text(encoding="utf-8")).values())
    assert int(option("java", "version")) == needed
    assert f"hashicorp/terraform:{option('terraform', 'version')} " in BUILDER
    python = re.search(r"/python:3\.(\d+)-", devcontainer()["image"])
    least = re.search(r"sys\.version_info < \(3, (\d+)\)", MAKEFILE)
    assert python is not None
    assert least is not None
    assert int(python[1]) >= int(least[1])


def test_the_devcontainer_makes_the_virtual_environment_that_its_editor_uses() -> None:
    container = devcontainer()
    assert container["postCreateCommand"] == "make .venv/ready"
    interpreter = container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter.endswith("/.venv/bin/python")


def test_editors_and_ruff_have_the_same_line_length() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    assert editor_settings().getint("*.py", "max_line_length") == ruff["line-length"]


def test_editors_leave_golden_files_alone() -> None:
    settings = editor_settings()
    assert (ROOT / "tests" / "export" / "golden").is_dir()
    assert settings["*"].keys() - settings["tests/export/golden/**"].keys() == {"indent_size", "indent_style"}
    assert set(settings["tests/export/golden/**"].values()) == {"unset"}
