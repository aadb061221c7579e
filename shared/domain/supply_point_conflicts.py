"""Supply point conflicts: decisions that take supply points which another registration has, or had."""

from collections.abc import Collection, Mapping

from shared.domain.aspects import TICK, assigned_supply_points, point_fact, waiting
from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision
from shared.domain.notices import notices_of_needs_and_dates, warned
from shared.domain.registration import Fact, Registration, RegistrationState


def yield_supply_points(
    decision: Decision, known: RegistrationState | None, newer: Collection[str], older: Collection[str], fact: Fact
) -> Decision:
    """The same decision without supply points that another registration has, or had, by a newer fact.

    Those that another has by an `older` fact wait for their release, and for the message of `fact` to be applied again.
    A registration that yields is reviewed: somebody asks where the customer lives.
    """
    state = decision.state
    points = state.facts.points | {key: point_fact(state.facts.points[key], served=False) for key in newer}
    facts = waiting(state.facts.model_copy(update={"points": points}), older, fact)
    update: dict[str, object] = {"supply_points": assigned_supply_points(facts.points, state.registration.status)}
    if newer:
        update["review_due_on"] = min(state.day, state.registration.review_due_on)
    registration = warned(
        state.registration.model_copy(update=update), facts, notices_of_needs_and_dates(state.registration)
    )
    resolved = decision._replace(
        state=state.model_copy(update={"registration": registration, "facts": facts}), waiting=frozenset(older)
    )
    if known is not None and _is_same_but_for_its_version(registration, known.registration):
        return _without_new_version(resolved, known.registration)
    return resolved


def after_former_holders(decision: Decision, former: Mapping[str, Fact]) -> Decision:
    """The same decision of a caller, with facts of its supply points that are newer than those of `former` holders."""
    points = decision.state.facts.points
    raised = {
        key: points[key].model_copy(update={"time": fact.time + TICK})
        for key, fact in former.items()
        if fact.newer_than(points[key])
    }
    facts = decision.state.facts.model_copy(update={"points": {**points, **raised}})
    return decision._replace(state=decision.state.model_copy(update={"facts": facts}))


def _is_same_but_for_its_version(after: Registration, before: Registration) -> bool:
    stamp = {"version": before.version, "updated_at": before.updated_at}
    return after.model_copy(update=stamp) == before


def _without_new_version(decision: Decision, before: Registration) -> Decision:
    state = decision.state.model_copy(update={"registration": before})
    return decision._replace(kind=ChangeKind.NO_CHANGE, state=state)
