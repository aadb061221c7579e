"""What to send: every state that a network can be in, times everything that can happen, same day or later."""

from datetime import date

import pytest

from shared.domain.feed import effects_of
from shared.domain.networks import NetworkState, Send
from shared.domain.recipients import Withheld
from shared.domain.registration import Registration
from tests.support.registrations import registration

KEY, MPID = "mpan:2200999000017", "SWEB"
DAY_BEFORE, DAY = date(2026, 11, 23), date(2026, 11, 24)


def state(day: date, *, had: bool, wants: bool) -> NetworkState:
    return NetworkState(day=day, had=had, wants=wants)


OLD: dict[str, NetworkState | None] = {
    "never heard of": None,
    "told earlier": state(DAY_BEFORE, had=False, wants=True),
    "told again earlier": state(DAY_BEFORE, had=True, wants=True),
    "withheld earlier, or told and taken back within that day": state(DAY_BEFORE, had=False, wants=False),
    "deleted earlier": state(DAY_BEFORE, had=True, wants=False),
    "told today": state(DAY, had=False, wants=True),
    "told again today": state(DAY, had=True, wants=True),
    "withheld today, or told and taken back, or supply lost": state(DAY, had=False, wants=False),
    "deleted today": state(DAY, had=True, wants=False),
}

_NO_POINTS = {"supply_points": {"mpans": [], "mprns": []}}
EVENTS: dict[str, tuple[Registration, bool]] = {
    "told": (registration(), False),
    "withdrawn": (registration(status="withdrawn", **_NO_POINTS), False),
    "moved away": (registration(supply_points={"mpans": ["1000999001019"], "mprns": []}), False),
    "pending": (registration(status="pending", needs=[]), False),
    "no lawful basis": (
        registration(sharing={"basis": "none", "recorded_on": "2026-11-24", "evidence": "call 2"}),
        False,
    ),
    "supply lost": (registration(status="ended", **_NO_POINTS), True),
}
WHY = {
    "withdrawn": Withheld.RELEASED,
    "moved away": Withheld.RELEASED,
    "pending": Withheld.NOT_ACTIVE,
    "no lawful basis": Withheld.NO_LAWFUL_BASIS,
    "supply lost": Withheld.SUPPLY_LOST,
}
#: What the network holds of us as today begins: only that can, and must, be deleted.
HOLDS = {"told earlier", "told again earlier", "told again today", "deleted today"}


def expected(old: str, event: str) -> Send:
    if event == "told":
        return Send.SET
    return Send.DELETE if old in HOLDS and event != "supply lost" else Send.NOTHING


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("old", OLD)
def test_what_is_sent_follows_from_what_the_network_holds_and_should_hold(old: str, event: str) -> None:
    after, lost = EVENTS[event]
    view = OLD[old]
    known = {KEY: {MPID: view} if view else {}}
    effects = effects_of(after, known, DAY, lost={KEY} if lost else ())
    (entry,) = [entry for entry in effects.entries if entry.supply_point == KEY]
    sent = expected(old, event)
    assert (entry.send, entry.withheld, entry.day) == (sent, WHY.get(event), DAY)
    assert (entry.state is not None) == (sent is Send.SET)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("old", OLD)
def test_the_next_day_starts_from_what_this_day_leaves(old: str, event: str) -> None:
    """Whatever happened, taking it back on the next day deletes exactly if today left something."""
    after, lost = EVENTS[event]
    view = OLD[old]
    effects = effects_of(after, {KEY: {MPID: view} if view else {}}, DAY, lost={KEY} if lost else ())
    views = {**effects.retained, **effects.released}[KEY]
    gone = registration(status="withdrawn", **_NO_POINTS)
    entries = effects_of(gone, {KEY: views}, date(2026, 11, 25)).entries
    assert [entry.send for entry in entries] == [Send.DELETE if event == "told" else Send.NOTHING]


@pytest.mark.parametrize("event", ["withdrawn", "no lawful basis", "pending", "supply lost"])
def test_what_is_told_again_the_same_day_is_set_whatever_came_between(event: str) -> None:
    after, lost = EVENTS[event]
    for view in OLD.values():
        between = effects_of(after, {KEY: {MPID: view} if view else {}}, DAY, lost={KEY} if lost else ())
        views = {**between.retained, **between.released}[KEY]
        (entry,) = [e for e in effects_of(registration(), {KEY: views}, DAY).entries if e.supply_point == KEY]
        assert entry.send is Send.SET


def test_gas_and_electricity_are_told_apart() -> None:
    after = registration(supply_points={"mpans": ["2200999000017"], "mprns": ["9900000104"]})
    sent = {(entry.supply_point, entry.recipient) for entry in effects_of(after, {}, DAY).entries}
    assert sent == {("mpan:2200999000017", "SWEB"), ("mprn:9900000104", "SHPR")}
