"""The alerts, executed: Prometheus' own rule tester runs each query over made-up series, and it fires when it should.

Cloud Monitoring's PromQL is at parity with Prometheus 2.44, but for how it interpolates
(cloud.google.com/stackdriver/docs/managed-prometheus/promql-differences): cases keep off the very threshold.
"""

import shutil
import subprocess
from datetime import datetime, timedelta
from math import gcd
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from shared.clock import LONDON
from tests.operations.alerts import alerts

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="no promtool, which comes with Prometheus")

QUERIES = {alert.name: alert for alert in alerts() if alert.query}
DAY = 24 * 60

#: By selection, a value a minute: "2+3x60" is 2, then 60 times 3 more.
Series = dict[str, str]


class Case(NamedTuple):
    """Whether the alert fires at a minute of these series, after Prometheus' own notation."""

    means: str
    at: int
    series: Series
    fires: bool


def fires(means: str, at: int, *series: Series) -> Case:
    return Case(means, at, {name: values for one in series for name, values in one.items()}, fires=True)


def silent(means: str, at: int, *series: Series) -> Case:
    return fires(means, at, *series)._replace(fires=False)


def on_run(metric: str, **labels: str) -> str:
    return selection(metric, monitored_resource="cloud_run_revision", **labels)


def selection(metric: str, **labels: str) -> str:
    matchers = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{matchers}}}"


def answers(function: str, kind: str, values: str) -> Series:
    """Requests of a function that were answered with 2xx, 4xx or 5xx."""
    return {on_run("run_googleapis_com:request_count", service_name=function, response_code_class=kind): values}


def logged(event: str, values: str, function: str = "register", problem: str = "") -> Series:
    """How often an event was logged."""
    labels = {"event": event, "function": function, "problem": problem}
    return {on_run("logging_googleapis_com:user_psr_events", **labels): values}


def once(event: str, function: str = "register", problem: str = "") -> Series:
    """An event that was logged in minute 60, and never before."""
    return logged(event, "0x59 1x2000", function, problem)


def slow(function: str, values: str) -> Series:
    """Requests that took longer than was promised."""
    return {on_run("logging_googleapis_com:user_psr_slow_requests", function=function): values}


def shown(group: str, values: str) -> Series:
    """Registrations that a group of callers was shown."""
    labels = {"caller_kind": "agent", "caller_group": group}
    return {on_run("logging_googleapis_com:user_psr_registrations_read_sum", **labels): values}


def on_subscription(what: str, function: str, values: str) -> Series:
    labels = {"monitored_resource": "pubsub_subscription", "subscription_id": function}
    return {selection(f"pubsub_googleapis_com:subscription_{what}", **labels): values}


def oldest(function: str, values: str) -> Series:
    """Seconds that the oldest message of a consumer has waited."""
    return on_subscription("oldest_unacked_message_age", function, values)


def waiting(function: str, values: str) -> Series:
    """Messages that wait for a consumer."""
    return on_subscription("num_undelivered_messages", function, values)


def published(topic: str, values: str) -> Series:
    """Requests to publish on a topic."""
    labels = {"monitored_resource": "pubsub_topic", "topic_id": topic, "response_class": "success"}
    return {selection("pubsub_googleapis_com:topic_send_request_count", **labels): values}


CONSUMER, LETTERS = "consume-migration", "quarantine-dead-letters"
COMING = published("psr-customer-migration", "0+5x60")

CASES: dict[str, list[Case]] = {
    "backlog consume-migration": [
        fires("a message waits 45 minutes", 45, oldest(CONSUMER, "0+60x60")),
        silent("it was refused a few times", 25, oldest(CONSUMER, "0+60x60")),
        silent("another consumer's waits", 45, oldest(LETTERS, "0+60x60")),
    ],
    "change_stored_late": [
        fires("one, five minutes ago", 65, once("CHANGE_STORED_LATE")),
        silent("in time", 65, once("CHANGE_STORED")),
    ],
    "clocks_out_of_step": [
        fires("a write was refused", 65, once("REQUEST_SERVED", problem="clock-out-of-step")),
        silent("Firestore did not answer", 65, once("REQUEST_SERVED", problem="unavailable")),
    ],
    "dead_letters quarantine-dead-letters": [
        fires("one came", 65, once("MESSAGE_QUARANTINED", LETTERS)),
        silent("a consumer kept one itself", 65, once("MESSAGE_QUARANTINED", CONSUMER)),
    ],
    "dead_letters_waiting quarantine-dead-letters": [
        fires("one is stuck", 20, oldest(LETTERS, "0+60x60"), waiting(LETTERS, "1x60")),
        fires("a flood", 5, oldest(LETTERS, "0+60x60"), waiting(LETTERS, "5000x60")),
        silent("each is soon kept", 20, oldest(LETTERS, "30x60"), waiting(LETTERS, "9x60")),
    ],
    "defects": [
        fires("an exception", 65, once("REQUEST_FAILED")),
        fires("a log field was dropped", 65, once("FIELD_DROPPED", CONSUMER)),
        silent("bad input", 65, once("REQUEST_SERVED", problem="invalid-content")),
    ],
    "errors lookup": [
        fires("1 of 20 fails for an hour", 60, answers("lookup", "2xx", "0+19x60"), answers("lookup", "5xx", "0+1x60")),
        fires(
            "1 of 120 fails for 6 h", 360, answers("lookup", "2xx", "0+119x360"), answers("lookup", "5xx", "0+1x360")
        ),
        silent("1 of 500 fails", 360, answers("lookup", "2xx", "0+499x360"), answers("lookup", "5xx", "0+1x360")),
        silent("it is over", 120, answers("lookup", "2xx", "0+19x120"), answers("lookup", "5xx", "0+1x60 60x60")),
        silent("1 of 60 at night", 65, answers("lookup", "2xx", "0+1x65"), answers("lookup", "5xx", "0x59 1x5")),
        silent("another function", 60, answers("lookup", "2xx", "0+9x60"), answers("register", "5xx", "0+1x60")),
        silent("callers err", 60, answers("lookup", "2xx", "0+1x60"), answers("lookup", "4xx", "0+9x60")),
        silent("no traffic", 60, answers("lookup", "2xx", "7x60"), answers("lookup", "5xx", "3x60")),
        silent("nobody has ever called", 60),
    ],
    "errors_slow lookup": [
        fires("1 of 500", 3 * DAY, answers("lookup", "2xx", "0+499x4320"), answers("lookup", "5xx", "0+1x4320")),
        silent("1 of 2000", 3 * DAY, answers("lookup", "2xx", "0+1999x4320"), answers("lookup", "5xx", "0+1x4320")),
    ],
    "export_stopped": [
        fires("counts differ", 65, once("EXPORT_STOPPED", "export-recipient")),
        fires("a person decides", 65, once("EXPORT_DAY_HELD", "export-daily")),
        silent("a day went out", 65, once("EXPORT_DAY_RELEASED", "export-daily")),
    ],
    "job_missing expire-needs": [
        fires("no run for a day", DAY + 120, answers("expire-needs", "2xx", "0x30 1x1600")),
        fires("every run fails", DAY + 120, answers("expire-needs", "5xx", "0+1x1600")),
        fires("it never ran", 10),
        silent("the last is 24 hours ago", DAY, answers("expire-needs", "2xx", "0x30 1x1600")),
    ],
    "job_missing replay-parked": [
        fires("none for three hours", 250, answers("replay-parked", "2xx", "0+1x60 60x300")),
        silent("its hour of rest", 125, answers("replay-parked", "2xx", "0+1x60 60x300")),
    ],
    "latency register": [
        fires("1 of 5", 60, logged("REQUEST_SERVED", "0+5x60"), slow("register", "0+1x60")),
        fires("1 of 10 for 6 h", 360, logged("REQUEST_SERVED", "0+10x360"), slow("register", "0+1x360")),
        silent("1 of 50", 360, logged("REQUEST_SERVED", "0+50x360"), slow("register", "0+1x360")),
        silent("another function", 60, logged("REQUEST_SERVED", "0+5x60"), slow("lookup", "0+1x60")),
        silent("none was ever slow", 60, logged("REQUEST_SERVED", "0+5x60")),
    ],
    "latency_slow register": [
        fires("1 of 50", 3 * DAY, logged("REQUEST_SERVED", "0+50x4320"), slow("register", "0+1x4320")),
        silent("1 of 200", 3 * DAY, logged("REQUEST_SERVED", "0+200x4320"), slow("register", "0+1x4320")),
    ],
    "no_progress consume-migration": [
        fires("messages come, and none is applied", 60, COMING, logged("CHANGE_STORED", "7x60", CONSUMER)),
        fires("messages come, and it never logged", 60, COMING),
        fires("none comes, and an old one waits", 30, oldest(CONSUMER, "0+60x60")),
        fires("only another's are applied", 60, COMING, logged("CHANGE_STORED", "0+5x60", "consume-account-events")),
        silent("all are applied", 60, COMING, logged("CHANGE_STORED", "0+5x60", CONSUMER)),
        silent("all are quarantined", 60, COMING, logged("MESSAGE_QUARANTINED", "0+5x60", CONSUMER)),
        silent("the first came five minutes ago", 65, published("psr-customer-migration", "0x60 1+5x60")),
        silent("a quiet night", 60, published("psr-customer-migration", "7x60"), oldest(CONSUMER, "0x60")),
        silent("nothing was ever published", 60),
    ],
    "no_progress export-recipient": [
        fires("parts are asked for only", 60, published("psr-export-work", "0+5x60")),
        silent(
            "parts are written",
            60,
            published("psr-export-work", "0+5x60"),
            logged("EXPORT_PART_WRITTEN", "0+5x60", "export-recipient"),
        ),
    ],
    "quarantine_growth": [
        fires("two a minute", 65, logged("MESSAGE_QUARANTINED", "0+2x99", CONSUMER)),
        silent("one in ten minutes", 65, logged("MESSAGE_QUARANTINED", "0+0.1x99", CONSUMER)),
    ],
    "quarantine_neglected": [
        fires("said two hours ago, before the hour of rest", 180, once("QUARANTINE_NEGLECTED", "replay-parked")),
        silent("settled since", 200, once("QUARANTINE_NEGLECTED", "replay-parked")),
    ],
    "reads_unusual": [
        fires("ten times its busiest hour", 5 * DAY + 60, shown("7f", "0+1x7200 7210+10x60")),
        fires("600 an hour by a group never seen before", 60, shown("7f", "0+10x60")),
        fires("one beside a busy back end", 5 * DAY + 60, shown("7f", "0+500x7260"), shown("a0", "0x7200 0+20x60")),
        silent("three times its busiest hour", 5 * DAY + 60, shown("7f", "0+2x7200 14406+6x60")),
        silent("ten times next to nothing", 5 * DAY + 60, shown("7f", "0+0.1x7200 721+1x60")),
        silent("a back end that always reads much", 5 * DAY, shown("7f", "0+500x7200")),
    ],
    "supply_point_unroutable": [
        fires("one was registered", 65, once("SUPPLY_POINT_UNROUTABLE")),
        fires("a day went out without some", 65, once("EXPORT_UNROUTABLE", "export-daily")),
        silent("all are known", 65, once("CHANGE_STORED")),
    ],
}


class Night(NamedTuple):
    """When days were released, in London's time, and when it is looked."""

    means: str
    released: list[str]
    at: str
    fires: bool


NIGHTS = [
    Night("a winter's day is released in time", ["2026-12-01 02:09", "2026-12-02 02:09"], "2026-12-02 06:00", False),
    Night("a winter's day is late", ["2026-12-01 02:09"], "2026-12-02 06:00", True),
    Night("it stays late until it is released", ["2026-12-01 02:09"], "2026-12-02 23:00", True),
    Night("a late one is released at last", ["2026-12-01 02:09", "2026-12-02 09:30"], "2026-12-02 10:00", False),
    Night("the next after a late one is late", ["2026-12-01 09:30"], "2026-12-02 06:00", True),
    Night("and stays so", ["2026-12-01 09:30"], "2026-12-02 16:00", True),
    Night("all is well in the evening", ["2026-12-01 02:09", "2026-12-02 02:09"], "2026-12-02 23:00", False),
    Night("it is too early to say", ["2026-12-01 02:09"], "2026-12-02 04:00", False),
    Night("a summer's day is released in time", ["2026-07-01 02:09", "2026-07-02 02:09"], "2026-07-02 06:00", False),
    Night("a summer's day is late", ["2026-07-01 02:09"], "2026-07-02 06:00", True),
    Night("clocks go forward, in time", ["2027-03-27 02:09", "2027-03-28 02:09"], "2027-03-28 06:00", False),
    Night("clocks go forward, late", ["2027-03-27 02:09"], "2027-03-28 06:00", True),
    Night("clocks go back, in time", ["2026-10-24 02:09", "2026-10-25 02:09"], "2026-10-25 06:00", False),
    Night("clocks go back, late", ["2026-10-24 02:09"], "2026-10-25 06:00", True),
    Night("clocks go back, and it takes an hour", ["2026-10-24 02:09"], "2026-10-25 03:00", False),
]


def minute(moment: str, midnight: datetime) -> int:
    """London's time as a minute of the series, which begin at midnight UTC: Prometheus' tests do."""
    return int((datetime.fromisoformat(moment).replace(tzinfo=LONDON) - midnight) / timedelta(minutes=1))


def as_case(night: Night) -> Case:
    midnight = datetime.fromisoformat(f"{night.released[0][:10]} 00:00+00:00")
    minutes = [minute(moment, midnight) for moment in night.released]
    counts = [sum(one <= at for one in minutes) for at in range(minute(night.at, midnight) + 1)]
    series = logged("EXPORT_DAY_RELEASED", " ".join(map(str, counts)), "export-daily")
    return Case(night.means, minute(night.at, midnight), series, night.fires)


CASES["export_late"] = [*map(as_case, NIGHTS), fires("none was ever released", 10)]


def test_each_query_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    told = {(QUERIES[name].row, case.fires) for name, cases in CASES.items() for case in cases}
    assert told == {(alert.row, fires) for alert in QUERIES.values() for fires in (True, False)}


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires_when_it_should_and_only_then(name: str, tmp_path: Path) -> None:
    rule = {"alert": name, "expr": QUERIES[name].query, "for": QUERIES[name].duration}
    write(tmp_path / "rules.yaml", {"groups": [{"name": "alerts", "rules": [rule]}]})
    looked_at = gcd(*(case.at for case in CASES[name]))
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": f"{looked_at}m",
        "tests": [*map(as_test, CASES[name])],
    }
    write(tmp_path / "tests.yaml", tests)
    done = subprocess.run(
        (str(PROMTOOL), "test", "rules", "tests.yaml"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def as_test(case: Case) -> dict[str, object]:
    firing = {
        "expr": 'count(ALERTS{alertstate="firing"}) or vector(0)',
        "eval_time": f"{case.at}m",
        "exp_samples": [{"labels": "{}", "value": int(case.fires)}],
    }
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    return {"name": case.means, "interval": "1m", "input_series": series, "promql_expr_test": [firing]}


def write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content))
