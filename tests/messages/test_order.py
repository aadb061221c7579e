"""Any order and any duplication of a set of events ends in the same register as their true order."""

import asyncio
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.registration import AccountId
from shared.domain.supply_points import Mpan, supply_point_of
from shared.messages.account_events import ACCOUNT_EVENTS
from shared.messages.events import CustomerMigrated
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus
from shared.store.registrations import Registrations
from shared.store.service import service
from tests.support.events import customer, new_mpan
from tests.support.push import Push
from tools.local.stack import Stack
from tools.synthetic import consumer_of, event

ACCOUNTS = range(3)
POINTS = range(4)
BEGIN = datetime(2026, 10, 1, 9, tzinfo=UTC)
KINDS = ("migrated", "moved", "gained", "lost", "closed", "deceased", "contacted")
_runs = itertools.count(1)


class Step(NamedTuple):
    """An event of an account, by its number, with supply points by their numbers."""

    kind: str
    account: int
    points: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    flag: bool = False


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Steps that never conflict in the order in which they happened: nobody takes what another account holds."""
    holds: dict[int, set[int]] = {}
    live: set[int] = set()
    steps = []
    for _ in range(draw(st.integers(2, 9))):
        account = draw(st.sampled_from(ACCOUNTS))
        kind = draw(st.sampled_from(KINDS)) if account in holds else "migrated"
        taken = set().union(*(points for other, points in holds.items() if other != account and other in live))
        free = [point for point in POINTS if point not in taken]
        if kind in ("migrated", "moved", "gained") and not free:
            continue
        step = Step(kind, account)
        if kind in ("migrated", "moved"):
            chosen = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
            holds[account] = set(chosen)
            needs = draw(st.lists(st.sampled_from(["02", "08", "22", "30"]), unique=True))
            step = step._replace(points=tuple(chosen), needs=tuple(needs), flag=draw(st.booleans()))
            if kind == "migrated":
                live.add(account)
        elif kind in ("gained", "lost"):
            point = draw(st.sampled_from(free if kind == "gained" else POINTS))
            step = step._replace(points=(point,))
            holds[account] = holds[account] | {point} if kind == "gained" else holds[account] - {point}
        elif kind in ("deceased", "contacted"):
            step = step._replace(flag=draw(st.booleans()))
        if kind == "closed" or (kind == "deceased" and not step.flag):
            live.discard(account)
        steps.append(step)
    return steps


class Run(NamedTuple):
    """One run of a history with accounts and supply points of its own."""

    source: str
    mpans: list[str]

    def account(self, number: int) -> str:
        return f"{self.source[2:]}-{number}"

    def message(self, number: int, step: Step) -> dict[str, Any]:
        account, at = self.account(step.account), BEGIN + timedelta(minutes=number)
        mpans = [self.mpans[point] for point in step.points]
        migrated = customer(account, mpans, list(step.needs), f"Name {number}")
        kind, data = {
            "migrated": ("customer.migrated", migrated),
            "moved": (
                "account.moved_home",
                {
                    "supply_points": {"mpans": mpans},
                    "premises": {"address_lines": [f"{number} New Street"], "postcode": "M1 1AE"},
                    **({"sharing": migrated["sharing"]} if step.flag else {}),
                },
            ),
            "gained": ("account.supply_gained", {"supply_points": {"mpans": mpans}}),
            "lost": ("account.supply_lost", {"supply_points": {"mpans": mpans}}),
            "closed": ("account.closed", {"closed_on": "2026-10-01"}),
            "deceased": ("customer.deceased", {"account_continues": step.flag}),
            "contacted": (
                "customer.contact_attempted",
                {
                    "work": "review",
                    "due_on": "2028-10-01",
                    "channel": "phone",
                    "by": "agent-17",
                    "outcome": "confirmed" if step.flag else "no_answer",
                },
            ),
        }[step.kind]
        return event(kind, account, at, self.source, str(number), data)


def new_run() -> Run:
    return Run(f"//order{next(_runs)}", [new_mpan() for _ in POINTS])


def test_histories_have_every_type_of_event() -> None:
    types = {new_run().message(1, Step(kind, 0, points=(0,)))["type"] for kind in KINDS}
    assert types == {CustomerMigrated.event_type(), *(model.event_type() for model in ACCOUNT_EVENTS)}


@pytest.fixture(scope="session")
def replay(stack: Stack) -> Callable[[], None]:
    def call() -> None:
        tomorrow = stack.clock.now() + timedelta(days=1)
        slot = {"X-CloudScheduler-ScheduleTime": tomorrow.isoformat()}
        httpx.post(stack.function_url("replay_parked"), headers=slot, timeout=60).raise_for_status()

    return call


async def parked(run: Run) -> dict[str, int]:
    """Attempts of each message of a run that is parked."""
    found = {}
    async for page in service().part(Quarantine).records(QuarantineStatus.PARKED):
        for record in page:
            if record.message.source == run.source:
                found[record.record_id] = await attempts(record.record_id)
    return found


async def attempts(record_id: str) -> int:
    fields = await service().part(Quarantine).fields(record_id)
    return int(str(fields["attempts"]))


async def settle(run: Run, replay: Callable[[], None]) -> int:
    """Retry parked messages until none succeeds; returns how many wait permanently (expected: none)."""
    waiting = await parked(run)
    while waiting:
        replay()
        async with asyncio.timeout(30):
            for record_id, before in waiting.items():
                while await attempts(record_id) == before:  # noqa: ASYNC110 - Firestore is asked, nothing can wake us
                    await asyncio.sleep(0.02)
        still = await parked(run)
        if still.keys() == waiting.keys():
            return len(still)
        waiting = still
    return 0


async def outcome(run: Run) -> dict[str, Any]:
    """The registrations, who holds each supply point, and what its network should have, free of the run's own ids."""
    store = service().part(Registrations)
    own = {run.account(number): number for number in ACCOUNTS} | {mpan: n for n, mpan in enumerate(run.mpans)}
    result: dict[str, Any] = {}
    shown = {"status", "premises", "primary_contact", "needs", "sharing", "campaigns"}
    for number in ACCOUNTS:
        state = await store.get(store.registration_id(AccountId(run.account(number))))
        if state is not None:
            registration = state.registration
            points = sorted(own[mpan] for mpan in registration.supply_points.mpans)
            views = [
                (own[supply_point_of(key)], view) for key, each in state.networks.items() for view in each.values()
            ]
            wants = {(point, view.wants) for point, view in views}
            result[f"account {number}"] = (registration.model_dump_json(include=shown), points, sorted(wants))
    for number, mpan in enumerate(run.mpans):
        holder = await store.find(Mpan(mpan))
        result[f"point {number}"] = own[holder.registration.account_id] if holder else None
    return result


@pytest.mark.parametrize("examples", [12, pytest.param(300, marks=pytest.mark.soak)])
async def test_any_order_and_duplication_of_events_ends_in_the_same_register(
    examples: int, push: Push, replay: Callable[[], None]
) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        history = data.draw(histories())
        deliveries = data.draw(
            st.lists(st.sampled_from(range(len(history))), max_size=4).flatmap(
                lambda again: st.permutations([*range(len(history)), *again])
            )
        )
        loop_run(one(history, deliveries))

    async def one(history: list[Step], deliveries: list[int]) -> None:
        truth, shuffled = new_run(), new_run()
        for number, step in enumerate(history):
            message = truth.message(number, step)
            assert push(consumer_of(message), message) == 204
        assert await settle(truth, replay) == 0
        for number in deliveries:
            message = shuffled.message(number, history[number])
            assert push(consumer_of(message), message) == 204
        assert await settle(shuffled, replay) == 0
        assert await outcome(shuffled) == await outcome(truth)

    loop = asyncio.get_running_loop()

    def loop_run(coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    await asyncio.to_thread(check)
