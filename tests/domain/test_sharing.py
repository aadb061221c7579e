"""The lawful basis on which needs are shared."""

from datetime import date

import pytest

from shared.domain.sharing import LawfulBasis, Sharing, recorded_in_future
from shared.errors import FieldError

IN_FUTURE = FieldError("/sharing/recorded_on", "date_in_future", "Enter a date that is not in the future")


@pytest.mark.parametrize(
    ("recorded_on", "errors"),
    [("2026-11-22", []), ("2026-11-23", []), ("2026-11-24", [IN_FUTURE])],
    ids=["yesterday", "today", "tomorrow"],
)
def test_a_lawful_basis_may_not_be_recorded_in_the_future(recorded_on: str, errors: list[FieldError]) -> None:
    sharing = Sharing(basis=LawfulBasis.NONE, recorded_on=date.fromisoformat(recorded_on), evidence="call 1")
    assert recorded_in_future(sharing, date(2026, 11, 23)) == errors
