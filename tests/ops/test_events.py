"""`psr events publish`: an event that keeps the contract reaches its consumer, another is refused before."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shared.domain.registration import AccountId
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.ops.findings import until
from tests.support.commands import psr
from tests.support.events import customer, new_mpan
from tools.local.stack import Stack
from tools.synthetic import event, new_account


def written(folder: Path, value: dict[str, Any] | str) -> Path:
    file = folder / "event.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return file


def publish(file: Path, value: dict[str, Any]) -> str:
    """Publish an event from a file, and return the output."""
    file.write_text(json.dumps(value), encoding="utf-8")
    answer = psr("events", "publish", file)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


async def test_an_event_that_keeps_the_contract_reaches_its_consumer(stack: Stack, tmp_path: Path) -> None:
    account, file = new_account(), tmp_path / "event.json"
    store = service().part(Registrations)
    data = {**customer(account, [new_mpan()], []), "status": "active", "needs": [{"legacy": "partially sighted"}]}
    migrated = event("customer.migrated", account, stack.clock.now(), "//events", "1", data)
    closing = event("account.closed", account, stack.clock.now(), "//events", "2", {"closed_on": "2099-01-31"})

    async def announced(last_day: str) -> bool:
        state = await store.get(store.registration_id(AccountId(account)))
        return state is not None and str(state.registration.closes_on) == last_day

    for one, topic, last_day in (
        (migrated, "psr-customer-migration", "None"),
        (closing, "psr-account-events", "2099-01-31"),
    ):
        said = await asyncio.to_thread(publish, file, one)
        assert said.startswith(f"Published to {topic} of {stack.layout.project} as message ")
        await until(partial(announced, last_day))


CLOSED = {
    "specversion": "1.0",
    "type": "uk.psr.account.closed.v1",
    "source": "//events",
    "id": "1",
    "subject": "A-1",
    "time": "2026-10-01T09:00:00Z",
    "data": {"closed_on": "2026-10-31"},
}


@pytest.mark.usefixtures("emulators")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("{", "It is not JSON in UTF-8."),
        ({**CLOSED, "data": {}}, "/data/closed_on Enter the last day of the account such as 2026-11-23"),
        (
            {**CLOSED, "subject": "Mrs A Example", "id": ""},
            "/id Publish the event with an id of 1 to 255 characters; ",
        ),
        ({**CLOSED, "type": "uk.psr.export.part.v1"}, "The event type is not known on this topic. "),
        ({**CLOSED, "time": "2999-10-01T09:00:00Z"}, "The event's time is in the future. "),
    ],
    ids=["not JSON", "no data", "wrong attributes", "another type", "from the future"],
)
def test_an_event_that_breaks_the_contract_is_refused_in_one_line(
    tmp_path: Path, wrong: dict[str, Any] | str, why: str
) -> None:
    file = written(tmp_path, wrong)
    answer = psr("events", "publish", file)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"error: {file} is not published. {why}")
    assert answer.stderr.count("\n") == 1
    assert "Example" not in answer.stderr
