"""The cost of each operation, counted on the wire between a function and Firestore: the same on any machine.

Index entries are those of the documents written, as `terraform/firestore_indexes.yaml` has them built.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from google.cloud.firestore_v1.types import BatchGetDocumentsResponse, CommitRequest, RunQueryResponse

from tools.api_client import Caller
from tools.firestore_proxy import FirestoreProxy
from tools.synthetic import new_mpan, registration

_INDEXES = Path(__file__).parents[1] / "terraform" / "firestore_indexes.yaml"


class Cost(NamedTuple):
    """Of one operation, refused calls included. `reads` are documents looked for, found or not: Firestore bills both.

    Bytes are those of the messages.
    """

    calls: int
    reads: int
    writes: int
    index_entries: int
    bytes_sent: int
    bytes_received: int

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Without the bytes, which change with a name's length."""
        return self[:4]


class Operation(NamedTuple):
    """`run` gets a registration that is known already, with its `id`; `counts` are what the operation may cost."""

    run: Callable[["Callers", dict[str, Any]], int]
    status: int
    counts: tuple[int, int, int, int]


class Callers(NamedTuple):
    """The ways to the service. `push` gives an event (kind, account, data) to its consumer and returns the status."""

    agent: Caller
    push: Callable[[str, str, Mapping[str, Any]], int]


def _submission(known: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in known.items() if name != "id"} | changed


def _migrated(callers: Callers, submission: dict[str, Any]) -> int:
    return callers.push("customer.migrated", submission["account_id"], submission)


def _batch(count: int) -> Callable[[Callers, dict[str, Any]], int]:
    def run(callers: Callers, known: dict[str, Any]) -> int:
        unknown = [new_mpan() for _ in range(count - 2)]
        points = known["supply_points"]
        return callers.agent.batch(mpans=points["mpans"] + unknown, mprns=points["mprns"]).status_code

    return run


#: Calls, documents read, documents written, index entries. A registration has one MPAN and one MPRN.
OPERATIONS: dict[str, Operation] = {
    "create": Operation(lambda c, _: c.agent.create(registration()).status_code, 201, (1, 0, 6, 10)),
    "amend": Operation(
        lambda c, k: c.agent.amend(k["id"], '"1"', {"needs": [{"code": "08"}]}).status_code, 200, (2, 2, 4, 10)
    ),
    "withdraw": Operation(lambda c, k: c.agent.withdraw(k["id"], '"1"').status_code, 200, (2, 2, 6, 11)),
    "get": Operation(lambda c, k: c.agent.get(k["id"]).status_code, 200, (1, 1, 0, 0)),
    "look up by account": Operation(
        lambda c, k: c.agent.look_up(account_id=k["account_id"]).status_code, 200, (1, 1, 0, 0)
    ),
    "look up by MPAN": Operation(
        lambda c, k: c.agent.look_up(mpan=k["supply_points"]["mpans"][0]).status_code, 200, (2, 2, 0, 0)
    ),
    "look up 1,000 supply points": Operation(_batch(1000), 200, (3, 1001, 0, 0)),
    "page of a history": Operation(lambda c, k: c.agent.changes(k["id"]).status_code, 200, (1, 1, 0, 0)),
    "message, new account: migrated": Operation(lambda c, _: _migrated(c, registration()), 204, (1, 0, 6, 10)),
    "message, known account: supply gained": Operation(
        lambda c, k: c.push("account.supply_gained", k["account_id"], {"supply_points": {"mpans": [new_mpan()]}}),
        204,
        (2, 3, 6, 12),
    ),
    "message, known account: account closed": Operation(
        lambda c, k: c.push("account.closed", k["account_id"], {"closed_on": "2026-11-20"}), 204, (2, 2, 6, 11)
    ),
    "message, known account: migrated again": Operation(
        lambda c, k: _migrated(c, _submission(k, needs=[{"code": "08"}])), 204, (3, 4, 4, 10)
    ),
}


def measured(proxy: FirestoreProxy, callers: Callers, operation: Operation, *, key: str) -> Cost:
    """The cost of one run of an operation. Raises `RuntimeError` if the answer has another status."""
    submission = registration()
    known = {**submission, "id": callers.agent.create(submission, key).json()["registration_id"]}
    callers.agent.get(known["id"])
    with _watching(proxy) as calls:
        status = operation.run(callers, known)
    if status != operation.status:
        raise RuntimeError(f"answered {status} instead of {operation.status}")
    return Cost(*(sum(column) for column in zip(*calls, strict=True)))


@contextmanager
def _watching(proxy: FirestoreProxy) -> Iterator[list[Cost]]:
    calls: list[Cost] = []
    proxy.watch = lambda method, sent, answers: calls.append(_cost(method, sent, answers))
    try:
        yield calls
    finally:
        proxy.watch = lambda *_: None


def _cost(method: str, sent: list[bytes], answers: list[bytes]) -> Cost:
    reads = writes = entries = 0
    if method == "Commit" and answers:
        updates = [write.update for request in sent for write in CommitRequest.pb().FromString(request).writes]
        writes = len(updates)
        entries = sum(_index_entries(update.name.split("/")[-2], update.fields) for update in updates)
    elif method == "GetDocument":
        reads = 1
    elif method == "BatchGetDocuments":
        found = [BatchGetDocumentsResponse.pb().FromString(answer) for answer in answers]
        reads = sum(1 for answer in found if answer.WhichOneof("result"))
    elif method == "RunQuery":
        reads = sum(RunQueryResponse.pb().FromString(answer).HasField("document") for answer in answers)
    return Cost(1, reads, writes, entries, sum(map(len, sent)), sum(map(len, answers)))


def _index_entries(collection: str, fields: Mapping[str, Any]) -> int:
    return sum(set(index) <= set(fields) for index in index_fields(collection))


def index_fields(collection: str) -> list[list[str]]:
    """The fields of each index of a collection."""
    indexes = _indexes()[collection]
    single = [[field] for field, kind in indexes["fields"].items() if kind == "ascending"]
    return [*single, *indexes.get("composite", [])]


@cache
def _indexes() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(_INDEXES.read_text(encoding="utf-8"))
    return read
