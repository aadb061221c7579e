"""The alerts, executed: Prometheus' own rule tester runs each query over made-up series, and it fires when it should.

Cloud Monitoring's PromQL is at parity with Prometheus 2.44, but for how it interpolates
(cloud.google.com/stackdriver/docs/managed-prometheus/promql-differences): cases keep off the very threshold.
"""

import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from math import gcd
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from ops.terraform import values
from shared.clock import LONDON
from tests.support.alerts import FUNCTIONS_BY_KIND, SERVICE, alerts

PROMTOOL = shutil.which("promtool")

#: Prometheus' rule tester begins in 1970; there, missing successes count from the first day.
QUERIES = {alert.name: alert for alert in alerts(since="19700101") if alert.query}
DAY = 24 * 60
DOMAIN = values("prod")["front_door"]["domain"]

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


def uptime(metric: str, values: str, place: str = "eur") -> Series:
    """Results of the uptime check."""
    labels = {"monitored_resource": "uptime_url", "host": DOMAIN, "checker_location": place}
    return {selection(f"monitoring_googleapis_com:uptime_check_{metric}", **labels): values}


def through_door(kind: str, values: str) -> Series:
    """Answers of the load balancer."""
    labels = {"monitored_resource": "https_lb_rule", "url_map_name": "psr-front-door", "response_code_class": kind}
    return {selection("loadbalancing_googleapis_com:https_request_count", **labels): values}


def refused(function: str, values: str) -> Series:
    """Requests for which no instance was free."""
    return {on_run("run_googleapis_com:request_count", service_name=function, response_code="429"): values}


def once(event: str, function: str = "register", problem: str = "") -> Series:
    """An event that was logged in minute 60, and never before."""
    return logged(event, "0x59 1x2000", function, problem)


not_refreshed = partial(logged, "ISSUER_KEYS_NOT_REFRESHED")


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


def counted(*stretches: tuple[int, float]) -> str:
    """A count over stretches of time: minutes, and how many come in each minute."""
    total, parts = 0.0, ["0"]
    for minutes, each in stretches:
        parts.append(f"{total + each:g}+{each:g}x{minutes - 1}")
        total += minutes * each
    return " ".join(parts)


def noise(minutes: int) -> list[Series]:
    """Series that every case has and no alert counts: successes and failures of another function, other events."""
    much = f"0+100000x{minutes}"
    return [
        answers("another", "2xx", much),
        answers("another", "5xx", much),
        slow("another", much),
        oldest("another", f"99999x{minutes}"),
        waiting("another", f"99999x{minutes}"),
        published("another", much),
        *(logged("ANOTHER", much, function) for function in FUNCTIONS),
    ]


def single(name: str, event: str, window: int, function: str = "register", problem: str = "") -> dict[str, list[Case]]:
    """Cases of an alert that one event in its window (in minutes) is enough for."""
    series = once(event, function, problem)
    return {
        name: [
            fires(f"{event} just now", 65, series),
            fires(f"{event} at the end of the window", 55 + window, series),
            silent(f"{event} before the window", 65 + window, series),
        ]
    }


class Objective(NamedTuple):
    """How an objective's bad answers and all answers are counted, and its budget."""

    bad: Callable[[str], Series]
    every: Callable[[str], Series]
    budget: float

    def load(self, *stretches: tuple[int, float]) -> Series:
        """10,000 answers a minute; over each stretch of minutes, bad ones at a multiple of the budget."""
        bad = [(minutes, 10_000 * self.budget * times) for minutes, times in stretches]
        return {**self.bad(counted(*bad)), **self.every(counted((sum(minutes for minutes, _ in stretches), 10_000)))}


def burning_fast(of: Objective) -> list[Case]:
    """Cases of an objective whose budget is used up within hours."""
    few = of.every(counted((400, 0.1)))
    return [
        fires("16 times for an hour", 360, of.load((300, 0), (60, 16))),
        fires("7 times for six hours", 360, of.load((360, 7))),
        fires("18 of 60 in an hour", 360, of.every(counted((360, 1))), of.bad(counted((300, 0), (60, 0.3)))),
        silent("13 times for an hour", 360, of.load((300, 0), (60, 13))),
        silent("5 times for six hours", 360, of.load((360, 5))),
        silent("100 times for five minutes", 360, of.load((355, 0), (5, 100))),
        silent("12 times for 40 minutes", 360, of.load((320, 0), (40, 12))),
        silent("20 times for an hour, twice for ten minutes", 370, of.load((300, 0), (60, 20), (10, 2))),
        silent("7 times for six hours, once for 40 minutes", 400, of.load((360, 7), (40, 1))),
        silent("at night, one of six in an hour", 360, few, of.bad(counted((357, 0), (1, 1), (9, 0)))),
        silent(
            "at night, four of 36 in six hours", 360, few, of.bad(counted((100, 0), (3, 1), (237, 0), (1, 1), (20, 0)))
        ),
        silent("no traffic", 360, of.bad("3x400"), of.every("9x400")),
        silent("nobody has ever called", 360),
    ]


def burning_slow(of: Objective) -> list[Case]:
    """The same within days."""
    return [
        fires("1.2 times for three days", 3 * DAY, of.load((3 * DAY, 1.2))),
        silent("0.8 times for three days", 3 * DAY, of.load((3 * DAY, 0.8))),
        silent("5 times for eight hours", 3 * DAY, of.load((3 * DAY - 480, 0), (480, 5))),
        silent("1.5 times, half for eight hours", 3 * DAY + 480, of.load((3 * DAY, 1.5), (480, 0.5))),
        silent(
            "one of four an hour",
            3 * DAY,
            of.every(counted((3 * DAY, 0.001))),
            of.bad(counted((3 * DAY - 60, 0), (1, 1))),
        ),
    ]


FUNCTIONS = sorted({function for names in FUNCTIONS_BY_KIND.values() for function in names} - {SERVICE})
CONSUMER, LETTERS, TOPIC = "consume-migration", "quarantine-dead-letters", "psr-customer-migration"
COMING = published(TOPIC, "0+5x120")
ERRORS = Objective(partial(answers, "lookup", "5xx"), partial(answers, "lookup", "2xx"), 0.001)
LATENCY = Objective(partial(slow, "register"), partial(logged, "REQUEST_SERVED"), 0.01)

CASES: dict[str, list[Case]] = {
    **single("change_stored_late", "CHANGE_STORED_LATE", 15),
    **single("clocks_out_of_step", "REQUEST_SERVED", 10, problem="clock-out-of-step"),
    **single("dead_letters quarantine-dead-letters", "MESSAGE_QUARANTINED", 15, LETTERS),
    **single("defects", "REQUEST_FAILED", 60),
    **single("export_stopped", "EXPORT_STOPPED", 15, "export-recipient"),
    **single("quarantine_neglected", "QUARANTINE_NEGLECTED", 130, "replay-parked"),
    **single("supply_point_unroutable", "SUPPLY_POINT_UNROUTABLE", 60),
    "backlog consume-migration": [
        fires("a message waits 45 minutes", 45, oldest(CONSUMER, "0+60x60")),
        silent("it was refused a few times", 25, oldest(CONSUMER, "0+60x60")),
    ],
    "dead_letters_waiting quarantine-dead-letters": [
        fires("one is stuck", 20, oldest(LETTERS, "0+60x60"), waiting(LETTERS, "1x60")),
        fires("a flood", 5, oldest(LETTERS, "9x60"), waiting(LETTERS, "500x60")),
        silent("each is soon kept", 20, oldest(LETTERS, "200x60"), waiting(LETTERS, "50x60")),
    ],
    "errors lookup": burning_fast(ERRORS),
    "errors_slow lookup": burning_slow(ERRORS),
    "issuer_keys": [
        fires(
            "the issuer is away for half an hour", 60, logged("ISSUER_KEYS_NOT_REFRESHED", counted((30, 0), (31, 6)))
        ),
        silent(
            "it was away for ten minutes", 45, logged("ISSUER_KEYS_NOT_REFRESHED", counted((30, 0), (10, 6), (60, 0)))
        ),
        silent("each instance missed one answer", 60, logged("ISSUER_KEYS_NOT_REFRESHED", "0x57 50x40")),
        silent("once an hour an answer is missed", 120, logged("ISSUER_KEYS_NOT_REFRESHED", "0x59 1x59 2x60")),
    ],
    "certificate_expires": [
        fires("it expires in ten days", 60, uptime("time_until_ssl_cert_expires", "10x60")),
        silent("it expires in a month", 60, uptime("time_until_ssl_cert_expires", "30x60")),
    ],
    "front_door_down": [
        fires("no place gets an answer", 60, uptime("check_passed", "1x40 0x30")),
        silent("it was away for three minutes", 43, uptime("check_passed", "1x40 0x30")),
        silent(
            "one of three places gets no answer",
            60,
            uptime("check_passed", "0x60", "one"),
            uptime("check_passed", "1x60", "two"),
            uptime("check_passed", "1x60", "three"),
        ),
    ],
    "front_door_errors": [
        fires("one in ten fails", 60, through_door("200", "0+90x60"), through_door("500", "0+10x60")),
        silent("one in a hundred fails", 60, through_door("200", "0+99x60"), through_door("500", "0+1x60")),
        silent("a few at night fail", 60, through_door("200", "0+1x60"), through_door("500", "0x57 1+1x5")),
    ],
    "instances_exhausted": [
        fires("five a minute are refused", 60, refused("register", "0+5x60")),
        silent("a burst", 60, refused("register", "0x57 4x5")),
    ],
    "job_missing expire-needs": [
        fires("no run for a day", DAY + 120, answers("expire-needs", "2xx", "0x30 1x1600")),
        fires("every run fails", DAY + 120, answers("expire-needs", "5xx", "0+1x1600")),
        fires("it never ran", 10),
        silent("the last is 24 hours ago", DAY, answers("expire-needs", "2xx", "0x30 1x1600")),
    ],
    "job_missing replay-parked": [
        fires("none for half an hour", 100, answers("replay-parked", "2xx", "0+1x60 60x300")),
        silent("the last is a quarter of an hour ago", 75, answers("replay-parked", "2xx", "0+1x60 60x300")),
    ],
    "latency register": burning_fast(LATENCY),
    "latency_slow register": burning_slow(LATENCY),
    "no_progress consume-migration": [
        fires("messages come, and none is applied", 60, COMING, logged("CHANGE_STORED", "7x60", CONSUMER)),
        fires("messages come, and it never logged", 60, COMING),
        fires("only another's are applied", 60, COMING, logged("CHANGE_STORED", "0+5x60", "consume-account-events")),
        fires("the last was applied 40 minutes ago", 120, COMING, logged("CHANGE_STORED", "0+5x80 400x40", CONSUMER)),
        fires("two came 25 minutes ago", 60, published(TOPIC, "0x33 2x30")),
        fires("none comes, and an old one waits", 30, oldest(CONSUMER, "0+60x60")),
        silent("all are applied", 60, COMING, logged("CHANGE_STORED", "0+5x60", CONSUMER)),
        silent("all are quarantined", 60, COMING, logged("MESSAGE_QUARANTINED", "0+5x60", CONSUMER)),
        silent("all stay parked", 60, COMING, logged("MESSAGE_STILL_PARKED", "0+5x60", CONSUMER)),
        silent("one was, ten minutes ago", 60, COMING, logged("CHANGE_STORED", "0x49 1x20", CONSUMER)),
        silent("the first came five minutes ago", 65, published(TOPIC, "0x60 1+5x60")),
        silent("the last came and was applied an hour ago", 120, published(TOPIC, "0+5x60 300x60")),
        silent("one waits five minutes", 60, oldest(CONSUMER, "300x60")),
        silent("a quiet night", 60, published(TOPIC, "7x60"), oldest(CONSUMER, "0x60")),
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
        silent("a hundred, two hours ago", 180, logged("MESSAGE_QUARANTINED", "0+2x50 100x150", CONSUMER)),
    ],
    "reads_unusual": [
        fires("ten times its busiest hour", 5 * DAY + 60, shown("7f", "0+1x7200 7210+10x60")),
        fires("600 an hour by a group never seen before", 60, shown("7f", "0+10x60")),
        fires("one beside a busy back end", 5 * DAY + 60, shown("7f", "0+500x7260"), shown("a0", "0x7200 0+20x60")),
        silent("three times its busiest hour", 5 * DAY + 60, shown("7f", "0+2x7200 14406+6x60")),
        silent("ten times next to nothing", 5 * DAY + 60, shown("7f", "0+0.1x7200 721+1x60")),
        silent("a back end that always reads much", 5 * DAY, shown("7f", "0+500x7200")),
        silent("as much as once, a week ago", 9 * DAY, shown("7f", counted((1500, 0), (60, 20), (11340, 0), (60, 20)))),
    ],
}
CASES["defects"] += [fires("a log field was dropped", 65, once("FIELD_DROPPED", CONSUMER))]
CASES["export_stopped"] += [fires("a person decides", 65, once("EXPORT_DAY_HELD", "export-daily"))]
CASES["supply_point_unroutable"] += [
    fires("a day went out without some", 65, once("EXPORT_UNROUTABLE", "export-daily"))
]
CASES["clocks_out_of_step"] += [silent("Firestore does not answer", 65, once("REQUEST_SERVED", problem="unavailable"))]
CASES["dead_letters quarantine-dead-letters"] += [
    silent("a consumer kept one itself", 65, once("MESSAGE_QUARANTINED", CONSUMER))
]


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
    tested = {(QUERIES[name].row, case.fires) for name, cases in CASES.items() for case in cases}
    assert tested == {(alert.row, fires) for alert in QUERIES.values() for fires in (True, False)}


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool, which comes with Prometheus")
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


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool, which comes with Prometheus")
def test_no_alert_fires_in_a_project_that_has_just_been_made(tmp_path: Path) -> None:
    """No metric exists, and the first exported day is to come: `since` is the real day here."""
    rules = [{"alert": one.row, "expr": one.query, "for": one.duration} for one in alerts() if one.query]
    write(tmp_path / "rules.yaml", {"groups": [{"name": "alerts", "rules": rules}]})
    silence = [
        {
            "eval_time": f"{at}m",
            "expr": 'count(ALERTS{alertstate="firing"}) or vector(0)',
            "exp_samples": [{"labels": "{}", "value": 0}],
        }
        for at in (60, 6 * 60, 2 * DAY)
    ]
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "60m",
        "tests": [{"interval": "60m", "input_series": [], "promql_expr_test": silence}],
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
    inputs = {name: values for one in [*noise(case.at), case.series] for name, values in one.items()}
    series = [{"series": name, "values": values} for name, values in inputs.items()]
    return {"name": case.means, "interval": "1m", "input_series": series, "promql_expr_test": [firing]}


def write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content))
