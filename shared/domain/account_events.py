"""Account events: statements of the supplier's other systems about accounts on the register."""

from shared.clock import london_day
from shared.domain.aspects import Statement, facts_after, reviewed
from shared.domain.attempts import record_attempt
from shared.domain.decision import Decision, Moment
from shared.domain.registration import Fact, RegistrationState
from shared.domain.sharing_rules import sharing_errors
from shared.domain.statements import apply_statement
from shared.errors import InvalidContent, RegistrationErased, RegistrationUnknown
from shared.policy import Policy


def apply_account_event(
    statement: Statement, known: RegistrationState | None, *, moment: Moment, fact: Fact, policy: Policy
) -> Decision:
    """Apply an event's statement about an account. It asks for a review only if it wins.

    Raises `RegistrationUnknown` until the register knows the account, `RegistrationErased` once it has been erased, and
    `InvalidContent` for what is refused of a caller, too: dates that cannot be, too many supply points.
    """
    if known is None:
        raise RegistrationUnknown
    if known.erased_on is not None:
        raise RegistrationErased
    if statement.sharing:
        latest_day = max(moment.day, london_day(fact.time))
        if errors := sharing_errors(statement.sharing, None, latest_day, from_caller=False):
            raise InvalidContent(tuple(errors))
    if statement.attempt:
        return record_attempt(statement.attempt, known, moment=moment, fact=fact, policy=policy)
    if statement.review and _wins(statement, known, fact):
        return apply_statement(statement, reviewed(known, fact), moment, fact, policy)
    return apply_statement(statement._replace(review=False), known, moment, fact, policy)


def _wins(statement: Statement, known: RegistrationState, fact: Fact) -> bool:
    """Whether a statement is the newest about any aspect. One that only asks for a review is about the profile."""
    if statement == Statement(review=True) and fact.newer_than(known.facts.profile):
        return True
    return facts_after(statement, known.facts, fact) != known.facts
