"""The same facts in another order end in the same registrations, holders and files of the day.

The test delivers the events and records of a day in their order to one service, and in another order with repetitions
to another service. Two accounts never have one supply point at one time, except while they swap homes:
docs/decisions/aspects.md says how the order matters then.
"""

import asyncio
import shutil
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shared.data
from tests.world import files, mail
from tests.world.cast import ACCOUNTS, POINTS, Submission
from tests.world.comparison import account_ids, point_ids, shown
from tests.world.mail import Mail
from tests.world.model import LONDON
from tests.world.networks import FIRST_DAY
from tests.world.play import Play
from tests.world.service import running
from tests.world.tables import Tables
from tools.local.layout import Layout

TODAY = FIRST_DAY + timedelta(days=1)


class Fact(NamedTuple):
    """A change in the life of an account."""

    kind: str
    account: str
    points: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    basis: str | None = None


needs = st.lists(st.sampled_from(["02", "08"]), max_size=2, unique=True).map(tuple)
basis = st.sampled_from(["explicit_consent", "explicit_consent", "none"])
kinds = st.sampled_from(["record", "move", "move", "swap", "swap", "gain", "lose", "lose", "close"])


class HistoryDraw:
    """Draws one fact after another. No account takes a supply point that another account has."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.has: dict[str, set[str]] = {}
        #: Supply points that changed accounts today: a loss would be about two accounts.
        self.moved: set[str] = set()

    def record(self, account: str) -> list[Fact]:
        points = self._free(account, most=2)
        if not points:
            return []
        self._take(account, points)
        return [Fact("record", account, points, self._draw(needs), self._draw(basis))]

    def move(self, account: str) -> list[Fact]:
        points = self._free(account, most=1)
        if not points:
            return []
        self._take(account, points)
        return [Fact("move", account, points, (), self._draw(basis))]

    def swap(self, account: str) -> list[Fact]:
        partner = self._draw(st.sampled_from(sorted(self.has)))
        mine, theirs = tuple(sorted(self.has[account])), tuple(sorted(self.has[partner]))
        if partner == account or not mine or not theirs:
            return []
        self._take(account, theirs)
        self._take(partner, mine)
        return [Fact("move", account, theirs, (), self._draw(basis)), Fact("move", partner, mine)]

    def gain(self, account: str) -> list[Fact]:
        points = self._free(account, most=1)
        if not points:
            return []
        self._take(account, (*self.has[account], *points))
        return [Fact("gain", account, points)]

    def lose(self, account: str) -> list[Fact]:
        points = sorted(self.has[account] - self.moved)
        if not points:
            return []
        point = self._draw(st.sampled_from(points))
        self.has[account] -= {point}
        return [Fact("lose", account, (point,))]

    def close(self, account: str) -> list[Fact]:
        del self.has[account]
        return [Fact("close", account)]

    def _free(self, account: str, most: int) -> tuple[str, ...]:
        others = set().union(*(points for name, points in self.has.items() if name != account))
        free = sorted(set(POINTS) - others)
        return (
            tuple(self._draw(st.lists(st.sampled_from(free), min_size=1, max_size=most, unique=True))) if free else ()
        )

    def _take(self, account: str, points: Sequence[str]) -> None:
        self.moved |= set(points) ^ self.has.get(account, set())
        self.has[account] = set(points)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """The facts until yesterday and those of today, in order."""
    drawing = HistoryDraw(draw)
    before = [fact for account in ACCOUNTS if draw(st.booleans()) for fact in drawing.record(account)]
    drawing.moved.clear()
    today: list[Fact] = []
    for account, kind in draw(st.lists(st.tuples(st.sampled_from(ACCOUNTS), kinds), min_size=2, max_size=7)):
        today += getattr(drawing, kind if account in drawing.has else "record")(account)
    return before, today


def messages(facts: list[Fact], since: datetime) -> list[Mail]:
    """The facts, a minute after each other, as messages."""
    return [_message(fact, since + timedelta(minutes=number), number) for number, fact in enumerate(facts)]


def _message(fact: Fact, at: datetime, number: int) -> Mail:
    key, mark = f"{fact.account} {at:%d}-{number}", f"Zed{at:%d}n{number}q"
    match fact.kind:
        case "record":
            stated = tuple((code, None) for code in sorted(fact.needs))
            return mail.record(key, Submission(fact.account, fact.points, stated, fact.basis or "none", "BS", mark), at)
        case "move":
            return mail.moved_home(key, fact.account, fact.points, "BS", fact.basis, at, mark)
        case "gain" | "lose":
            return mail.supply(key, fact.account, fact.points[0], at, mark, gained=fact.kind == "gain")
    return mail.closed(key, fact.account, 0, at, mark)


class Days:
    """Yesterday and today of one service."""

    def __init__(self, play: Play) -> None:
        self.play = play

    def deliver(self, mails: list[Mail]) -> None:
        """Deliver messages in this order, then replay the parked ones until no more of them apply."""
        for one in mails:
            self.play.service.run(self.play.deliver(one).act)
        self.play.stored = self.play.look()
        while parked := self._parked():
            for key in parked:
                self.play.service.run(self.play.replay(key).act)
            self.play.stored = self.play.look()
            if self._parked() == parked:
                return

    def _parked(self) -> list[str]:
        statuses = {key: one.fields["status"] for (kind, key), one in self.play.stored.items() if kind == "quarantine"}
        return [key for key, record_id in self.play.records.items() if statuses.get(record_id) == "parked"]

    def export(self, day: date) -> dict[str, bytes]:
        """The files of a day."""
        self.play.move_to(day + timedelta(days=1), time(2, 5))
        objects = self.play.service.run(self.play.export().act)
        return {name: content for name, content in objects.items() if name.startswith(f"{day}/")}

    def outcome(self) -> dict[str, Any]:
        """The registrations, the holders of supply points, and the entries in today's files."""
        names = account_ids() | point_ids()
        sent = {
            f"sent to {recipient} about {point}": entry
            for (recipient, point), entry in files.after({}, self.export(TODAY)).items()
        }
        stored = {
            f"{kind} {names[key]}": shown(one, names)
            for (kind, key), one in self.play.stored.items()
            if kind in ("registrations", "supply_points")
        }
        return stored | sent | {"parked": sorted(self._parked())}


def outcome_of(play: Play, before: list[Mail], today: list[Mail]) -> dict[str, Any]:
    """The outcome of messages of two days."""
    days = Days(play)
    days.deliver(before)
    days.export(FIRST_DAY)
    play.move_to(TODAY, time(10))
    days.deliver(today)
    return days.outcome()


def check(
    loop: asyncio.AbstractEventLoop, folder: Path, history: tuple[list[Fact], list[Fact]], order: list[int]
) -> None:
    morning = datetime.combine(TODAY, time(8), LONDON)
    before = messages(history[0], morning - timedelta(days=1))
    today = messages(history[1], morning)
    outcomes = []
    for delivered in (today, [today[number] for number in order]):
        with running(loop, morning - timedelta(hours=20), PSR_EXPORT_FIRST_DAY=str(FIRST_DAY)) as service:
            outcomes.append(outcome_of(Play(service, folder), before, delivered))
    one, other = outcomes
    changed_aspects = [
        f"{name}: {one.get(name)}, and in the other order: {other.get(name)}"
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]
    delivered_words = [*(f"before: {each.words}" for each in before), *(f"today: {each.words}" for each in today)]
    assert not changed_aspects, "\n".join([*changed_aspects, *delivered_words, f"the other order: {order}"])


@pytest.mark.parametrize("examples", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_the_same_facts_in_another_order_end_in_the_same_world(
    examples: int,
    emulators: Layout,  # noqa: ARG001 - they run first
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "tables"
    shutil.copytree(Path(shared.data.__file__).parent, folder)
    Tables().write(folder)
    monkeypatch.setattr(shared.data, "FOLDER", folder)
    loop = asyncio.new_event_loop()

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def in_any_order(data: st.DataObject) -> None:
        history = data.draw(histories(), "history")
        numbers = range(len(history[1]))
        again = data.draw(st.lists(st.sampled_from(numbers), max_size=3), "again") if numbers else []
        check(loop, folder, history, data.draw(st.permutations([*numbers, *again]), "order"))

    try:
        in_any_order()
    finally:
        loop.close()
