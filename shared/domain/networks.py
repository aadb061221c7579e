"""What a network operator had, and what it should have: the rule that decides what a day's file says.

A network keeps its own copy, which our files change. `had` is what it had of us before `day` began, `wants` what it
should have at the end of it. A file is made once per day, so only these two matter, however often a day's state
changed. A delete that undoes nothing of ours is never sent: it could wipe what the network learnt directly.
"""

from datetime import date
from enum import StrEnum

from shared.model import Model


class Send(StrEnum):
    """What the day's file says about a supply point."""

    SET = "set"
    DELETE = "delete"
    NOTHING = "nothing"


class NetworkState(Model):
    """One network's view of one supply point."""

    day: date
    had: bool
    wants: bool


def after_change(state: NetworkState | None, day: date, *, wants: bool) -> NetworkState:
    """The view after a change on `day`: what an earlier day wanted is what the network now has."""
    if state is None:
        return NetworkState(day=day, had=False, wants=wants)
    return NetworkState(day=day, had=state.had if state.day == day else state.wants, wants=wants)


def after_supply_lost(day: date) -> NetworkState:
    """The view once another supplier serves the supply point: nothing of ours is there, and nothing is sent."""
    return NetworkState(day=day, had=False, wants=False)


def to_send(state: NetworkState) -> Send:
    """What the file of `state.day` says."""
    if state.wants:
        return Send.SET
    return Send.DELETE if state.had else Send.NOTHING
