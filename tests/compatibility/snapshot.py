"""Snapshots of the data that a release stored, and of its tables, for the tests of later code.

`python -m tests.compatibility.snapshot NAME` writes `tests/compatibility/releases/NAME/`: `documents.jsonl`, one stored
document a line, and `tables/`, a copy of `shared/data/`. Run it once for each release and commit the result. A
committed snapshot represents data that nobody can change any more: never edit it.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from shared import data
from shared.domain import account_events, migration
from shared.domain.aspects import Statement
from shared.domain.campaigns import AttemptOutcome, ContactAttempt, ContactChannel, Work
from shared.domain.decision import Decision, Moment
from shared.domain.delivery import Delivery
from shared.domain.needs import YOUNG_CHILDREN, categories
from shared.domain.registration import Fact, RegistrationState, Status
from shared.domain.supply_points import Mpan, supply_point_key
from shared.errors import InvalidContent, Problem, RegistrationUnknown
from shared.flows.erasure import Erasure
from shared.store.documents import Documents, Key
from shared.store.operator_actions import Action, OperatorActions
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus
from shared.store.values import Value
from tests.support.register_world import World, account, london
from tools.local.layout import new_layout
from tools.local.sample import mpan, mprn
from tools.local.stack import Stack

RELEASES = Path(__file__).parent / "releases"
COLLECTIONS = (
    "registrations",
    "changes",
    "supply_points",
    "export_feed",
    "exports",
    "export_parts",
    "quarantine",
    "operator_actions",
)
#: The time of a snapshot: one day is released, the next is planned, the third is open.
TAKEN_AT = "2026-11-25 12:00"
#: A time before the first of its unreleased days closes: a feed entry that is written later stops the export.
LOADED_AT = "2026-11-24 23:00"
_WRITES_PER_RPC = 100
_TIME = "$time"


class StoredDocument(NamedTuple):
    """A document as it is in the database."""

    key: Key
    fields: dict[str, Value]


def every_need() -> list[dict[str, Any]]:
    """Each code of the table, with a note and an end where it takes one."""
    return [
        {"code": code, "note": f"note {code}"}
        | ({"youngest_child_born_on": "2024-05-01"} if code == YOUNG_CHILDREN else {})
        | ({"ends_on": "2031-01-31"} if category.temporary and code != YOUNG_CHILDREN else {})
        for code, category in categories().items()
    ]


def an_attempt() -> ContactAttempt:
    """An attempt to contact a customer who does not answer."""
    return ContactAttempt(
        work=Work.REVIEW,
        due_on=date(2027, 11, 23),
        channel=ContactChannel.PHONE,
        outcome=AttemptOutcome.NO_ANSWER,
        by="agent-17",
        at=london("2026-11-24 10:00").astimezone(UTC),
    )


async def write_states(world: World) -> None:
    """Store a document of every kind that the service writes."""
    quarantine = world.service.part(Quarantine)
    await world.submit(
        1,
        supply_points={"mpans": [mpan("10", 1)], "mprns": [mprn(1)]},
        primary_contact={
            "name": "Person 1",
            "phones": ["07700900123", "07700900124"],
            "address": {"address_lines": ["2 Other Street"], "postcode": "M1 1AE"},
        },
        alternate_contact={"name": "Nominee 1", "phones": ["07700900456"], "relationship": "carer"},
        needs=every_need(),
        services={
            "caller_password": "BLUEBIRD",
            "communication_format": "large_print",
            "language": "cy",
            "nominee_receives_communications": True,
            "arranged": [{"service": "gas_safety_check", "requested_on": "2026-11-02", "delivered_on": "2026-11-20"}],
        },
        household={
            "occupants": [{"birth_year": 1948}, {"age_band": "6_to_17", "as_of": "2026-11-01"}],
            "can_top_up": False,
            "temporary_circumstances": [{"kind": "pregnancy", "until": "2027-03-31"}],
        },
    )
    await world.submit(2, status="pending", needs=[])
    for number in (3, 4, 5, 6, 7, 8):
        await world.submit(number)
    await world.submit(9, supply_points={"mpans": [mpan("39", 9)], "mprns": []})
    await migrated(world, 10, "2026-11-01 09:00")
    await world.withdraw(3)
    await apply_statement(world, 4, Statement(status=Status.ENDED))
    await world.withdraw(5)
    await world.run("2026-11-24 02:05")

    await world.submit(1, primary_contact={"name": "Person 1", "phones": []}, needs=[{"code": "02"}, {"code": "08"}])
    await apply_statement(world, 7, Statement(attempt=an_attempt()))
    await migrated(world, 10, "2026-10-01 09:00", needs=[{"code": "08"}])
    await migrated(world, 11, "2026-11-02 09:00", needs=[{"code": "33", "ends_on": "2026-11-24"}])
    await apply_statement(world, 6, Statement(served={supply_point_key(Mpan(mpan("10", 6))): False}))
    await world.submit(7, sharing={"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"})
    await world.withdraw(8)
    await world.submit(12)
    await world.withdraw(12)
    erasure = Erasure(world.service)
    for number in (5, 12):
        await erasure.erase(world.store.registration_id(world.account_id(number)), "operator@machine")
    world.at("2026-11-25 02:06")
    await world.days.advance(london("2026-11-25 02:05"))
    world.published.clear()  # this day's parts are not written yet

    await world.apply_due_dates(11)
    await world.submit(8, needs=[{"code": "22"}])
    await put(quarantine, 1, RegistrationUnknown())
    for number in (2, 3, 4):
        await put(quarantine, number, InvalidContent())
    failed = [record.record_id async for page in quarantine.records(QuarantineStatus.FAILED) for record in page]
    await quarantine.discard(failed[0])
    await quarantine.erase(failed[1])
    await quarantine.resolve(await put(quarantine, 5, InvalidContent()))
    about = world.store.registration_id(world.account_id(1))
    await OperatorActions(world.documents).note(Action.REVEALED, "operator@machine", [about], "complaint 12")
    world.at(TAKEN_AT)


async def migrated(world: World, number: int, at: str, **changes: Any) -> None:
    """Apply the old platform's record of an account."""
    submission = account(number, **changes)
    fact = Fact(time=london(at).astimezone(UTC), source="//old-platform/customers", id=at)
    registration_id = world.store.registration_id(submission.account_id)

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        return migration.migrate(submission, known, registration_id, moment=moment, fact=fact, policy=world.settings)

    await world.apply(number, decide, submission)


async def apply_statement(world: World, number: int, statement: Statement) -> None:
    """Apply a statement of the account system about an account."""
    fact = Fact(time=world.clock.now(), source="//accounts", id=str(number))

    def decide(known: RegistrationState | None, moment: Moment) -> Decision:
        return account_events.apply_account_event(statement, known, moment=moment, fact=fact, policy=world.settings)

    await world.apply(number, decide)


async def put(quarantine: Quarantine, number: int, problem: Problem) -> Delivery:
    """Quarantine a message that could not be applied."""
    event = {
        "specversion": "1.0",
        "type": "uk.psr.account.supply_gained.v1",
        "source": "//accounts",
        "id": f"event-{number}",
        "subject": f"Q-{number}",
        "time": "2026-11-24T09:00:00Z",
        "data": {"supply_points": {"mpans": ["1000999001019"]}},
    }
    content = json.dumps(event).encode()
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    delivery = Delivery("psr-account-events", "s", f"m{number}", at, {"k": "v"}, content, 1)
    await quarantine.put(delivery, problem)
    return delivery


async def stored_documents(documents: Documents) -> list[StoredDocument]:
    """Every document of a database, by collection and id."""
    found = []
    for collection in COLLECTIONS:
        async for page in documents.pages(collection):
            found += [StoredDocument(Key(collection, one.document_id), one.fields) for one in page]
    return found


async def load(documents: Documents, stored: list[StoredDocument]) -> None:
    """Write documents into an empty database unchanged."""
    for start in range(0, len(stored), _WRITES_PER_RPC):
        await documents.commit([documents.create(*one) for one in stored[start : start + _WRITES_PER_RPC]])


def read_documents(release: str) -> list[StoredDocument]:
    """The documents of a committed snapshot."""
    return list(_documents_in((RELEASES / release / "documents.jsonl").read_text(encoding="utf-8")))


def _documents_in(text: str) -> Iterator[StoredDocument]:
    for line in text.splitlines():
        path, fields = json.loads(line)
        yield StoredDocument(Key(*path.split("/")), {name: _from_json(value) for name, value in fields.items()})


def _from_json(value: Any) -> Value:
    return datetime.fromisoformat(value[_TIME]) if isinstance(value, dict) else value


def _json(value: Value) -> Any:
    return {_TIME: value.isoformat()} if isinstance(value, datetime) else value


def _line(stored: StoredDocument) -> str:
    fields = {name: _json(value) for name, value in sorted(stored.fields.items())}
    return json.dumps(["/".join(stored.key), fields], ensure_ascii=False)


def main(release: str) -> None:
    """Write a snapshot of this code, on emulators of its own."""
    folder = RELEASES / release
    folder.mkdir(parents=True)
    shutil.copytree(data.FOLDER, folder / "tables", ignore=lambda _, names: [n for n in names if n[-4:] != ".csv"])
    with tempfile.TemporaryDirectory(prefix="psr-snapshot-") as home:
        layout = new_layout(Path(home), {})
        os.environ.update(layout.environment())
        stack = Stack(layout, Console(stderr=True), crons=False)
        try:
            stack.start_emulators()
            stored = asyncio.run(_made(Path(home)))
        finally:
            stack.stop()
    (folder / "documents.jsonl").write_text("".join(f"{_line(one)}\n" for one in stored), encoding="utf-8")
    Console().print(f"{len(stored)} documents in {folder}")


async def _made(home: Path) -> list[StoredDocument]:
    world = World(home)
    await write_states(world)
    return await stored_documents(world.documents)


if __name__ == "__main__":
    main(*sys.argv[1:])
