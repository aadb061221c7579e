"""Alerts and charts query metrics, labels, events and problems that exist."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain

import hcl2
import promql_parser
import pytest

from shared.log import Event
from shared.runtime.manifest import read_manifests
from tests.observability.sources import SOURCES, events_logged, problems_raised
from tests.support.alerts import TABLE, alerts, matchers, queries, selectors
from tools.bundle.contents import ImportGraph
from tools.places import FUNCTIONS, ROOT

#: Google's metrics in use, and which labels they or their resource have.
#: cloud.google.com/monitoring/api/metrics_gcp_p_z and cloud.google.com/monitoring/api/resources
GOOGLES: Mapping[str, set[str]] = {
    "loadbalancing_googleapis_com:https_request_count": {"url_map_name", "response_code_class"},
    "monitoring_googleapis_com:uptime_check_check_passed": {"host"},
    "monitoring_googleapis_com:uptime_check_time_until_ssl_cert_expires": {"host"},
    "pubsub_googleapis_com:subscription_dead_letter_message_count": {"subscription_id"},
    "pubsub_googleapis_com:subscription_num_undelivered_messages": {"subscription_id"},
    "pubsub_googleapis_com:subscription_oldest_unacked_message_age": {"subscription_id"},
    "pubsub_googleapis_com:topic_send_request_count": {"topic_id", "response_class"},
    "run_googleapis_com:container_instance_count": {"service_name"},
    "run_googleapis_com:request_count": {"service_name", "response_code", "response_code_class"},
    "run_googleapis_com:request_latencies_bucket": {"service_name", "le"},
}
RESOURCES = {
    "pubsub_googleapis_com:subscription": "pubsub_subscription",
    "pubsub_googleapis_com:topic": "pubsub_topic",
    "loadbalancing_googleapis_com:": "https_lb_rule",
    "monitoring_googleapis_com:uptime": "uptime_url",
}
EVENTS = "logging_googleapis_com:user_psr_events"
FUNCTION_NAMES = {name.replace("_", "-"): name for name in read_manifests(FUNCTIONS)}


def own_metrics() -> dict[str, set[str]]:
    """The log-based metrics of terraform/monitoring.tf, and their labels."""
    content = hcl2.loads((ROOT / "terraform/monitoring.tf").read_text())
    (metrics,) = (block["metrics"] for block in content["locals"] if "metrics" in block)
    return {
        f"logging_googleapis_com:user_{name}{'' if metric['value'] in (None, 'null') else '_sum'}": set(
            metric["labels"]
        )
        for name, metric in metrics.items()
        if isinstance(metric, dict)
    }


def events_asked_for() -> Iterator[tuple[str, str, str | None]]:
    """Query, event (as a regular expression) and function, of each selection of events."""
    for query in queries():
        for selector in selectors(query.text):
            asked = matchers(selector)
            if selector.name == EVENTS and "event" in asked:
                yield from ((query.place, event, asked.get("function")) for event in asked["event"].split("|"))


def logged_by(function: str, graph: ImportGraph) -> set[str]:
    """Events that a function's own modules and those that it imports may log."""
    modules = graph.shared_modules(function)
    shared = (path for path in SOURCES if ".".join(path.relative_to(ROOT).with_suffix("").parts) in modules)
    own = (FUNCTIONS / function).rglob("*.py")
    return {event.name for path in chain(shared, own) for event in events_logged(path)}


def test_every_query_is_whole_and_parses() -> None:
    for query in queries():
        assert "$" not in query.text, query.place
        promql_parser.parse(query.text)


def test_every_query_asks_for_metrics_that_there_are_by_labels_that_they_have() -> None:
    known = {**GOOGLES, **own_metrics()}
    for query in queries():
        found = selectors(query.text)
        grouped = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([\w, ]+)\)", query.text))))
        assert grouped <= {label for selector in found for label in known[str(selector.name)]}, query.place
        for selector in found:
            asked = matchers(selector)
            resource = next((r for start, r in RESOURCES.items() if str(selector.name).startswith(start)), None)
            assert asked.pop("monitored_resource") == (resource or "cloud_run_revision"), query.place
            assert set(asked) <= known[str(selector.name)], query.place


def test_every_metric_in_the_list_is_used() -> None:
    used = {selector.name for query in queries() for selector in selectors(query.text)}
    assert used == GOOGLES.keys() | own_metrics().keys()


def test_every_event_is_logged_by_a_function_that_it_is_asked_of() -> None:
    graph = ImportGraph(ROOT, FUNCTION_NAMES.values())
    by_function = {name: logged_by(folder, graph) for name, folder in FUNCTION_NAMES.items()}
    everywhere = set().union(*by_function.values())
    outcomes: dict[tuple[str, str], bool] = {}
    for place, pattern, function in events_asked_for():
        assert any(re.fullmatch(pattern, event) for event in everywhere), (place, pattern)
        if function is not None:
            can = any(re.fullmatch(pattern, event) for event in by_function[function])
            outcomes[place, function] = outcomes.get((place, function), False) or can
    assert [place for place, can in outcomes.items() if not can] == []


def test_every_problem_is_one_that_code_raises() -> None:
    asked = {
        asked["problem"]
        for query in queries()
        for selector in selectors(query.text)
        if "problem" in (asked := matchers(selector))
    }
    assert asked
    assert asked <= problems_raised()


def test_every_event_that_is_an_error_has_an_alert() -> None:
    alerted = {event for place, event, _ in events_asked_for() if place in {alert.name for alert in alerts()}}
    assert {event.name for event in Event if event.severity == "ERROR"} - alerted == set()


def test_every_function_has_an_alert() -> None:
    named = {name for alert in alerts() if alert.query for name in FUNCTION_NAMES if f'"{name}"' in alert.query}
    assert named == FUNCTION_NAMES.keys()


def test_a_log_filter_names_whole_fields_and_the_accounts_that_may() -> None:
    (filter_,) = (alert.log for alert in alerts() if alert.log)
    assert 'principalEmail=("psr-a-function@a-project.iam.gserviceaccount.com")' in filter_
    assert set(re.findall(r"(\w+)[.\w]*(?:=~|=|:)", filter_)) == {"logName", "protoPayload"}
    assert filter_.count("(") == filter_.count(")")


@pytest.mark.parametrize("name", TABLE["alerts"])
def test_every_alert_says_what_it_must(name: str) -> None:
    row = dict(TABLE["alerts"][name])
    kinds = [{"query", "for"}, {"objective", "burns", "for"}, {"log"}]
    assert row.keys() - {"because", "every", "per", "severity", "summary"} in kinds
    assert row["severity"] in {"CRITICAL", "ERROR", "WARNING"}
    assert len(row["because"].split()) > 10
    assert row["summary"].endswith(".")
    assert ("${function}" in row["summary"] + row.get("query", "")) == (
        row["per"] not in ("service", "front_door", "domain")
    )


def test_burn_rates_are_those_of_the_workbook() -> None:
    """Used up of a month's budget, short windows a twelfth of the long ones, and slower burns over longer windows."""
    burns = [burn for speed in ("fast", "slow") for burn in TABLE["burns"][speed]]
    month = 30 * 24
    used = [round(burn["times"] * hours(burn["long"]) / month, 3) for burn in burns]
    assert used == [0.02, 0.05, 0.1]
    assert {hours(burn["long"]) / hours(burn["short"]) for burn in burns} == {12}


def hours(window: str) -> float:
    return promql_parser.parse_duration(window).total_seconds() / 3600
