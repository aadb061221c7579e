"""docs/resources.md: every resource that Terraform makes, and in which environments, from the plans of both."""

import re
from collections.abc import Mapping
from pathlib import Path

_RESOURCE = re.compile(r'^resource "(?P<type>\w+)" "(?P<name>\w+)" \{\n(?P<body>.*?)^\}', re.MULTILINE | re.DOTALL)
_EACH = re.compile(r"^  (?:for_each|count)\s*= (.*)$", re.MULTILINE)
_FOR_EACH = {
    "local.alerts": "alert and function",
    "local.apis": "API",
    "local.backends": "HTTP function",
    "local.collections": "collection",
    "local.composite_indexes": "index",
    "local.accounts": "account",
    "local.agent_roles": "service agent",
    "local.fields": "field",
    "local.functions": "function",
    "local.http": "HTTP function",
    "local.log_buckets": "kind of log",
    "local.metrics": "metric",
    "local.pubsub": "consumer",
    "local.scheduled": "scheduled function",
    "local.topics": "topic",
    "local.with_dead_letters": "consumer that can give up",
    "var.alert_emails": "address",
    "local.project_roles": "role",
    "local.repository": "repository",
    "local.repository_with_image": "repository",
    "var.deployers": "deployer",
}
_MARKS = {True: "yes", False: "-"}
_HEAD = """# Terraform resources

Made from the plans of both environments. `nox -s resources` writes this page. "One for each" names the set that a
resource is repeated for; "several" is a fixed small number; "once" marks resources that the bootstrap makes before the
first release.

| Resource | File | One for each | {environments} |
| --- | --- | --- | {rules} |
"""


def table(terraform: Path, planned: Mapping[str, set[str]]) -> str:
    """The page. `planned` holds the addresses of the resources that each environment's plan creates."""
    head = _HEAD.format(environments=" | ".join(planned), rules=" | ".join("---" for _ in planned))
    rows = [
        f"| `{address}` | {path.name} | {each} | {' | '.join(_MARKS[address in made] for made in planned.values())} |"
        for path in sorted(terraform.glob("*.tf"))
        for address, each in _resources(path.read_text(encoding="utf-8"))
    ]
    rows += [
        f"| `{address}` | bootstrap/{path.name} | {each} | {' | '.join('once' for _ in planned)} |"
        for path in sorted((terraform / "bootstrap").glob("*.tf"))
        for address, each in _resources(path.read_text(encoding="utf-8"))
    ]
    return head + "\n".join(rows) + "\n"


def addresses(plan: str) -> set[str]:
    """`type.name` of everything that a plan, as shown by Terraform, creates."""
    return set(re.findall(r"^  # (\w+\.\w+)(?:\[.*\])? will be created$", plan, re.MULTILINE))


def _resources(text: str) -> list[tuple[str, str]]:
    return [(f"{found['type']}.{found['name']}", _each(found["body"])) for found in _RESOURCE.finditer(text)]


def _each(body: str) -> str:
    each = _EACH.search(body)
    if each is None:
        return "-"
    if "local.grants" in each[1]:
        return "permission in a manifest"
    return _FOR_EACH.get(each[1], "several")
