"""A dry run of docs/deploy.md and of the pipelines, against programs that record how they are called."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ops.terraform import BOOTSTRAP, Terraform
from tools.builder.run import run_steps
from tools.errors import CommandError
from tools.places import ROOT

PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
#: Records its name and arguments; prints what the test has put next to it; fails if the test says so.
RECORDER = """#!/bin/sh
echo "$(basename "$0") $*" >> "$RECORD"
test ! -f "$RECORD.$(basename "$0").out" || cat "$RECORD.$(basename "$0").out"
test ! -f "$RECORD.$(basename "$0").fails"
"""


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("gcloud", "terraform", "curl", "make", "shred", "openssl", "psr", "python"):
        path = folder / name
        path.write_text(RECORDER)
        path.chmod(0o755)
    return folder


@pytest.fixture
def run(tmp_path: Path, bin_folder: Path) -> Callable[..., list[str]]:
    """Runs a script with the recorders on the PATH; how they were called, in order."""

    def run(script: str, status: int = 0, **variables: str) -> list[str]:
        record = tmp_path / "record"
        record.write_text("")
        environment = {"PATH": f"{bin_folder}:/usr/bin:/bin", "RECORD": str(record), **variables}
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return record.read_text().splitlines()

    return run


def commands(section: str) -> str:
    """The commands of a section of the page, of its list items too."""
    text = re.search(rf"^## {section}.*?$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert text is not None, section
    return "\n".join(line.strip() for line in re.findall(r"^(?: {4}| {6})(?! *[|-])(\S.*)$", text[1], re.MULTILINE))


def script(*sections: str) -> str:
    text = "set -eu\n" + "\n".join(map(commands, sections))
    return (
        text.replace(".venv/bin/python", "python")
        .replace("bin/psr", "psr")
        .replace("YOUR-PROD-PROJECT", "a-prod")
        .replace("YOUR-PROJECT", "a-project")
    )


DEPLOYER = "psr-deployer@a-project.iam.gserviceaccount.com"
DEV = ("1", "2", "3", "4", "5", "6")


def test_every_step_of_dev_is_a_command_in_the_right_order(run: Callable[..., list[str]]) -> None:
    called = run(script(*DEV), TOKEN="a-token")
    assert [" ".join(call.split()[:5]) for call in called] == [
        "make .venv/ready",
        "python -m nox -s providers",
        "gcloud auth login",
        "gcloud auth application-default login",
        "gcloud services enable cloudresourcemanager.googleapis.com serviceusage.googleapis.com",
        "gcloud storage buckets create gs://a-project-psr-state",
        "python -m nox -s bootstrap",
        "openssl rand -base64 32",
        "gcloud secrets versions add psr-identity-key",
        "shred -u identity-key",
        f"gcloud auth application-default login --impersonate-service-account={DEPLOYER}",
        "python -m nox -s deploy",
        "psr terraform dev -- output",
        "curl -s /_status",
        "curl -s /v1/registrations:lookup -H Authorization:",
    ]


@pytest.mark.parametrize(
    "sections", [DEV, ("2", "7", "Pages", "Emergency", "Removing a trial")], ids=["dev", "the rest"]
)
def test_every_call_of_gcloud_names_the_project(sections: tuple[str, ...], run: Callable[..., list[str]]) -> None:
    called = [call for call in run(script(*sections), TOKEN="a-token") if call.startswith("gcloud")]
    about_people = ("gcloud auth ",)
    silent = [call for call in called if not call.startswith(about_people) and "--project=a-pro" not in call]
    assert len(called) > 5
    assert silent == []


def test_prod_is_released_by_the_pipeline_only(run: Callable[..., list[str]]) -> None:
    called = run(script("2", "7"))
    assert [call for call in called if "nox -s deploy" in call] == []
    assert [re.findall(r"triggers run (\S+)", call)[0] for call in called if "triggers run" in call] == [
        "psr-builder",
        "psr-apply",
        "psr-release",
    ]


def test_the_secrets_of_the_pages_are_made_and_replaced_without_a_file(
    run: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "record.gcloud.out").write_text("in-use older\n")
    called = run(script("2", "Pages"), CLIENT_SECRET="a-secret")
    assert [call.partition(" --project")[0] for call in called if "secrets" in call or "nox" in call] == [
        "python -m nox -s bootstrap -- prod",
        "gcloud secrets versions add psr-pages-client-secret",
        "gcloud secrets versions add psr-pages-session-keys",
        "gcloud secrets versions access latest --secret=psr-pages-session-keys",
        "gcloud secrets versions add psr-pages-session-keys",
    ]


def test_no_step_edits_a_file_by_a_command() -> None:
    assert re.findall(r"^ {4}.*\b(?:sed -i|tee|override)\b.*$", PAGE, re.MULTILINE) == []
    assert set(re.findall(r"> (\S+)$", PAGE, re.MULTILINE)) == {"identity-key"}
    assert set(re.findall(r"[Ee]dit `([^`]+)`", PAGE)) == {"terraform/environments/dev.tfvars"}


def test_nobody_impersonates_twice() -> None:
    assert [
        line for line in PAGE.splitlines() if "export GOOGLE_IMPERSONATE" in line or "auth/impersonate" in line
    ] == []


# The commands and Terraform.


@pytest.fixture
def terraform(bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Terraform that records; the file of its calls."""
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return bin_folder / "terraform"


def recorded(tmp_path: Path) -> list[str]:
    return (tmp_path / "record").read_text().splitlines()


def test_an_environment_has_its_state_and_values(terraform: Path, tmp_path: Path) -> None:
    for root in (Terraform("dev", str(terraform)), Terraform("prod", str(terraform), BOOTSTRAP)):
        root.init()
        root.run("plan", *root.with_values())
    init, plan, other_init, other_plan = recorded(tmp_path)
    assert init == (
        f"terraform -chdir={ROOT}/terraform init -input=false -lockfile=readonly "
        "-backend-config=bucket=example-psr-dev-psr-state -backend-config=prefix=psr"
    )
    assert other_init.endswith("-backend-config=bucket=example-psr-prod-psr-state -backend-config=prefix=bootstrap")
    assert "-var=project=example-psr-dev " in plan
    assert "deployers" not in plan
    assert "-var=project=example-psr-prod " in other_plan
    assert "settings" not in other_plan


def test_environments_and_roots_share_no_working_folder(terraform: Path, tmp_path: Path) -> None:
    terraform.write_text('#!/bin/sh\necho "$TF_DATA_DIR" >> "$RECORD"\n')
    for environment in ("dev", "prod"):
        for root in (ROOT / "terraform", BOOTSTRAP):
            Terraform(environment, str(terraform), root).run("plan")
    assert len(set(recorded(tmp_path))) == 4


@pytest.mark.parametrize(("fields", "parallelism"), [(32, 1), (2, 1), (1, 10), (0, 10)])
def test_several_firestore_fields_are_changed_one_at_a_time(
    fields: int, parallelism: int, terraform: Path, tmp_path: Path
) -> None:
    changes = [{"type": "google_firestore_field", "change": {"actions": ["create"]}} for _ in range(fields)]
    changes += [{"type": "google_firestore_field", "change": {"actions": ["no-op"]}} for _ in range(5)]
    changes += [{"type": "google_pubsub_topic", "change": {"actions": ["create"]}} for _ in range(5)]
    (tmp_path / "record.terraform.out").write_text(json.dumps({"resource_changes": changes}))
    assert Terraform("dev", str(terraform)).parallelism("a-plan") == parallelism


def test_a_terraform_that_fails_ends_the_command(terraform: Path, tmp_path: Path) -> None:
    (tmp_path / "record.terraform.fails").touch()
    with pytest.raises(CommandError, match="terraform init failed"):
        Terraform("dev", str(terraform)).init()


# The pipelines.


def test_a_saved_plan_is_verified_before_it_is_applied(run: Callable[..., list[str]], tmp_path: Path) -> None:
    called = apply_saved(run, tmp_path)
    assert [" ".join(call.split()[:3]) for call in called] == [
        "gcloud storage cp",
        "gcloud kms keys",
        "openssl dgst -sha256",
        "terraform -chdir=terraform init",
        "terraform -chdir=terraform apply",
        "gcloud storage cp",
    ]
    assert "--project=a-project" in called[1]
    assert called[3].endswith(
        "-lockfile=readonly -backend-config=bucket=a-project-psr-state -backend-config=prefix=psr"
    )
    assert called[4].endswith("-parallelism=1 ../dist/dev.tfplan")
    assert called[5].endswith("dist/dev.release.json gs://a-project-psr-releases/applied/a-release.json")


def test_a_plan_that_the_pipeline_did_not_sign_is_not_applied(run: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "record.openssl.fails").touch()
    assert not any(call.startswith("terraform") for call in apply_saved(run, tmp_path, status=1))


def apply_saved(run: Callable[..., list[str]], tmp_path: Path, status: int = 0) -> list[str]:
    saved = tmp_path / "saved"
    (saved / "dist").mkdir(parents=True)
    (saved / "terraform").mkdir()
    for name, content in {"parallelism": "1", "name": "a-release", "dev.tfplan": "", "dev.release.json": "{}"}.items():
        (saved / "dist" / name).write_text(content)
    subprocess.run(["tar", "-czf", "a-build.tar.gz", "terraform", "dist"], cwd=saved, check=True)
    steps = (BOOTSTRAP / "apply.sh").read_text().replace("/tmp/saved", str(saved))  # noqa: S108 - the name in the script
    return run(steps, status, PLAN="a-build", PROJECT="a-project", REGION="europe-west2", ENVIRONMENT="dev")


def release_steps(run: Callable[..., list[str]], **variables: str) -> list[str]:
    """The calls of the steps of cloudbuild.release.yaml, in their order."""
    steps = yaml.safe_load((ROOT / "cloudbuild.release.yaml").read_text())["steps"]
    given = {
        "BUILD": "a-build",
        "COMMIT": "a-commit",
        "ENVIRONMENT": "dev",
        "LOCATION": "europe-west2",
        "PROJECT": "a-project",
    }
    given |= {"FROM": "", "RELEASE": ""}
    called = []
    for step in steps:
        called += run(step["script"].replace(".venv/bin/python", "python"), **{**given, **variables})
    return called


def test_a_release_waits_for_its_checks_and_is_signed_and_saved(run: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "record.gcloud.out").write_text("SUCCESS\n")
    make, wait, *rest = release_steps(run)
    assert make == "make .venv/ready"
    assert "substitutions.COMMIT_SHA=a-commit" in wait
    assert rest == [
        "python -m nox -s upload -- dev --sign a-build",
        "python -m nox -s plan -- dev",
        "python -m nox -s save -- dev a-build --sign a-build",
    ]


def test_a_release_of_a_commit_whose_checks_failed_is_not_made(run: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "record.gcloud.out").write_text("FAILURE\n")
    steps = yaml.safe_load((ROOT / "cloudbuild.release.yaml").read_text())["steps"]
    (wait,) = (step["script"] for step in steps if step["id"] == "wait")
    run(wait, 1, FROM="", COMMIT="a-commit", PROJECT="a-project", LOCATION="europe-west2")


def test_a_promotion_builds_nothing(run: Callable[..., list[str]]) -> None:
    assert release_steps(run, ENVIRONMENT="prod", FROM="dev", RELEASE="a-release") == [
        "make .venv/ready",
        "python -m nox -s promote -- dev prod a-release",
        "python -m nox -s plan -- prod --release a-release",
        "python -m nox -s save -- prod a-build --sign a-build",
    ]


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg, which knows what a Debian without packages has")
def test_steps_run_with_the_programs_of_the_builder_only(tmp_path: Path) -> None:
    """A step that needs a program that the image lacks fails here too."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    steps = [{"id": "known", "script": "#!/bin/bash\ngit --version && sha256sum --version\n"}]
    (workspace / "known.yaml").write_text(yaml.safe_dump({"options": {}, "steps": steps}))
    steps.append({"id": "unknown", "script": "#!/bin/bash\npytest --version\n"})
    (workspace / "unknown.yaml").write_text(yaml.safe_dump({"options": {}, "steps": steps}))
    for name in ("known", "unknown"):
        (tmp_path / name).mkdir()
    run_steps(workspace, tmp_path / "known", "known.yaml", {})
    with pytest.raises(CommandError, match=r"the step unknown of unknown\.yaml failed"):
        run_steps(workspace, tmp_path / "unknown", "unknown.yaml", {})
