"""Terraform's indexes against the queries that the store sends, which the emulator does not check, both ways.

The tests run each function of the store once on the emulator, and record every write and query that it sends. A
function that queries and does not run here fails the test.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from shared.domain.aspects import Statement
from shared.domain.delivery import Delivery
from shared.errors import RegistrationUnknown, UnknownEventType
from shared.flows.erasure import Erasure
from shared.flows.resend import Resend
from shared.store.documents import Documents
from shared.store.due_dates import DueDate, DueDates
from shared.store.operator_actions import Action, OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus
from shared.store.rpc import Rpc
from tests.support.messages import event
from tests.support.register_world import World, account
from tools.local.layout import Layout
from tools.places import ROOT

INDEXES = yaml.safe_load((ROOT / "terraform/firestore_indexes.yaml").read_text())
OPERATORS = {5: "equal", 8: "equal"}  # EQUAL, IN; everything else is a range


#: The methods of `Documents` that send a query.
QUERYING = {
    name
    for name, method in inspect.getmembers(Documents, inspect.isfunction)
    if not name.startswith("_") and re.search(r"self\.(_query|_run|page)\(", inspect.getsource(method))
}


class Shape(NamedTuple):
    """The parts of a query that decide which index it needs."""

    collection: str
    equal: frozenset[str]
    ranged: frozenset[str]
    ordered: tuple[str, ...]


def field_filters(condition: Any) -> Iterator[Any]:
    """The conditions on single fields, those within composite ones too."""
    if condition.HasField("field_filter"):
        yield condition.field_filter
    for part in condition.composite_filter.filters:
        yield from field_filters(part)


class Recorder:
    """The queries and writes that the client sent."""

    def __init__(self) -> None:
        self.shapes: set[Shape] = set()
        self.callers: set[str] = set()
        self.values: dict[tuple[str, str], list[Any]] = {}

    def query(self, query: Any) -> None:
        filters = list(field_filters(query.where))
        by_kind: dict[str, set[str]] = {"equal": set(), "ranged": set()}
        for one in filters:
            by_kind[OPERATORS.get(one.op, "ranged")].add(one.field.field_path)
        ordered = [order.field.field_path for order in query.order_by]
        self.shapes.add(
            Shape(
                query.from_[0].collection_id,
                frozenset(by_kind["equal"]),
                frozenset(by_kind["ranged"]),
                tuple(field for field in ordered if field != "__name__"),
            )
        )

    def writes(self, writes: Any) -> None:
        for write in writes:
            collection = write.update.name.split("/")[-2]
            for field, value in write.update.fields.items():
                self.values.setdefault((collection, field), []).append(getattr(value, value.WhichOneof("value_type")))


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        record(patch, "run_query", lambda request: recorder.query(request.structured_query))
        record(
            patch,
            "run_aggregation_query",
            lambda request: recorder.query(request.structured_aggregation_query.structured_query),
        )
        for method in QUERYING:
            notice_callers(patch, method, recorder.callers)
        record(patch, "commit", lambda request: recorder.writes(request.writes))
        yield recorder


def notice_callers(patch: pytest.MonkeyPatch, method: str, callers: set[str]) -> None:
    """Note who calls a method of `Documents`."""
    original = getattr(Documents, method)

    def noticed(*arguments: Any, **options: Any) -> Any:
        code = sys._getframe(1).f_code
        name = code.co_qualname.partition(".<locals>")[0].rpartition(".")[2]  # a comprehension is a frame of its own
        callers.add(f"{Path(code.co_filename).name}:{name}")
        return original(*arguments, **options)

    patch.setattr(Documents, method, noticed)


def record(patch: pytest.MonkeyPatch, method: str, note: Any) -> None:
    """Note the requests of an RPC, which works as always."""
    original = getattr(Rpc, method)

    def noted(self: Rpc, request: Any) -> Any:
        note(request)
        return original(self, request)

    patch.setattr(Rpc, method, noted)


@pytest.fixture(scope="module")
async def recorded(recorder: Recorder, emulators: Layout, tmp_path_factory: pytest.TempPathFactory) -> Recorder:  # noqa: ARG001 - they run first
    """Each function of the store that writes or queries, once."""
    world = World(tmp_path_factory.mktemp("world"))
    await world.submit(1)
    await world.submit(2, needs=[], status="pending")
    await world.submit(3, needs=[{"code": "33", "ends_on": "2027-01-31"}])
    await world.submit(3, supply_points={"mpans": [], "mprns": ["9900000104"]})
    await world.submit(4)
    await event(world, 3, Statement(closes_on=date(2026, 12, 24)), world.clock.now())
    await world.run("2026-11-24 02:05")
    await world.withdraw(4)
    resend = Resend(world.service, "an operator")
    await resend.day(date(2026, 11, 23), await world.exports.recipients_in_feed())
    await resend.everyone()
    registration_id = world.store.registration_id(account(1).account_id)
    await world.store.history(registration_id, after=None, limit=10)
    await world.store.in_area("BS1 4DJ", after_id=None, limit=10)
    await world.store.in_area("BS1 4", after_id=None, limit=10)
    for name in DueDate:
        [page async for page in DueDates(world.documents).pages(name, date(2026, 11, 24))]
        await DueDates(world.documents).count(name, date(2026, 11, 24), date(2026, 12, 24))
        await DueDates(world.documents).page(name, date(2026, 11, 24), after=None, limit=10)
    quarantine = world.service.part(Quarantine)
    for number, problem in enumerate((UnknownEventType(), RegistrationUnknown())):
        await quarantine.put(
            Delivery("psr-examples", "a-subscription", str(number), datetime(2026, 11, 24, tzinfo=UTC), {}, b"{}", 1),
            problem,
        )
    [page async for page in quarantine.records(QuarantineStatus.FAILED)]
    await quarantine.waiting(QuarantineStatus.FAILED)
    await quarantine.starting_with("0", 10)
    [page async for page in quarantine.unreadable()]
    [page async for page in quarantine.due(world.clock.now(), limit=10)]
    await world.withdraw(2)
    [page async for page in DueDates(world.documents).to_erase(date(2026, 11, 24))]
    erasure = Erasure(world.service)
    await erasure.erase_due(registration_id, date(2026, 11, 24))
    await erasure.erase(registration_id, "an operator")
    actions = OperatorActions(world.documents)
    await actions.note(Action.LISTED, "an operator", [None], None)
    await actions.on("a record")
    return recorder


def querying_functions() -> set[str]:
    """Every function outside the documents' module that sends a query."""
    return {
        f"{path.name}:{function.name}"
        for folder in ("shared", "functions")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "documents.py"
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in QUERYING
        if ast.unparse(call.func.value).endswith(("documents", "documents()"))
    }


async def test_every_function_that_queries_firestore_was_recorded(recorded: Recorder) -> None:
    missing = querying_functions() - recorded.callers
    assert not missing, "let these run in the fixture `recorded`, so that the indexes they need are known"


def needed(shapes: set[Shape]) -> tuple[set[tuple[str, str]], set[tuple[str, ...]]]:
    """Single fields and lists of fields that must be indexed for these queries. Equalities alone are merged."""
    single: set[tuple[str, str]] = set()
    composite: set[tuple[str, ...]] = set()
    for shape in shapes:
        fields = shape.equal | shape.ranged | set(shape.ordered)
        if len(fields) <= 1 or not (shape.ranged or shape.ordered):
            single |= {(shape.collection, field) for field in fields}
        else:
            rest = dict.fromkeys([*shape.ordered, *sorted(shape.ranged)])
            composite.add(
                (shape.collection, *sorted(shape.equal), *(field for field in rest if field not in shape.equal))
            )
    return single, composite


def in_terraform() -> tuple[set[tuple[str, str]], set[tuple[str, ...]]]:
    single = {
        (name, field)
        for name, collection in INDEXES.items()
        for field, index in collection["fields"].items()
        if index == "ascending"
    }
    return single, {
        (name, *fields) for name, collection in INDEXES.items() for fields in collection.get("composite", [])
    }


async def test_terraform_has_the_indexes_that_the_queries_need_and_no_others(recorded: Recorder) -> None:
    assert in_terraform() == needed(recorded.shapes)


async def test_every_stored_field_is_in_terraform(recorded: Recorder) -> None:
    listed = {(name, field) for name, collection in INDEXES.items() for field in collection["fields"]}
    assert listed == set(recorded.values)


async def test_an_index_begins_with_a_value_that_rises_with_time_only_for_a_reason(recorded: Recorder) -> None:
    """Such an index caps its collection at 500 writes a second."""
    single, composite = in_terraform()
    first = single | {(name, fields[0]) for name, *fields in composite}
    rising = {key for key in first if any(map(rises, recorded.values[key]))}
    reasons = {(name, field) for name, collection in INDEXES.items() for field in collection.get("rising", {})}
    assert rising == reasons


def rises(value: Any) -> bool:
    """An instant, a number, or text that holds a date."""
    return (not isinstance(value, str | bool) and value != 0) or bool(re.search(r"\d{4}-\d{2}-\d{2}", str(value)))


async def test_only_the_feed_expires(recorded: Recorder) -> None:
    expiring = [
        (name, field)
        for name, collection in INDEXES.items()
        for field, index in collection["fields"].items()
        if index == "expires"
    ]
    assert expiring == [("export_feed", "expires_at")]
    assert all(hasattr(value, "ToDatetime") for value in recorded.values["export_feed", "expires_at"])
