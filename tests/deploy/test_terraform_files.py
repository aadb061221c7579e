"""Terraform's files, read without a Terraform program and compared with the lists in the code."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import hcl2
import pytest
import yaml

from ops import terraform
from ops.terraform import BOOTSTRAP, TERRAFORM, environments, values
from shared.runtime.manifest import Permission, read_manifests
from shared.settings import Settings, read_settings
from tools.errors import CommandError
from tools.places import ROOT

ENVIRONMENTS = environments()


def read(path: Path) -> dict[str, Any]:
    return hcl2.loads(path.read_text())


def plain(value: Any) -> Any:
    """A literal without its quotes."""
    if isinstance(value, dict):
        return {plain(name): plain(inner) for name, inner in value.items() if name != "__is_block__"}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.strip('"') if isinstance(value, str) else value


def test_an_environment_may_leave_out_only_what_has_a_default() -> None:
    required = {
        name
        for root in (TERRAFORM, BOOTSTRAP)
        for block in read(root / "variables.tf")["variable"]
        for name, body in plain(block).items()
        if "default" not in body
    }
    for environment in environments():
        assert required <= set(values(environment)), environment


def test_each_project_is_named_once() -> None:
    for environment in environments():
        project = values(environment)["project"]
        command = ("git", "grep", "--fixed-strings", "--count", project, "--", "terraform", "ops", "tools", "*.yaml")
        files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert files.stdout.split() == [f"terraform/environments/{environment}.tfvars:1"]


def test_a_value_that_nothing_declares_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test.tfvars").write_text('project = "p"\nwram = true\n')
    monkeypatch.setattr(terraform, "ENVIRONMENTS", tmp_path)
    with pytest.raises(CommandError, match="values that nothing declares: wram"):
        values("test")


def test_an_unknown_environment_is_answered_with_those_that_exist() -> None:
    with pytest.raises(CommandError, match=r"there is no environment live\. Known: dev, prod"):
        values("live")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_gives_settings_that_exist_and_are_valid(environment: str) -> None:
    given = values(environment)["settings"]
    always = {"PSR_PROJECT": "p", "PSR_IDENTITY_KEY": "A" * 43 + "="}
    assert set(given) <= set(Settings.model_fields)
    read_settings({**always, **{f"PSR_{name.upper()}": str(value) for name, value in given.items()}})


def known_settings() -> set[str]:
    """Settings whose values Terraform knows itself."""
    (block,) = [block for block in read(TERRAFORM / "functions.tf")["locals"] if "known_settings" in block]
    return set(plain(block["known_settings"]))


def test_every_setting_that_a_manifest_names_has_a_value_in_every_environment() -> None:
    named = {name for manifest in read_manifests(ROOT / "functions").values() for name in manifest.settings}
    assert known_settings() <= set(Settings.model_fields)
    given = {environment: values(environment)["settings"] for environment in ENVIRONMENTS}
    (given["everything.tftest.hcl"],) = (
        variables["settings"] for variables in read(TERRAFORM / "tests/everything.tftest.hcl")["variables"]
    )
    for place, settings in given.items():
        assert sorted(named - known_settings() - set(settings)) == [], place


def test_terraform_grants_every_permission_that_a_manifest_may_ask_for() -> None:
    (block,) = [block for block in read(TERRAFORM / "iam.tf")["locals"] if "permissions" in block]
    known = plain(block["permissions"])
    exact, beginnings = (
        [one for one in known if not one.endswith(":")],
        tuple(one for one in known if one.endswith(":")),
    )
    assert [one for one in get_args(Permission) if one not in exact and not one.startswith(beginnings)] == []


def resources() -> set[str]:
    return {
        f"{kind}.{name}"
        for path in [*TERRAFORM.glob("*.tf"), *BOOTSTRAP.glob("*.tf")]
        for block in read(path).get("resource", [])
        for kind, named in plain(block).items()
        for name in named
    }


def test_the_page_of_resources_names_every_one() -> None:
    page = (ROOT / "docs/resources.md").read_text()
    assert set(re.findall(r"^\| `(\w+\.\w+)`", page, re.MULTILINE)) == resources()


@pytest.mark.parametrize("name", list(read_manifests(ROOT / "functions")))
def test_a_function_has_a_name_that_its_account_can_have(name: str) -> None:
    """Accounts are named `psr-<function>`, in 6 to 30 characters."""
    assert re.fullmatch(r"[a-z](_?[a-z0-9])*", name)
    assert 6 <= len(f"psr-{name}") <= 30


def test_functions_are_not_repeated_by_hand() -> None:
    """No file of Terraform's names a function: all that is per function comes from the release."""
    names = {name.replace("_", "-") for name in read_manifests(ROOT / "functions")} - {"lookup", "register"}
    for path in TERRAFORM.glob("*.tf"):
        text = re.sub(r'^(?:output|variable) "\w+"', "", path.read_text(), flags=re.MULTILINE)
        assert not [name for name in names if f'"{name}"' in text], path


def test_the_providers_are_locked_in_both_roots_to_the_same_versions() -> None:
    locked = (TERRAFORM / ".terraform.lock.hcl").read_text()
    assert (BOOTSTRAP / ".terraform.lock.hcl").read_text() == locked
    assert set(re.findall(r'"registry\.terraform\.io/hashicorp/([\w-]+)"', locked)) == {"google", "google-beta", "time"}
    ignored = subprocess.run(["git", "check-ignore", "terraform/.terraform.lock.hcl"], cwd=ROOT, check=False)
    assert ignored.returncode == 1, "a lock file that is ignored is not committed"


def test_a_resource_that_is_replaced_before_it_is_destroyed_has_a_name_that_changes() -> None:
    """Two resources cannot have one name at a time. Firestore names indexes itself."""
    fixed = [
        f"{kind}.{name}"
        for path in [*TERRAFORM.glob("*.tf"), *BOOTSTRAP.glob("*.tf")]
        for block in read(path).get("resource", [])
        for kind, named in plain(block).items()
        for name, body in named.items()
        if any(one.get("create_before_destroy") is True for one in body.get("lifecycle", []))
        if "sha256(" not in str(body.get("name", "sha256("))
    ]
    assert fixed == []


PIPELINES = ("cloudbuild.yaml", "cloudbuild.release.yaml")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_is_one_that_cloud_build_takes(name: str) -> None:
    command = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.cloudbuild", name)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def steps(name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = yaml.safe_load((ROOT / name).read_text())["steps"]
    return found


def test_the_pipelines_run_sessions_that_exist() -> None:
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    scripts = {name: "\n".join(step["script"] for step in steps(name)) for name in PIPELINES}
    run = {
        name: set(" ".join(re.findall(r"nox -s ([a-z ]+?)(?: --|$)", text, re.MULTILINE)).split())
        for name, text in scripts.items()
    }
    assert run == {
        "cloudbuild.yaml": {"lint", "types", "tests", "terraform", "security"},
        "cloudbuild.release.yaml": {"upload", "promote", "plan", "save"},
    }
    assert set().union(*run.values()) <= sessions


def test_the_pipelines_run_in_one_image_whose_parts_have_versions() -> None:
    assert {step["name"] for name in PIPELINES for step in steps(name)} == {"${_BUILDER}"}
    images = re.findall(r"^FROM (\S+)", (ROOT / "tools/builder/Dockerfile").read_text(), re.MULTILINE)
    assert [image for image in images if not re.search(r":\d+\.\d+\.\d+", image)] == []
