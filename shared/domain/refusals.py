"""Submissions that are refused for what is on the register, or for the day on which they come."""

from datetime import date

from shared.domain.needs import NeedInput, end_of, holds_on, newly_retired
from shared.domain.notices import LAPSED
from shared.domain.registration import RegistrationInput, RegistrationState
from shared.domain.sharing import recorded_in_future
from shared.errors import FieldError, InvalidContent
from shared.field_errors import field_error
from shared.policy import Policy


def refuse_impossible_dates(
    submitted: RegistrationInput, before: RegistrationInput | None, day: date, policy: Policy
) -> None:
    """Refuse needs that have ended, births in the future, and a lawful basis from the future. Raises `InvalidContent`.

    A repeat of what the registration has `before` is no error.
    """
    new_basis = before is None or submitted.sharing.recorded_on != before.sharing.recorded_on
    errors = recorded_in_future(submitted.sharing, day) if new_basis else []
    repeated = before.needs if before else []
    for index, need in enumerate(submitted.needs):
        if need not in repeated:
            errors += _impossible_dates(need, f"/needs/{index}", day, policy)
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


def _impossible_dates(need: NeedInput, pointer: str, day: date, policy: Policy) -> list[FieldError]:
    errors: list[FieldError] = []
    born = need.youngest_child_born_on
    if born is not None and born > day:
        errors.append(field_error(f"{pointer}/youngest_child_born_on", "date_in_future"))
    if has_lapsed(need, day, policy):
        field = "ends_on" if born is None else "youngest_child_born_on"
        errors.append(field_error(f"{pointer}/{field}", LAPSED))
    return errors
