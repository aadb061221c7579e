"""Submissions that are refused for what is on the register, or for the day on which they come."""

from datetime import date

from shared.domain.household import from_future
from shared.domain.needs import NeedInput, end_of, holds_on, newly_retired
from shared.domain.notices import LAPSED
from shared.domain.registration import RegistrationInput, RegistrationState, Status
from shared.domain.services import arranged_in_future
from shared.domain.sharing_rules import sharing_errors
from shared.errors import FieldError, InvalidContent
from shared.field_errors import field_error
from shared.policy import Policy


def refuse_impossible_content(
    submitted: RegistrationInput,
    before: RegistrationInput | None,
    day: date,
    policy: Policy,
    *,
    from_caller: bool = True,
) -> None:
    """Refuse needs that have ended, births, ages and services from the future, and sharing that no rule allows.

    Raises `InvalidContent`.

    A repeat of what the registration has `before` is no error.
    """
    known_sharing = before.sharing if before else None
    errors = sharing_errors(submitted.sharing, known_sharing, day, from_caller=from_caller)
    errors += _impossible_referral(submitted, before, day)
    errors += arranged_in_future(submitted.services, before.services if before else None, day)
    repeated = before.needs if before else []
    for index, need in enumerate(submitted.needs):
        if need not in repeated:
            errors += _impossible_dates(need, f"/needs/{index}", day, policy)
    if submitted.household is not None and (before is None or submitted.household != before.household):
        errors += from_future(submitted.household, day)
    if errors:
        raise InvalidContent(tuple(errors))


def refuse_newly_retired(submitted: RegistrationInput, known: RegistrationState | None) -> None:
    """Refuse a retired needs code that the registration does not have yet. Raises `InvalidContent`."""
    errors = newly_retired(submitted.needs, known.registration.needs if known else [])
    if errors:
        raise InvalidContent(errors)


def has_lapsed(need: NeedInput, day: date, policy: Policy) -> bool:
    """Whether a need's last day is over."""
    last_day = end_of(need, young_child_until_birthday=policy.young_child_until_birthday)
    return not holds_on(last_day, day)


def _impossible_referral(submitted: RegistrationInput, before: RegistrationInput | None, day: date) -> list[FieldError]:
    """The errors of a referral that is new or differs. A new one is pending: only later the person confirms it."""
    known = before.referral if before else None
    if submitted.referral is None or submitted.referral == known:
        return []
    errors = []
    if known is None and submitted.status is not Status.PENDING:
        errors.append(field_error("/status", "referral_not_pending"))
    if submitted.referral.referred_on > day:
        errors.append(field_error("/referral/referred_on", "date_in_future"))
    return errors


def _impossible_dates(need: NeedInput, pointer: str, day: date, policy: Policy) -> list[FieldError]:
    errors: list[FieldError] = []
    born = need.youngest_child_born_on
    if born is not None and born > day:
        errors.append(field_error(f"{pointer}/youngest_child_born_on", "date_in_future"))
    if has_lapsed(need, day, policy):
        field = "ends_on" if born is None else "youngest_child_born_on"
        errors.append(field_error(f"{pointer}/{field}", LAPSED))
    return errors
