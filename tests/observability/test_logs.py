"""The log catalogue: what may be logged, that nothing else is, and that its page says the same."""

import ast
import json
from collections import defaultdict
from typing import Any

import httpx
import jinja2
import pytest

from shared.log import FIELDS, Event, execution_id, log, log_failure, trace_id
from shared.settings import settings
from tests.observability.sources import SOURCES, log_calls
from tools.local.log_lines import entries, faults
from tools.local.stack import Stack
from tools.places import ROOT

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def written(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def _outside_of_any_request() -> None:
    trace_id.set("")
    execution_id.set("")


def test_every_call_names_an_event_and_only_its_fields_and_every_field_is_used() -> None:
    used: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for call in log_calls(path):
            place = f"{path.relative_to(ROOT)}:{call.lineno}"
            if path.name == "log.py":
                used[Event.FIELD_DROPPED.name] = {"of_event", "dropped"}
                continue
            (event,) = call.args
            assert isinstance(event, ast.Attribute), f"{place}: the event is named where it is logged"
            names = {keyword.arg for keyword in call.keywords}
            assert None not in names, f"{place}: the fields are named where they are logged"
            used[event.attr] |= {str(name) for name in names}
    used[Event.REQUEST_FAILED.name] = {"operation", "exception", "where"}
    assert used == {event.name: set(event.fields) for event in Event}


def test_every_field_is_described_and_belongs_to_an_event() -> None:
    assert set(FIELDS) == {name for event in Event for name in event.fields}


def test_nothing_is_printed_or_logged_past_the_catalogue() -> None:
    past = ("print", "logging", "sys.stdout", "sys.stderr", "traceback.print")
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path.name != "log.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name | ast.Attribute | ast.Import)
        if (ast.unparse(node).removeprefix("import ")).startswith(past)
    ]
    assert found == []


def test_an_entry_has_cloud_loggings_form(capfd: pytest.CaptureFixture[str]) -> None:
    trace_id.set(TRACE)
    execution_id.set("a1B2c3D4e5F6")
    log(Event.REQUEST_SERVED, operation="getRegistration", status=200, milliseconds=7, problem=None)
    assert written(capfd) == [
        {
            "severity": "INFO",
            "message": "Request served",
            "event": "REQUEST_SERVED",
            "operation": "getRegistration",
            "status": 200,
            "milliseconds": 7,
            "logging.googleapis.com/trace": f"projects/{settings().project}/traces/{TRACE}",
            "logging.googleapis.com/labels": {"execution_id": "a1B2c3D4e5F6"},
        }
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"name": "Mrs A Example"}, id="a field that the event does not list"),
        pytest.param({"kind": "Mrs A Example"}, id="a name where a code belongs"),
        pytest.param({"kind": "07700900123"}, id="a phone number where a code belongs"),
        pytest.param({"version": 1000999001019}, id="an MPAN where a number belongs"),
        pytest.param({"registration_id": "A-1000001"}, id="an account where a keyed id belongs"),
        pytest.param({"kind": ["amended", "BS1 4DJ"]}, id="a postcode in a list"),
    ],
)
def test_a_field_that_the_catalogue_does_not_allow_is_dropped_and_noted(
    capfd: pytest.CaptureFixture[str], fields: dict[str, Any]
) -> None:
    log(Event.CHANGE_STORED, replayed=False, **fields)
    (name,) = fields
    assert written(capfd) == [
        {"severity": "INFO", "message": "Change stored", "event": "CHANGE_STORED", "replayed": False},
        {
            "severity": "ERROR",
            "message": "A log field was dropped",
            "event": "FIELD_DROPPED",
            "of_event": "CHANGE_STORED",
            "dropped": name,
        },
    ]


def test_of_an_exception_only_the_type_and_the_places_are_written(capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise ValueError("Mrs A Example, 07700900123")

    try:
        fails()
    except ValueError as error:
        log_failure("createRegistration", error)
    (entry,) = written(capfd)
    assert faults(entry) == []
    assert entry["exception"] == "ValueError"
    assert [place.split()[1] for place in entry["where"]] == [
        "test_of_an_exception_only_the_type_and_the_places_are_written",
        "fails",
    ]


def test_the_places_in_a_template_are_written_too(capfd: pytest.CaptureFixture[str]) -> None:
    template = jinja2.Environment(autoescape=True).from_string("{% block main %}{{ 1 // 0 }}{% endblock %}")
    try:
        template.render()
    except ZeroDivisionError as error:
        log_failure("home", error)
    (entry,) = written(capfd)
    assert [place.split()[1] for place in entry["where"]][-2:] == ["top_level_template_code", "block__main_"]


def test_a_request_is_logged_under_its_trace_and_execution(stack: Stack) -> None:
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "Function-Execution-Id": "executionId1"}
    httpx.get(f"{stack.url}/v1/registrations/x", headers=headers)
    (access, served) = (e for e in entries(stack.logs, ["lookup"]) if TRACE in str(e))
    assert (access["event"], served["event"]) == ("ACCESS_REFUSED", "REQUEST_SERVED")
    assert served["logging.googleapis.com/labels"] == {"execution_id": "executionId1"}


def test_every_line_of_every_function_is_in_the_catalogue(stack: Stack) -> None:
    found = [fault for entry in entries(stack.logs, stack.layout.functions) for fault in faults(entry)]
    assert found == []
