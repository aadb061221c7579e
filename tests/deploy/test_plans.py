"""Releases and a new function, planned and applied in a copy of the repository against the providers' real schemas."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from google.cloud import storage

from ops.terraform import Terraform
from tests.support.planned import OFFLINE, PROGRAM, prepared
from tools.local.layout import Layout
from tools.places import ROOT

ENVIRONMENTS = ("dev", "dev")
COPIED = ("functions", "ops", "requirements", "shared", "tools", "terraform")

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.skipif(
        not OFFLINE,
        reason="planning without a cloud needs terraform-offline: name it in the environment variable TERRAFORM",
    ),
]

EXAMPLE_MANIFEST = """\
description: An example.
entry_point: main
trigger:
  pubsub:
    topic: psr-examples
resources:
  memory: 512Mi
  cpu: 1
  timeout_seconds: 60
  concurrency: 10
  max_instances: 2
permissions:
  - firestore.read
"""

EXAMPLE_CODE = """\
from shared.domain.delivery import Delivery
from shared.messages.push import Consumer

consumer = Consumer(__file__)


@consumer.handles
async def consume(delivery: Delivery) -> None:
    print(delivery.message_id)


main = consumer.function()
"""


class Copy(NamedTuple):
    """A copy of the repository, whose Terraform state is its own."""

    root: Path
    cache: Path

    def bundle(self) -> Path:
        """The release file of the copy's present content, in a file of its own."""
        subprocess.run((sys.executable, "-m", "tools.bundle"), cwd=self.root, check=True, capture_output=True)
        count = len(list(self.root.glob("release-*.json")))
        return (self.root / "dist/release.json").rename(self.root / f"release-{count}.json")

    def add_example(self) -> None:
        """Add a function: a folder with a manifest and its code."""
        folder = self.root / "functions/example"
        folder.mkdir()
        (folder / "function.yaml").write_text(EXAMPLE_MANIFEST)
        (folder / "main.py").write_text(EXAMPLE_CODE)

    def commit(self) -> None:
        """Commit everything, so that it can be released."""
        (self.root / ".gitignore").write_text("dist/\n__pycache__/\n")
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        for arguments in (("add", "--all"), (*identity, "commit", "--quiet", "--message", "Change")):
            subprocess.run(("git", *arguments), cwd=self.root, check=True)

    def terraform(self, *arguments: str) -> str:
        done = subprocess.run(
            (PROGRAM, "-chdir=terraform", *arguments, "-no-color"),
            cwd=self.root,
            env={**os.environ, "XDG_CACHE_HOME": str(self.cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def plan(self, release: Path) -> str:
        """A plan of dev as shown."""
        return self.terraform("plan", "-input=false", *Terraform("dev").with_values(), f"-var=release={release}")

    def state(self) -> dict[str, Any]:
        """Every resource's values by address."""
        resources = json.loads(self.terraform("show", "-json"))["values"]["root_module"]["resources"]
        return {resource["address"]: resource["values"] for resource in resources}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    root = tmp_path / "psr"
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    subprocess.run(("git", "init", "--quiet", root), check=True)
    yield Copy(root, prepared(tmp_path / "cache"))
    shutil.rmtree(tmp_path)


def test_releasing_and_going_back_are_commands_and_bring_back_exactly_what_was(copy: Copy, emulators: Layout) -> None:
    storage.Client(project="a-project").create_bucket("example-psr-dev-psr-releases")

    def ops(*arguments: str) -> str:
        done = subprocess.run(
            (sys.executable, "-m", "ops", "release", *arguments),
            cwd=copy.root,
            env={
                **os.environ,
                "STORAGE_EMULATOR_HOST": f"http://{emulators.emulators['storage']}",
                "TERRAFORM": PROGRAM,
                "XDG_CACHE_HOME": str(copy.cache),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def release() -> str:
        copy.commit()
        name = ops("upload", "dev").split()[-1]
        assert "warning:" not in ops("plan", "dev")
        ops("apply", "dev")
        return name

    first = release()
    before = copy.state()

    (copy.root / "shared/settings.py").open("a").write("\n# changed\n")
    manifest = copy.root / "functions/lookup/function.yaml"
    manifest.write_text(manifest.read_text().replace("max_instances: 50", "max_instances: 60"))
    copy.add_example()
    second = release()
    assert ops("list", "dev").split() == sorted([first, second])
    between = copy.state()
    lookup = 'google_cloudfunctions2_function.function["lookup"]'
    assert between[lookup]["build_config"] != before[lookup]["build_config"]
    assert between[lookup]["service_config"] != before[lookup]["service_config"]
    assert 'google_pubsub_subscription.push["example"]' in between

    ops("plan", "dev", "--release", first)
    ops("save", "dev", "a-build")
    ops("apply", "dev")
    assert deployed(copy.state()) == deployed(before)


def deployed(state: dict[str, Any]) -> dict[str, Any]:
    """The state without made-up values: what the provider would compute."""
    return {address: known(values) for address, values in state.items()}


def known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: known(inner) for name, inner in value.items() if not str(inner).startswith("offline-")}
    return [known(inner) for inner in value] if isinstance(value, list) else value


def test_a_new_folder_is_a_new_function_with_all_that_belongs_to_it_and_no_other_edit(copy: Copy) -> None:
    before = created(copy.plan(copy.bundle()))
    copy.add_example()
    after = created(copy.plan(copy.bundle()))
    assert (before - after, after - before) == (
        set(),
        {
            'google_cloud_run_service_iam_member.invoker["example"]',
            'google_cloudfunctions2_function.function["example"]',
            'google_monitoring_alert_policy.alert["backlog example"]',
            'google_monitoring_alert_policy.alert["no_progress example"]',
            'google_project_iam_member.firestore["example firestore.read"]',
            'google_pubsub_subscription.push["example"]',
            'google_pubsub_subscription_iam_member.dead_letters["example"]',
            'google_pubsub_topic.topic["psr-examples"]',
            'google_pubsub_topic_iam_member.operator["psr-examples group:psr-team@example.org"]',
            'google_service_account.function["example"]',
            'google_service_account_iam_member.attach["example"]',
        },
    )


def created(plan: str) -> set[str]:
    """Addresses of everything that a plan creates."""
    lines = (line.strip() for line in plan.splitlines())
    return {
        line.removeprefix("# ").removesuffix(" will be created")
        for line in lines
        if line.startswith("# ") and line.endswith(" will be created")
    }
