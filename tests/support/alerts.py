"""terraform/alerts.yaml and terraform/dashboard.yaml with their words filled in, as Terraform does it.

tests/deploy/test_plans.py holds that what Terraform makes is the same.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from string import Template
from typing import Any, NamedTuple

import promql_parser
import yaml

from ops.terraform import values
from shared.runtime.manifest import read_manifests
from tools.places import FUNCTIONS, ROOT

TABLE: Mapping[str, Any] = yaml.safe_load((ROOT / "terraform/alerts.yaml").read_text(encoding="utf-8"))
CHARTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "terraform/dashboard.yaml").read_text(encoding="utf-8"))
SERVICE = "the service"
DEAD_LETTERS = "psr-dead-letters"

_TRIGGERS = {name.replace("_", "-"): manifest.trigger for name, manifest in read_manifests(FUNCTIONS).items()}
_TOPICS = {name: trigger.pubsub.topic for name, trigger in _TRIGGERS.items() if trigger.pubsub}
_CRONS = {name: trigger.schedule.cron for name, trigger in _TRIGGERS.items() if trigger.schedule}
_SITES = [name for name, trigger in _TRIGGERS.items() if trigger.pages]
FUNCTIONS_BY_KIND: Mapping[str, list[str]] = {
    "consumers": [name for name, topic in _TOPICS.items() if topic != DEAD_LETTERS],
    "dead_letters": [name for name, topic in _TOPICS.items() if topic == DEAD_LETTERS],
    "http": [name for name, trigger in _TRIGGERS.items() if trigger.http or trigger.pages],
    "schedule": list(_CRONS),
    "service": [SERVICE],
    "front_door": [SERVICE],
    "domain": [SERVICE, *_SITES],
}
_PROD = values("prod")


class Alert(NamedTuple):
    """One alert of one function. Exactly one of `query` (PromQL) and `log` (a filter) is set."""

    name: str
    row: str
    duration: str
    query: str | None
    log: str | None


class Query(NamedTuple):
    """PromQL, and its place."""

    place: str
    text: str


def started() -> str:
    """The day from which missing successes count, as terraform/monitoring.tf computes it for prod."""
    return f"{date.fromisoformat(_PROD['settings']['export_first_day']) + timedelta(days=2):%Y%m%d}"


def alerts(since: str | None = None) -> Iterator[Alert]:
    """Every alert that is deployed in prod; `since` replaces the day from which missing successes count."""
    for row, alert in TABLE["alerts"].items():
        for function in FUNCTIONS_BY_KIND[alert["per"]]:
            yield Alert(
                name=f"{row} {function}".removesuffix(f" {SERVICE}"),
                row=row,
                duration=alert.get("for", "0s"),
                query=None if "log" in alert else _filled(_query_of(alert), function, since).strip(),
                log=_filled(alert["log"], function).strip() if "log" in alert else None,
            )


def chart_queries() -> Iterator[Query]:
    """The query of each line of each chart."""
    for chart in CHARTS:
        for function in FUNCTIONS_BY_KIND[chart["per"]]:
            for legend, query in chart["lines"].items():
                yield Query(f"{_filled(chart['title'], function)}, {legend}", _filled(query, function))


def queries() -> list[Query]:
    """Every query of alerts and charts."""
    return [*(Query(alert.name, alert.query) for alert in alerts() if alert.query), *chart_queries()]


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    """Every selection of series in a query."""
    found: list[object] = []
    promql_parser.walk(promql_parser.parse(query), found.append)
    return [node for node in found if isinstance(node, promql_parser.VectorSelector)]


def matchers(selector: promql_parser.VectorSelector) -> dict[str, str]:
    """The labels that a selection asks for, with their values."""
    return {matcher.name: matcher.value for matcher in selector.matchers.matchers}


def _query_of(alert: Mapping[str, Any]) -> str:
    if "query" in alert:
        return str(alert["query"])
    objective = TABLE["objectives"][alert["objective"]]
    windows = TABLE["burns"][alert["burns"]]
    return "or ".join(Template(TABLE["burn"]).safe_substitute({**objective, **window}) for window in windows)


def _filled(text: str, function: str, since: str | None = None) -> str:
    words: dict[str, object] = {
        "accounts": '"psr-a-function@a-project.iam.gserviceaccount.com"',
        "domain": _PROD["pages" if function in _SITES else "front_door"]["domain"],
        "function": function,
        "functions": "|".join(_TRIGGERS),
        "jobs": "|".join(_CRONS),
        "started": since or started(),
        "topic": _TOPICS.get(function, ""),
        "window": "30m" if _CRONS.get(function, "").startswith("*") else "25h",
    }
    for name, objective in TABLE["objectives"].items():
        for part in ("bad", "all", "budget"):
            words[f"{name}_{part}"] = Template(str(objective[part])).safe_substitute(function=function)
    return Template(text).safe_substitute(words)
