"""Every order of short histories of a few accounts and supply points, and the day's files about them."""

import asyncio
import itertools
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest

from shared.domain.aspects import Statement
from shared.domain.contacts import Address
from shared.domain.feed import FeedEntry
from shared.domain.registration import RegistrationState, Status
from shared.domain.sharing import Article9Condition, Sharing
from shared.domain.supply_points import SupplyPointsInput, supply_point_key
from shared.errors import RegistrationUnknown, SupplyPointHeld
from shared.store.documents import Key
from shared.store.supply_points import Claim, SupplyPointWrites
from tests.support.messages import event, migrated
from tests.support.register_world import World, account
from tools.local.sample import mpan

#: The number of the first account.
_NUMBERS = 10_000
#: Of more orders than this, each is delivered once: it replays early or late in turn.
_FEW = 6
_EVENING = datetime(2026, 11, 23, 8, tzinfo=UTC)
_MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)
TODAY = date(2026, 11, 24)
TAKING = ("moves", "gains", "is-migrated")
CONSENT = Sharing(basis=Article9Condition.EXPLICIT_CONSENT, recorded_on=date(2026, 1, 1), evidence="move form")


class Step(NamedTuple):
    """A statement about an account: `moves`, `gains`, `loses`, `closes` or `is-migrated`, with a supply point."""

    account: str
    kind: str
    point: int = 0


def steps(text: str) -> list[Step]:
    """`"A moves 1, B closes"`."""
    words = [step.split() for step in text.split(", ")]
    return [Step(account, kind, int(*point)) for account, kind, *point in words]


class Run:
    """One delivery of a history, to accounts and supply points of its own: A has supply point 0 before, B has 1."""

    def __init__(self, world: World, number: int, names: str) -> None:
        self.world = world
        self.numbers = {name: number + index for index, name in enumerate(names)}
        self.mpans = [mpan("10", each) for each in self.numbers.values()]
        self.parked: list[int] = []

    async def begin(self, accounts: str) -> None:
        """Register the accounts on the day before."""
        for name, number in self.numbers.items():
            if name in accounts:
                await migrated(self.world, number, account(number), _EVENING)

    async def deliver(self, history: Sequence[Step], order: Sequence[int], *, replay_each: bool) -> None:
        """Deliver the steps in an order, and at the end again. Replay parked messages until no more of them apply."""
        for index in order:
            await self._receive(history, index)
            if replay_each:
                await self._replay(history)
        for index in order:
            if index not in self.parked:
                await self._apply(history[index], index)
        await self._replay(history)

    async def _receive(self, history: Sequence[Step], index: int) -> None:
        try:
            await self._apply(history[index], index)
        except (SupplyPointHeld, RegistrationUnknown):
            self.parked.append(index)

    async def _replay(self, history: Sequence[Step]) -> None:
        while waiting := self.parked:
            self.parked = []
            for index in waiting:
                await self._receive(history, index)
            if len(self.parked) == len(waiting):
                return

    async def _apply(self, step: Step, index: int) -> None:
        number, at = self.numbers[step.account], _MORNING + timedelta(minutes=index)
        event_id = f"{number}-{index}"
        named = SupplyPointsInput.model_validate({"mpans": [self.mpans[step.point]]})
        premises = Address(address_lines=[f"home of {index}"], postcode="BS1 4DJ")
        if step.kind == "is-migrated":
            submission = account(number).model_copy(update={"supply_points": named, "premises": premises})
            outcome = await migrated(self.world, number, submission, at, event_id)
        else:
            served = {supply_point_key(point): step.kind == "gains" for point in named.all()}
            statement = {
                "moves": Statement(premises=premises, supply_points=named, sharing=CONSENT, review=True),
                "gains": Statement(served=served),
                "loses": Statement(served=served),
                "closes": Statement(status=Status.ENDED),
            }[step.kind]
            points = [] if step.kind == "closes" else named.all()
            outcome = await event(self.world, number, statement, at, event_id, points)
        if outcome.waiting:
            raise SupplyPointHeld

    async def states(self) -> dict[str, RegistrationState]:
        ids = {
            name: self.world.store.registration_id(self.world.account_id(number))
            for name, number in self.numbers.items()
        }
        found = {name: await self.world.store.get(registration_id) for name, registration_id in ids.items()}
        return {name: state for name, state in found.items() if state is not None}

    async def claims(self) -> list[Claim]:
        writes = SupplyPointWrites(self.world.documents, self.world.identity)
        stored = await self.world.documents.batch_get([writes.claim_key(f"mpan:{each}") for each in self.mpans])
        return [Claim.model_validate_json(one.state) if one else Claim(registration_id=None) for one in stored]

    async def entries(self, day: date) -> list[FeedEntry | None]:
        points = [self.world.identity.supply_point_id(f"mpan:{each}") for each in self.mpans]
        keys = [Key("export_feed", f"{point}-EELC-{day}") for point in points]
        stored = await self.world.documents.batch_get(keys)
        return [FeedEntry.model_validate_json(one.state) if one else None for one in stored]

    async def outcome(self) -> tuple[dict[str, str], list[str]]:
        """Status, home and supply points of each account, and the network's entry of each supply point after today.

        `deleted` is not the same as nothing: the delete was sent.
        """
        register = {}
        for name, state in (await self.states()).items():
            held = [self.mpans.index(each) for each in state.registration.supply_points.mpans]
            home = state.registration.premises.address_lines[0].removeprefix("home of ")
            register[name] = f"{state.registration.status} {home if len(home) < 3 else '-'} {held}"
        names = {number: name for name, number in self.numbers.items()}
        network = []
        before, after = await self.entries(TODAY - timedelta(days=1)), await self.entries(TODAY)
        for yesterday, today in zip(before, after, strict=True):
            says = today if today and today.send != "nothing" else yesterday
            number = int(says.state.primary_contact.name.split()[1]) if says and says.state else None
            network.append("-" if says is None else "deleted" if number is None else names[number])
        return register, network

    async def unjustified(self) -> list[str]:
        """Differences that no rule explains: between a claim and its registration, and supply points that an account
        states but does not have, wait for, or yield to a newer holder.
        """
        states, claims = await self.states(), await self.claims()
        by_id: dict[str, str] = {state.registration.registration_id: name for name, state in states.items()}
        found = []
        for name, state in states.items():
            for index, claim in enumerate(claims):
                key = f"mpan:{self.mpans[index]}"
                fact, holder = state.facts.points.get(key), by_id.get(str(claim.registration_id))
                if (key in state.registration.assigned()) != (holder == name):
                    found.append(f"{name} and the claim of {index} differ")
                if fact is None or not fact.served or not state.registration.status.live or holder == name:
                    continue
                other = states[holder].facts.points[key] if holder else None
                if not fact.waiting or other is None or other.newer_than(fact) or not self.parked:
                    found.append(f"{name} does not get {index}")
        return found


async def runs(world: World, history: list[Step], known: str | None = None) -> list[Run]:
    """Deliver every order of a history. The first is the true one. Parked messages are replayed early, or late."""
    names = "ABC" if any(step.account == "C" for step in history) else "AB"
    numbers = itertools.count(_NUMBERS, len(names))
    orders = list(itertools.permutations(range(len(history))))
    policies = [(order, early) for order in orders for early in (True, False)]
    some = policies if len(orders) <= _FEW else [*policies[::4], *policies[3::4]]
    every = [(Run(world, next(numbers), names), order, early) for order, early in some]
    await asyncio.gather(*(run.begin(names if known is None else known) for run, _, _ in every))
    world.at("2026-11-24 12:00")
    await asyncio.gather(*(run.deliver(history, order, replay_each=early) for run, order, early in every))
    return [run for run, _, _ in every]


#: History; status, home and supply points of each account; the account of the network's entry of each supply point.
ONE_OUTCOME = {
    "closed and lost": ("A closes, A loses 0", ["ended - []", "active - [1]"], ["A", "B"]),
    "lost and closed": ("A loses 0, A closes", ["ended - []", "active - [1]"], ["A", "B"]),
    "closed, and the network gets a delete": ("A closes", ["ended - []", "active - [1]"], ["deleted", "B"]),
    "moved away, the old home is lost": ("B closes, A moves 1, A loses 0", ["active 1 [1]", "ended - []"], ["A", "A"]),
    "lost, regained, closed": ("A loses 0, A gains 0, A closes", ["ended - []", "active - [1]"], ["deleted", "B"]),
    "lost, regained, moved away": (
        "B closes, A loses 0, A gains 0, A moves 1",
        ["active 3 [1]", "ended - []"],
        ["deleted", "A"],
    ),
    "a home changes hands": ("A moves 1, B moves 0", ["active 0 [1]", "active 1 [0]"], ["B", "A"]),
    "a swap, and back": (
        "A moves 1, B moves 0, A moves 0, B moves 1",
        ["active 2 [0]", "active 3 [1]"],
        ["A", "B"],
    ),
    "a cycle of moves": (
        "A moves 1, B moves 2, C moves 0",
        ["active 0 [1]", "active 1 [2]", "active 2 [0]"],
        ["C", "A", "B"],
    ),
    "the next occupant leaves too": (
        "A closes, B gains 0, B closes",
        ["ended - []", "ended - []"],
        ["deleted", "deleted"],
    ),
    "lost by its holder, passed on, closed": (
        "A loses 0, B gains 0, B closes",
        ["active - []", "ended - []"],
        ["A", "deleted"],
    ),
    "lost by the next occupant": ("A closes, B gains 0, B loses 0", ["ended - []", "active - [1]"], ["deleted", "B"]),
}


@pytest.mark.parametrize(("history", "register", "network"), ONE_OUTCOME.values(), ids=ONE_OUTCOME.keys())
async def test_every_order_ends_in_one_register_and_one_file(
    world: World, history: str, register: list[str], network: list[str]
) -> None:
    for run in await runs(world, steps(history)):
        assert await run.unjustified() == []
        assert (await run.outcome(), run.parked) == ((dict(zip(run.numbers, register, strict=True)), network), [])


#: History, accounts that are known before, and the possible holders of supply points 0 and 1.
CONTESTED = {
    "the newer account closes": ("B is-migrated 0, A is-migrated 0, A closes", "", {("-", "-"), ("B", "-")}),
    "an ended account comes back": ("A closes, A is-migrated 1", "AB", {("-", "B")}),
    "and names more, while it has ended": ("A closes, A is-migrated 0, A gains 1", "AB", {("A", "B")}),
    "both move to one home": ("A moves 1, B moves 1", "AB", {("-", "B")}),
    "two accounts of one home, and neither leaves": ("A gains 1, B gains 0", "AB", {("A", "B")}),
}


@pytest.mark.parametrize(("history", "known", "holders"), CONTESTED.values(), ids=CONTESTED.keys())
async def test_if_accounts_contradict_each_other_none_loses_a_supply_point_without_a_newer_fact(
    world: World, history: str, known: str, holders: set[tuple[str, str]]
) -> None:
    found = set()
    for run in await runs(world, steps(history), known):
        assert await run.unjustified() == []
        names: dict[str, str] = {
            world.store.registration_id(world.account_id(number)): name for name, number in run.numbers.items()
        }
        found.add(tuple(names.get(str(claim.registration_id), "-") for claim in await run.claims()))
    assert found == holders


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(60))
async def test_every_order_of_a_random_history_is_justified_and_the_same_without_contradictions(
    world: World, seed: int
) -> None:
    draw = random.Random(seed)
    kinds = ("moves", "gains", "loses", "closes", "is-migrated")
    history = [Step(draw.choice("AB"), draw.choice(kinds), draw.randrange(2)) for _ in range(draw.choice((3, 4)))]
    done = await runs(world, history)
    assert [await run.unjustified() for run in done] == [[]] * len(done), history
    if not contradicts(history) and not changes_hands_and_is_lost(history):
        assert {str((await run.outcome(), run.parked)) for run in done} == {str((await done[0].outcome(), []))}, history


def contradicts(history: list[Step]) -> bool:
    """Whether an account that is not the last to state a supply point has it in the end."""
    has, last, live = {"A": {0}, "B": {1}}, {0: "A", 1: "B"}, {"A", "B"}
    for step in history:
        if step.kind in TAKING:
            kept = has[step.account] if step.kind == "gains" else set()
            has[step.account] = kept | {step.point}
            last[step.point] = step.account
        if step.kind == "loses":
            has[step.account] = has[step.account] - {step.point}
        if step.kind == "closes":
            live.discard(step.account)
        if step.kind == "is-migrated":
            live.add(step.account)
    return any(last[point] != name for name in live for point in has[name])


def changes_hands_and_is_lost(history: list[Step]) -> bool:
    """Whether a supply point that two accounts state is lost by one of them."""
    stated = {0: {"A"}, 1: {"B"}}
    for step in history:
        if step.kind in TAKING:
            stated[step.point].add(step.account)
    return any(step.kind == "loses" and len(stated[step.point]) > 1 for step in history)
