"""Account events as statements. Their order across accounts: tests/messages."""

from datetime import UTC, date, datetime

import pytest

from shared.domain.account_events import apply_account_event
from shared.domain.aspects import Statement
from shared.domain.changes import ChangeKind
from shared.domain.contacts import Address
from shared.domain.decision import Decision, Moment
from shared.domain.erasure import erased_state
from shared.domain.registration import Fact, Status
from shared.domain.sharing import Article9Condition, Sharing
from shared.errors import InvalidContent, RegistrationErased, RegistrationUnknown
from tests.support.registrations import (
    POLICY,
    after_event,
    fact,
    moment,
    mpans,
    registered,
    withdrawn,
)

NEW_HOME = Statement(premises=Address(address_lines=["2 New Street"], postcode="M1 1AE"), review=True)


def test_an_event_about_an_account_that_is_not_known_is_refused() -> None:
    with pytest.raises(RegistrationUnknown):
        after_event(None, NEW_HOME, "2026-11-24")


def test_an_event_about_an_account_that_is_erased_is_refused() -> None:
    shell = erased_state(withdrawn(registered(), "2026-11-24"), moment("2026-11-25").now)
    with pytest.raises(RegistrationErased):
        after_event(shell, NEW_HOME, "2026-11-26")


def test_an_event_may_not_lead_to_more_supply_points_than_a_caller_may_submit() -> None:
    known = registered(supply_points={"mpans": mpans(20)})
    new, old = f"mpan:{mpans(21)[20]}", f"mpan:{mpans(1)[0]}"
    with pytest.raises(InvalidContent) as refused:
        after_event(known, Statement(served={new: True}), "2026-11-24")
    assert [(e.pointer, e.code) for e in refused.value.errors] == [("/supply_points/mpans", "supply_points_too_many")]
    swapped = after_event(known, Statement(served={new: True, old: False}), "2026-11-24")
    assert len(swapped.state.registration.supply_points.mpans) == 20


@pytest.mark.parametrize(
    ("recorded_on", "accepted"),
    [
        pytest.param("2026-11-24", True, id="today"),
        pytest.param("2026-11-25", True, id="the day of the event, by a clock some minutes ahead"),
        pytest.param("2026-11-26", False, id="tomorrow"),
    ],
)
def test_an_event_may_not_have_a_lawful_basis_from_the_future(recorded_on: str, *, accepted: bool) -> None:
    before_midnight = Moment(datetime(2026, 11, 24, 23, 58, tzinfo=UTC), date(2026, 11, 24))
    after_midnight = Fact(time=datetime(2026, 11, 25, 0, 1, tzinfo=UTC), source="//accounts", id="1")
    basis = Sharing(basis=Article9Condition.NONE, recorded_on=date.fromisoformat(recorded_on), evidence="call 1")
    problem = None
    try:
        apply_account_event(
            Statement(sharing=basis), registered(), moment=before_midnight, fact=after_midnight, policy=POLICY
        )
    except InvalidContent as refused:
        problem = refused.errors
    assert problem == (
        None if accepted else (("/sharing/recorded_on", "date_in_future", "Enter a date that is not in the future"),)
    )


def test_the_day_of_an_older_event_does_not_refuse_a_lawful_basis_of_today() -> None:
    basis = Sharing(basis=Article9Condition.NONE, recorded_on=date(2026, 11, 25), evidence="call 1")
    decision = after_event(
        registered(), Statement(sharing=basis), "2026-11-25", stated=fact("2026-11-24", "//accounts")
    )
    assert decision.state.registration.sharing == basis


@pytest.mark.parametrize(
    ("stated", "due_on", "kind"),
    [
        pytest.param("2026-11-24", "2026-11-30", ChangeKind.AMENDED, id="newer than the premises"),
        pytest.param("2026-11-22", "2028-11-23", ChangeKind.SUPERSEDED, id="older than the premises"),
    ],
)
def test_an_event_asks_for_a_review_only_if_it_wins(stated: str, due_on: str, kind: ChangeKind) -> None:
    decision = after_event(registered(), NEW_HOME, "2026-11-30", stated=fact(stated, "//accounts"))
    assert decision.kind is kind
    assert decision.state.registration.review_due_on == date.fromisoformat(due_on)


@pytest.mark.parametrize(
    ("stated", "due_on"),
    [
        pytest.param("2026-11-24", "2026-11-30", id="newer than the profile"),
        pytest.param("2026-11-22", "2028-11-23", id="older than the profile"),
    ],
)
def test_an_event_that_only_asks_for_a_review_is_about_the_profile(stated: str, due_on: str) -> None:
    decision = after_event(registered(), Statement(review=True), "2026-11-30", stated=fact(stated, "//accounts"))
    assert decision.state.registration.review_due_on == date.fromisoformat(due_on)
    asked = fact(stated, "//accounts") if due_on == "2026-11-30" else None
    assert decision.state.facts == registered().facts.model_copy(update={"review": asked})


def test_an_event_that_does_not_ask_for_a_review_causes_none() -> None:
    after = after_event(registered(), NEW_HOME._replace(review=False), "2026-11-30").state.registration
    assert (after.premises, after.review_due_on) == (NEW_HOME.premises, date(2028, 11, 23))


def test_an_event_that_loses_with_all_that_it_states_is_a_receipt() -> None:
    known = registered()
    decision = after_event(known, NEW_HOME, "2026-11-30", stated=fact("2026-11-01", "//accounts"))
    assert decision == Decision(ChangeKind.SUPERSEDED, known, receipt=True)


def test_an_event_ends_a_registration() -> None:
    decision = after_event(registered(), Statement(status=Status.ENDED), "2026-11-24")
    after = decision.state
    assert (decision.kind, after.registration.status, after.ended_on) == (
        ChangeKind.ENDED,
        Status.ENDED,
        date(2026, 11, 24),
    )
    assert after.registration.assigned() == {}
