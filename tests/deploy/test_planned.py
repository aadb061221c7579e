"""The planned resources of every topology, and the checks of tools/plan_check: each finds the fault that it is for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud.monitoring_dashboard_v1 import Dashboard

from tests.support.alerts import alerts, chart_queries
from tests.support.planned import OFFLINE, TOPOLOGIES, Planned
from tools.bundle.resources import table
from tools.places import ROOT
from tools.plan_check import reach
from tools.plan_check.__main__ import findings
from tools.plan_check.grants import grants
from tools.plan_check.resources import Resource

pytestmark = [
    pytest.mark.terraform,
    pytest.mark.skipif(
        not OFFLINE,
        reason="applying without a cloud needs terraform-offline: name it in the environment variable TERRAFORM",
    ),
]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Resource]]:
    """The resources of a topology, applied once."""
    known: dict[str, list[Resource]] = {}

    def resources(name: str) -> list[Resource]:
        if name not in known:
            folder: Path = tmp_path_factory.mktemp("state")
            topology = Planned(TOPOLOGIES[name], folder)
            known[name] = topology.apply()
            if name == "prod":
                assert not topology.has_changes()
        return known[name]

    return resources


Resources = Callable[[str], list[Resource]]


@pytest.mark.parametrize("name", list(TOPOLOGIES))
def test_google_would_take_what_is_planned(name: str, planned: Resources) -> None:
    assert findings(planned(name)) == []


def test_the_deployed_alerts_and_charts_are_those_that_are_tested(planned: Resources) -> None:
    policies = [one for one in planned("prod") if one.type == "google_monitoring_alert_policy"]
    queries = {
        (one.get("conditions.display_name"), one.get("conditions.condition_prometheus_query_language.query"))
        for one in policies
    }
    assert {pair for pair in queries if pair[1]} == {(alert.name, alert.query) for alert in alerts() if alert.query}
    (dashboard,) = (one for one in planned("prod") if one.type == "google_monitoring_dashboard")
    tiles = Dashboard.from_json(
        dashboard.get("dashboard_json")
    ).mosaic_layout.tiles  # fails on what the API does not know
    lines = [line for tile in tiles for line in tile.widget.xy_chart.data_sets]
    assert sorted(line.time_series_query.prometheus_query for line in lines) == sorted(
        query.text for query in chart_queries()
    )


def test_the_page_of_resources_is_that_of_the_plans(planned: Resources) -> None:
    made = {name: {f"{one.type}.{one.name}" for one in planned(name)} for name in ("dev", "prod")}
    assert (ROOT / "docs/resources.md").read_text() == table(ROOT / "terraform", made), "run `nox -s resources`"


def test_every_row_of_the_list_of_people_and_accounts_is_needed(planned: Resources) -> None:
    every = [grant for name in TOPOLOGIES for grant in grants(planned(name))]
    unused = [row["why"] for row in reach.TABLE["allowed"] if not any(reach.allows(row, grant) for grant in every)]
    assert unused == []


def test_where_data_is_real_nobody_but_the_pipeline_can_act_as_the_deployer(planned: Resources) -> None:
    become = [
        grant.member
        for grant in grants(planned("bootstrap of prod"))
        if grant.role in ("roles/iam.serviceAccountTokenCreator", "roles/iam.workloadIdentityUser")
        and grant.target.startswith("account psr-deployer@")
    ]
    assert [member.rpartition("/attribute.")[2] for member in become] == ["environment/prod"]


def test_the_checker_can_only_write_logs_and_fetch_its_image(planned: Resources) -> None:
    held = {grant.role for grant in grants(planned("bootstrap of dev")) if "psr-checker@" in grant.member}
    assert held == {"roles/logging.logWriter", "roles/artifactregistry.reader"}


def test_each_trigger_runs_as_the_account_for_its_steps(planned: Resources) -> None:
    triggers = [one for one in planned("bootstrap of prod") if one.type == "google_cloudbuild_trigger"]
    accounts = {one.name: str(one.get("service_account")).rpartition("/")[2].partition("@")[0] for one in triggers}
    assert accounts == {
        "apply": "psr-deployer",
        "builder": "psr-planner",
        "check": "psr-checker",
        "release": "psr-planner",
    }
    (apply,) = (one for one in triggers if one.name == "apply")
    assert apply.get("approval_config.approval_required") is True
    assert apply.get("filename") is None
    assert apply.get("build.step.script") == (ROOT / "terraform/bootstrap/apply.sh").read_text()


def test_a_restored_database_takes_the_place_of_the_old_one_and_nothing_is_destroyed(tmp_path: Path) -> None:
    """The Terraform part of docs/restore.md, with its addresses."""
    page = (ROOT / "docs/restore.md").read_text()
    (forgotten,) = re.findall(r"state rm (.*)$", page, re.MULTILINE)
    database, index = (found.strip("'") for found in re.findall(r"-- import ('[^']+'|\S+) \S+$", page, re.MULTILINE))
    terraform = Planned(TOPOLOGIES["dev"], tmp_path)
    terraform.apply()
    new = [*terraform.values(), "-var=database=psr-register-2"]
    terraform.run("state", "rm", *forgotten.split())
    terraform.run("import", *new, database, "projects/example-psr-dev/databases/psr-register-2")
    terraform.run(
        "import", *new, index, "projects/example-psr-dev/databases/psr-register-2/collectionGroups/changes/indexes/1"
    )
    plan = terraform.run("plan", "-input=false", *new)
    assert re.findall(r"^  # (.*) (?:will be destroyed|must be replaced)", plan, re.MULTILINE) == []
    made = set(re.findall(r"^  # (\w+\.\w+)\S* .*will be created", plan, re.MULTILINE))
    made |= set(re.findall(r"^  # (\w+\.\w+)\[.*\] will be created", plan, re.MULTILINE))
    assert made == {"google_firestore_field.field", "google_firestore_backup_schedule.backup"}


# Faults, put back one at a time.


class Fault:
    """A change of planned resources."""

    def __init__(self, topology: str, finding: str, change: Callable[[Resource], Resource | None]) -> None:
        self.topology = topology
        self.finding = finding
        self.change = change


def names(resource: Resource) -> tuple[str, ...]:
    return (resource.type, f"{resource.type}.{resource.name}", resource.address)


def setting(kind: str, path: str, value: object) -> Callable[[Resource], Resource]:
    """Give the resources of a type, or one of them, another value."""

    def changed(values: Any, path: list[str]) -> Any:
        if not path:
            return value
        if isinstance(values, list):
            return [changed(one, path) for one in values]
        return {**values, path[0]: changed(values.get(path[0]), path[1:])}

    def change(resource: Resource) -> Resource:
        if kind not in names(resource):
            return resource
        return resource._replace(values=changed(resource.values, path.split(".")))

    return change


def without(kind: str) -> Callable[[Resource], Resource | None]:
    """Leave out a resource."""
    return lambda resource: None if kind in names(resource) else resource


def too_early(kind: str, wait: str) -> Callable[[Resource], Resource]:
    """Do not wait."""

    def change(resource: Resource) -> Resource:
        if resource.type != kind:
            return resource
        return resource._replace(depends_on=frozenset(resource.depends_on or ()) - {wait})

    return change


def dashboard_with(**values: object) -> Callable[[Resource], Resource]:
    text = '{"displayName": "PSR", "mosaicLayout": {"tiles": [{"width": 1, %s}]}}'
    pairs = ", ".join(f'"{name}": {value}' for name, value in values.items())
    return setting("google_monitoring_dashboard", "dashboard_json", text % pairs)


PLANNER = 'google_project_iam_member.pipeline["planner roles/pubsub.viewer"]'
DEPLOYER = 'google_project_iam_member.pipeline["deployer roles/run.admin"]'
FAULTS = {
    "a database id of three letters": Fault(
        "dev", "name is 'psr', which does not match", setting("google_firestore_database", "name", "psr")
    ),
    "Pub/Sub may not sign the tokens of deliveries": Fault(
        "dev",
        "a service agent needs roles/iam.serviceAccountTokenCreator on account psr-push-invoker@",
        without("google_service_account_iam_member.push_tokens"),
    ),
    "Pub/Sub's agent has no role": Fault(
        "dev",
        "a service agent needs roles/pubsub.serviceAgent on project",
        without('google_project_iam_member.agent["pubsub.googleapis.com"]'),
    ),
    "subscriptions are made as soon as the grants are": Fault(
        "dev",
        "needs roles/iam.serviceAccountTokenCreator on account psr-push-invoker@example-psr-dev.iam.gserviceaccount.com"
        " before, and time for it to be effective",
        too_early("google_pubsub_subscription", "time_sleep.grants_are_effective"),
    ),
    "functions are built as soon as the grants are made": Fault(
        "dev",
        "needs roles/artifactregistry.writer on repository psr-functions before, and time for it",
        too_early("google_cloudfunctions2_function", "time_sleep.grants_are_effective"),
    ),
    "a dashboard with a zero": Fault(
        "prod", "has 0 at mosaicLayout.tiles.0.xPos, which the server leaves out", dashboard_with(xPos=0)
    ),
    "a dashboard with an empty list": Fault(
        "prod", "has [] at mosaicLayout.tiles.0.thresholds, which the server", dashboard_with(thresholds="[]")
    ),
    "a distribution without buckets": Fault(
        "prod", "bucket_options is needed", setting("google_logging_metric", "bucket_options", [])
    ),
    "the deployer reads documents": Fault(
        "bootstrap of dev",
        "serviceAccount:psr-deployer@example-psr-dev.iam.gserviceaccount.com reads with roles/datastore.owner",
        setting(DEPLOYER, "role", "roles/datastore.owner"),
    ),
    "the planner is a viewer": Fault(
        "bootstrap of dev", "reads with roles/viewer on project", setting(PLANNER, "role", "roles/viewer")
    ),
    "a custom role with the right to documents": Fault(
        "bootstrap of dev",
        "psr-planner@example-psr-dev.iam.gserviceaccount.com reads with projects/example-psr-dev/roles/psrPlanner",
        setting("google_project_iam_custom_role.reader", "permissions", ["datastore.entities.get"]),
    ),
    "a role that nobody has looked at": Fault(
        "bootstrap of dev",
        "rights.yaml does not say what roles/bigquery.admin",
        setting(PLANNER, "role", "roles/bigquery.admin"),
    ),
    "a person may sign as the push invoker": Fault(
        "prod",
        "user:someone@example.org becomes with roles/iam.serviceAccountTokenCreator on account psr-push-invoker@",
        setting("google_service_account_iam_member.push_tokens", "member", "user:someone@example.org"),
    ),
    "a job whose caller may not call": Fault(
        "dev",
        "needs roles/run.invoker on service export-daily",
        without('google_cloud_run_service_iam_member.invoker["export-daily"]'),
    ),
    "a function that may not read its secret": Fault(
        "dev",
        "needs roles/secretmanager.secretAccessor on secret psr-identity-key",
        without("google_secret_manager_secret_iam_member.function"),
    ),
    "dead letters that may not be moved": Fault(
        "dev",
        "a service agent needs roles/pubsub.subscriber",
        without("google_pubsub_subscription_iam_member.dead_letters"),
    ),
    "the deployer may not attach an account": Fault(
        "dev",
        "needs roles/iam.serviceAccountUser on account psr-lookup@",
        without("google_service_account_iam_member.attach"),
    ),
    "the pipeline may not fetch its image": Fault(
        "bootstrap of dev",
        "needs roles/artifactregistry.reader on repository psr-pipeline",
        without("google_artifact_registry_repository_iam_member.pipeline"),
    ),
    "topics whose key their agent may not use": Fault(
        "own key",
        "a service agent needs roles/cloudkms.cryptoKeyEncrypterDecrypter on key projects/keys/",
        without("google_kms_crypto_key_iam_member.agent"),
    ),
    "a value that the API does not know": Fault(
        "dev",
        "service_config.ingress_settings is 'ALLOW_SOME', not one of",
        setting("google_cloudfunctions2_function", "service_config.ingress_settings", "ALLOW_SOME"),
    ),
    "a name with a capital letter": Fault(
        "prod", "name is 'Psr', which does not match", setting("google_compute_ssl_policy", "name", "Psr")
    ),
    "a field that the API requires": Fault(
        "dev", "schedule is required", setting("google_cloud_scheduler_job", "schedule", "")
    ),
    "a field that the API does not have": Fault(
        "dev", "colour is not in the API", setting("google_pubsub_topic", "colour", "red")
    ),
    "a backup that is kept for longer than Firestore keeps one": Fault(
        "dev",
        "retention is 9e+06, not 86400 to 8467200",
        setting("google_firestore_backup_schedule", "retention", "9000000s"),
    ),
    "a duration without a unit": Fault(
        "dev",
        "message_retention_duration is '604800', which does not match",
        setting("google_pubsub_topic", "message_retention_duration", "604800"),
    ),
    "two accounts of one name": Fault(
        "dev", "account_id 'psr-lookup' is not unique", setting("google_service_account", "account_id", "psr-lookup")
    ),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_that_is_put_back_is_found(name: str, planned: Resources) -> None:
    fault = FAULTS[name]
    before = planned(fault.topology)
    after = [changed for changed in map(fault.change, before) if changed is not None]
    assert after != before
    assert any(fault.finding in found for found in findings(after))
