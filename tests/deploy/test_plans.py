"""Plans and applies of both environments, in a copy, against the providers' real schemas."""

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
from google.cloud.monitoring_dashboard_v1 import Dashboard

from tests.support.alerts import alerts, chart_queries
from tools.bundle.resources import addresses, table
from tools.local.layout import Layout
from tools.places import ROOT

ENVIRONMENTS = ("dev", "prod")
COPIED = ("functions", "ops", "requirements", "shared", "tools", "terraform")
PROGRAM = os.environ.get("TERRAFORM", "terraform")

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.skipif(
        Path(PROGRAM).name != "terraform-offline",
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

    def terraform(self, environment: str, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            (PROGRAM, f"-chdir=terraform/environments/{environment}", *arguments, "-no-color"),
            cwd=self.root,
            env={**os.environ, "XDG_CACHE_HOME": str(self.cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def plan(self, environment: str, release: Path, *, changes: bool = True) -> str:
        """A plan as shown; asserts whether there is something to do."""
        return self.terraform(
            environment, "plan", "-input=false", "-detailed-exitcode", f"-var=release={release}", status=2 * changes
        )

    def apply(self, environment: str, release: Path) -> None:
        self.terraform(environment, "apply", "-input=false", "-auto-approve", f"-var=release={release}")

    def state(self, environment: str) -> dict[str, Any]:
        """Every resource's values by address."""
        shown = json.loads(self.terraform(environment, "show", "-json"))
        (module,) = shown["values"]["root_module"]["child_modules"]
        return {resource["address"]: resource["values"] for resource in module["resources"]}


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    root = tmp_path / "psr"
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    subprocess.run(("git", "init", "--quiet", root), check=True)
    subprocess.run((PROGRAM, "version"), check=True, capture_output=True)
    cache = tmp_path / "cache"
    prepared = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "terraform-offline"
    (cache / "terraform-offline").mkdir(parents=True)
    for path in prepared.glob("venv-*"):
        (cache / "terraform-offline" / path.name).symlink_to(path)
    yield Copy(root, cache)
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_plan_after_an_apply_has_no_changes(environment: str, copy: Copy) -> None:
    release = copy.bundle()
    copy.apply(environment, release)
    assert "No changes." in copy.plan(environment, release, changes=False)
    state = copy.state(environment)
    assert deployed_alerts(state) == {(alert.name, alert.query) for alert in alerts() if alert.query}
    assert deployed_charts(state) == sorted(query.text for query in chart_queries())


def deployed_alerts(state: dict[str, Any]) -> set[tuple[str, str]]:
    """Name and PromQL of every alert that Terraform makes."""
    policies = [values for address, values in state.items() if "google_monitoring_alert_policy" in address]
    conditions = [condition for policy in policies for condition in policy["conditions"]]
    return {
        (condition["display_name"], query["query"])
        for condition in conditions
        for query in condition["condition_prometheus_query_language"]
    }


def deployed_charts(state: dict[str, Any]) -> list[str]:
    """The PromQL of every line of the dashboard that Terraform makes."""
    (dashboard,) = (values for address, values in state.items() if "google_monitoring_dashboard" in address)
    tiles = Dashboard.from_json(dashboard["dashboard_json"]).mosaic_layout.tiles  # fails on what the API does not know
    lines = [line for tile in tiles for line in tile.widget.xy_chart.data_sets]
    return sorted(line.time_series_query.prometheus_query for line in lines)


def test_releasing_and_going_back_are_commands_and_bring_back_exactly_what_was(copy: Copy, emulators: Layout) -> None:
    storage.Client(project="a-project").create_bucket("example-psr-prod-psr-releases")

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
        name = ops("upload", "prod").split()[-1]
        ops("plan", "prod")
        ops("apply", "prod")
        return name

    first = release()
    before = copy.state("prod")

    (copy.root / "shared/settings.py").open("a").write("\n# changed\n")
    manifest = copy.root / "functions/lookup/function.yaml"
    manifest.write_text(manifest.read_text().replace("max_instances: 50", "max_instances: 60"))
    copy.add_example()
    second = release()
    assert ops("list", "prod").split() == sorted([first, second])
    between = copy.state("prod")
    lookup = 'module.psr.google_cloudfunctions2_function.function["lookup"]'
    assert between[lookup]["build_config"] != before[lookup]["build_config"]
    assert between[lookup]["service_config"] != before[lookup]["service_config"]
    assert 'module.psr.google_pubsub_subscription.push["example"]' in between

    ops("plan", "prod", "--release", first)
    ops("save", "prod", "a-build")
    ops("apply", "prod", "--saved", "a-build")
    assert deployed(copy.state("prod")) == deployed(before)


def deployed(state: dict[str, Any]) -> dict[str, Any]:
    """The state without made-up values: what the provider would compute."""
    return {address: known(values) for address, values in state.items()}


def known(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: known(inner) for name, inner in value.items() if not str(inner).startswith("offline-")}
    return [known(inner) for inner in value] if isinstance(value, list) else value


def test_a_new_folder_is_a_new_function_with_all_that_belongs_to_it_and_no_other_edit(copy: Copy) -> None:
    before = created(copy.plan("prod", copy.bundle()))
    copy.add_example()
    after = created(copy.plan("prod", copy.bundle()))
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
            'google_service_account.function["example"]',
        },
    )


def created(plan: str) -> set[str]:
    """Addresses in the module of everything that a plan creates."""
    lines = (line.strip() for line in plan.splitlines())
    return {
        line.removeprefix("# module.psr.").removesuffix(" will be created")
        for line in lines
        if line.startswith("# module.psr.") and line.endswith(" will be created")
    }


def test_the_page_of_resources_is_that_of_the_plans(copy: Copy) -> None:
    release = copy.bundle()
    planned = {environment: addresses(copy.plan(environment, release)) for environment in ENVIRONMENTS}
    assert (ROOT / "docs/resources.md").read_text() == table(ROOT / "terraform", planned), "run `nox -s resources`"
