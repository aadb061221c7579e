"""Decisions: the kind of a change, and the state that replaces another."""

from datetime import date

import pytest

from shared.domain.changes import ChangeKind
from shared.domain.decision import Decision, kind_of_change, replacement
from shared.domain.registration import Status
from tests.support.registrations import fact, moment, registered, withdrawn

KNOWN = registered()
LIVE = KNOWN.registration


def with_status(status: Status, version: int = 1) -> dict[str, object]:
    return {"status": status, "version": version}


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (Status.ACTIVE, Status.ACTIVE, ChangeKind.NO_CHANGE),
        (Status.ACTIVE, Status.PENDING, ChangeKind.AMENDED),
        (Status.PENDING, Status.ACTIVE, ChangeKind.AMENDED),
        (Status.ACTIVE, Status.WITHDRAWN, ChangeKind.WITHDRAWN),
        (Status.PENDING, Status.WITHDRAWN, ChangeKind.WITHDRAWN),
        (Status.ACTIVE, Status.ENDED, ChangeKind.ENDED),
        (Status.WITHDRAWN, Status.ACTIVE, ChangeKind.REGISTERED),
        (Status.ENDED, Status.PENDING, ChangeKind.REGISTERED),
        (Status.WITHDRAWN, Status.ENDED, ChangeKind.AMENDED),
        (Status.ENDED, Status.WITHDRAWN, ChangeKind.AMENDED),
        (Status.ENDED, Status.ENDED, ChangeKind.NO_CHANGE),
    ],
)
def test_the_kind_of_a_change_follows_from_the_status(before: Status, after: Status, kind: ChangeKind) -> None:
    one, other = (LIVE.model_copy(update={"status": status}) for status in (before, after))
    assert kind_of_change(one, other) is kind


def test_a_replacement_has_the_next_version_and_the_time_of_the_change() -> None:
    facts = KNOWN.facts.model_copy(update={"premises": fact("2026-11-24")})
    after = LIVE.model_copy(update={"status": Status.WITHDRAWN})
    assert replacement(KNOWN, after, facts, moment("2026-11-25")) == Decision(
        ChangeKind.WITHDRAWN,
        KNOWN.model_copy(
            update={
                "registration": after.model_copy(update={"version": 2, "updated_at": moment("2026-11-25").now}),
                "facts": facts,
                "day": date(2026, 11, 25),
                "ended_on": date(2026, 11, 25),
            }
        ),
    )


def test_a_replacement_by_the_same_registration_keeps_its_version() -> None:
    facts = KNOWN.facts.model_copy(update={"premises": fact("2026-11-24")})
    assert replacement(KNOWN, LIVE, facts, moment("2026-11-25")) == Decision(
        ChangeKind.NO_CHANGE, KNOWN.model_copy(update={"facts": facts, "day": date(2026, 11, 25)})
    )


def test_a_replacement_of_a_registration_that_had_ended_notes_the_former_period() -> None:
    gone = withdrawn(KNOWN, "2026-11-24")
    state = replacement(gone, LIVE, KNOWN.facts, moment("2026-12-01")).state
    assert (state.registration.version, state.ended_on) == (3, None)
    assert [(period.ended_on, period.version) for period in state.former] == [(date(2026, 11, 24), 2)]


def test_a_decision_has_no_effects_beyond_its_state_by_default() -> None:
    decision = Decision(ChangeKind.AMENDED, KNOWN)
    assert (decision.receipt, decision.lost, decision.elsewhere, decision.waiting, decision.reason) == (
        False,
        frozenset(),
        {},
        frozenset(),
        None,
    )
