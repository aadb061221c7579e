"""Network operators' views of supply points: the rule that decides what a day's file says.

A network keeps its own copy, which our files change. `had` says whether it had our data before `day` began, `wants`
whether it should have it at the end of the day. A file is made once per day, so only these two matter, however often a
day's state changed. A delete that undoes nothing of ours is never sent: it could remove data that the network collected
itself.
"""

from datetime import date
from enum import StrEnum

from shared.model import Model


class Send(StrEnum):
    """The content of a day's file for one supply point."""

    SET = "set"
    DELETE = "delete"
    NOTHING = "nothing"


class NetworkState(Model):
    """One network's view of one supply point.

    `had_of` is the registration whose data it had, if that is not the one that has the supply point, or released it.
    `lost`: that registration has lost the supply point to another supplier on `day`, which sends its own data.
    """

    day: date
    had: bool
    wants: bool
    had_of: str | None = None
    lost: bool = False


def after_change(state: NetworkState | None, day: date, *, wants: bool) -> NetworkState:
    """The view after a change on `day`: the network now has what an earlier day wanted."""
    if state is None:
        return NetworkState(day=day, had=False, wants=wants)
    if state.day != day:
        return NetworkState(day=day, had=state.wants, wants=wants)
    lost = state.lost and state.had_of is not None
    return NetworkState(day=day, had=state.had, wants=wants, had_of=state.had_of, lost=lost)


def after_supply_lost(state: NetworkState | None, day: date) -> NetworkState:
    """The view once another supplier serves the supply point: the data that was sent for its holder is not deleted.

    Whether the network had data before the day stays known until the day is over: the supply can come back within the
    day. Data of a former holder is deleted or not by how that one left.
    """
    after = after_change(state, day, wants=False)
    return after.model_copy(update={"lost": after.lost or after.had_of is None})


def taken_over(state: NetworkState, former: str | None, holder: str) -> NetworkState:
    """The view of a supply point that `former` released, once `holder` has it."""
    had_of = state.had_of or former
    return state.model_copy(update={"had_of": None if had_of == holder else had_of})


def to_send(state: NetworkState) -> Send:
    """The content of the file of `state.day`."""
    if state.wants:
        return Send.SET
    return Send.DELETE if state.had and not state.lost else Send.NOTHING
