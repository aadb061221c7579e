"""Apply a statement: the aspects that it wins, and the registration after."""

from datetime import date
from typing import NamedTuple

from shared.domain.aspects import (
    Profile,
    Statement,
    after_last_day,
    assigned_supply_points,
    facts_after,
    no_longer_waiting,
    pending_last_day,
    receipt_kind,
)
from shared.domain.campaigns import attempts_since
from shared.domain.contacts import Address
from shared.domain.decision import Decision, Moment, replacement
from shared.domain.needs import Need, on_register
from shared.domain.notices import notices_after, warned
from shared.domain.registration import Fact, Facts, Registration, RegistrationState, Status
from shared.domain.reviews import follow_up_on, review_due_on, unconfirmed_until
from shared.domain.sharing import Sharing
from shared.domain.supply_points import refuse_too_many, supply_point_key
from shared.policy import Policy


class _Won(NamedTuple):
    """The aspects that a statement wins; of the others, what the registration had, and no profile."""

    profile: Profile | None
    premises: Address
    sharing: Sharing
    status: Status
    closes_on: date | None


def apply_statement(
    statement: Statement, known: RegistrationState, moment: Moment, fact: Fact, policy: Policy
) -> Decision:
    """Apply a statement to a registration. Raises `InvalidContent` for too many supply points."""
    before = known.registration
    facts = no_longer_waiting(facts_after(statement, known.facts, fact), fact)
    adds_nothing = not (statement.review or statement.needs is not None or _confirms_referral(statement, before))
    if facts == known.facts and adds_nothing:
        kind = receipt_kind(statement, known.facts, fact)
        return Decision(kind, known, receipt=True, elsewhere=_elsewhere(statement, before, before, policy))
    if facts.closing != known.facts.closing:
        statement, facts = _closed_if_its_last_day_is_over(statement, facts, moment.day)
    after = _registration_after(statement, known, facts, moment.day, policy)
    refuse_too_many(before.supply_points, after.supply_points)
    return replacement(known, after, facts, moment)._replace(
        lost=frozenset() if policy.delete_on_supply_lost else _lost(statement, before, after),
        elsewhere=_elsewhere(statement, before, after, policy),
    )


def _closed_if_its_last_day_is_over(statement: Statement, facts: Facts, day: date) -> tuple[Statement, Facts]:
    """A statement about an account's last day ends the registration at once if that day is over."""
    closed = after_last_day(facts, statement.closes_on, day)
    return (statement, facts) if closed == facts else (statement._replace(status=Status.ENDED), closed)


def _registration_after(
    statement: Statement, known: RegistrationState, facts: Facts, day: date, policy: Policy
) -> Registration:
    """The registration by the facts that moved, still with its old version."""
    before = known.registration
    won = _won(statement, known, facts)
    needs = _needs_after(statement, won.profile, before, day, policy)
    status = won.status.with_needs(known=bool(needs))
    referral = won.profile.referral if won.profile else before.referral
    unconfirmed = None if _confirms_referral(statement, before) else referral
    until = unconfirmed_until(status, before, unconfirmed, day, policy)
    update: dict[str, object] = {
        "status": status,
        "referral": referral,
        "unconfirmed_until": until,
        "supply_points": assigned_supply_points(facts.points, status),
        "needs": needs,
        "premises": won.premises,
        "sharing": won.sharing,
        "review_due_on": review_due_on(statement, before, won.profile, day, policy),
        "follow_up_on": follow_up_on(status, before, day, policy, referred=until is not None),
        "closes_on": pending_last_day(won.closes_on, facts, day),
    }
    if facts.status != known.facts.status:
        update["campaigns"] = attempts_since(before.campaigns, facts.status.time, policy)
    if won.profile:
        update |= {
            "primary_contact": won.profile.primary_contact,
            "alternate_contact": won.profile.alternate_contact,
            "services": won.profile.services,
            "household": won.profile.household,
        }
    after = before.model_copy(update=update)
    return warned(after, facts, notices_after(statement, won.profile, before, after))


def _confirms_referral(statement: Statement, before: Registration) -> bool:
    """Whether a record is no referral. Even an older one: the account was on the register before it was referred."""
    is_open = before.status.live and before.unconfirmed_until is not None
    return is_open and statement.profile is not None and statement.profile.referral is None


def _won(statement: Statement, known: RegistrationState, facts: Facts) -> _Won:
    """The aspects whose facts moved, as the statement has them."""
    before, old = known.registration, known.facts
    return _Won(
        profile=statement.profile if facts.profile != old.profile else None,
        premises=(statement.premises if facts.premises != old.premises else None) or before.premises,
        sharing=(statement.sharing if facts.sharing != old.sharing else None) or before.sharing,
        status=(statement.status if facts.status != old.status else None) or before.status,
        closes_on=statement.closes_on if facts.closing != old.closing else before.closes_on,
    )


def _needs_after(
    statement: Statement, profile: Profile | None, before: Registration, day: date, policy: Policy
) -> list[Need]:
    """The needs of the profile if it wins, or those that hold in any case; a need that stays keeps its first day."""
    stated = profile.needs if profile else statement.needs
    if stated is None:
        return before.needs
    stayed = before.needs if before.status.live else []
    return on_register(stated, stayed, day, young_child_until_birthday=policy.young_child_until_birthday)


def _lost(statement: Statement, before: Registration, after: Registration) -> frozenset[str]:
    """The supply points that the registration has no more because this statement says that we do not serve them."""
    gone = before.assigned().keys() - after.assigned().keys()
    return frozenset(key for key, served in statement.served.items() if not served and key in gone)


def _elsewhere(statement: Statement, before: Registration, after: Registration, policy: Policy) -> dict[str, bool]:
    """The supply points that a statement names, with whether we serve them, and that are not the registration's.

    Empty if networks delete what is lost like what is released: then nothing depends on them.
    """
    if policy.delete_on_supply_lost:
        return {}
    all_stated = statement.supply_points.all() if statement.supply_points else []
    stated = {**{supply_point_key(point): True for point in all_stated}, **statement.served}
    own = before.assigned().keys() | after.assigned().keys()
    return {key: served for key, served in stated.items() if key not in own}
