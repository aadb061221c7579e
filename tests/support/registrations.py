"""Builders of submissions and registrations, and of the moments and facts of their changes.

A test names only what it is about. Days are ISO dates; a change happens at ten o'clock of its day.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

from shared.domain.account_events import apply_account_event
from shared.domain.aspects import Statement, submission_of
from shared.domain.decision import Decision, Moment
from shared.domain.due_dates import apply_due_dates
from shared.domain.migration import migrate
from shared.domain.patch import merge_patch, patched
from shared.domain.registration import Fact, Registration, RegistrationId, RegistrationInput, RegistrationState
from shared.domain.requests import amend, register, withdraw
from shared.domain.supply_points import mpan_check_digit
from shared.policy import Policy
from tools.synthetic import consent

POLICY = Policy()
ID = RegistrationId("00000000-0000-8000-8000-000000000000")
#: The day on which a registration of these builders was created: a Monday in winter.
FIRST_DAY = "2026-11-23"
MPAN, MPRN, OTHER_MPAN = "1000999001019", "9900000104", "2200999000017"
MPAN_KEY, MPRN_KEY, OTHER_KEY = f"mpan:{MPAN}", f"mprn:{MPRN}", f"mpan:{OTHER_MPAN}"
NO_SUPPLY_POINTS: dict[str, list[str]] = {"mpans": [], "mprns": []}

_SUBMISSION = {
    "account_id": "A-1000001",
    "supply_points": {"mpans": [MPAN], "mprns": [MPRN]},
    "premises": {"address_lines": ["1 Test Street"], "postcode": "BS1 4DJ"},
    "primary_contact": {"name": "Mrs A Example", "phones": ["07700900123"]},
    "needs": [{"code": "08"}],
    "sharing": consent("2026-10-01"),
}
_REGISTRATION = {
    **_SUBMISSION,
    "registration_id": "r",
    "status": "active",
    "version": 1,
    "supply_points": {"mpans": [OTHER_MPAN], "mprns": []},
    "alternate_contact": None,
    "needs": [{"code": "02", "starts_on": "2026-11-01"}, {"code": "37", "starts_on": "2026-11-01"}],
    "services": {},
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
    "review_due_on": "2027-11-23",
    "follow_up_on": None,
    "warnings": [],
}


def submission(**changes: Any) -> RegistrationInput:
    """A submission of an account, changed by a merge patch. Without needs it is pending."""
    whole = merge_patch(_SUBMISSION, changes)
    whole.setdefault("status", "active" if whole["needs"] else "pending")
    return RegistrationInput.model_validate_json(json.dumps(whole))


def registration(**fields: Any) -> Registration:
    """A registration as it could be stored, with these fields."""
    return Registration.model_validate_json(json.dumps(_REGISTRATION | fields))


def moment(day: str = FIRST_DAY) -> Moment:
    """Ten o'clock of a day."""
    return Moment(datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=UTC), date.fromisoformat(day))


def fact(day: str = FIRST_DAY, source: str = "http", fact_id: str = "1") -> Fact:
    """A fact from ten o'clock of a day."""
    return Fact(time=moment(day).now, source=source, id=fact_id)


def registered(day: str = FIRST_DAY, policy: Policy = POLICY, **changes: Any) -> RegistrationState:
    """A caller registered an account on a day."""
    return register(submission(**changes), None, ID, moment=moment(day), fact=fact(day), policy=policy).state


def amended(known: RegistrationState, day: str, **patch: Any) -> Decision:
    """A caller amends a registration by a merge patch."""
    after = patched(submission_of(known.registration), patch)
    return amend(after, known, moment=moment(day), fact=fact(day), policy=POLICY)


def withdrawn(known: RegistrationState, day: str) -> RegistrationState:
    """A caller withdrew a registration on a day."""
    return withdraw("asked", known, moment=moment(day), fact=fact(day), policy=POLICY).state


def migrated(
    known: RegistrationState | None, recorded: Fact, day: str = FIRST_DAY, policy: Policy = POLICY, **changes: Any
) -> Decision:
    """A record of the old platform comes on a day."""
    return migrate(submission(**changes), known, ID, moment=moment(day), fact=recorded, policy=policy)


def after_event(
    known: RegistrationState | None,
    statement: Statement,
    day: str,
    *,
    stated: Fact | None = None,
    policy: Policy = POLICY,
) -> Decision:
    """An event with a statement comes on a day, by default about that day."""
    stated = stated or fact(day, "//accounts")
    return apply_account_event(statement, known, moment=moment(day), fact=stated, policy=policy)


def on_day(known: RegistrationState | None, day: str) -> Decision:
    """The due dates of a registration are applied on a day."""
    return apply_due_dates(known, moment=moment(day), policy=POLICY)


def mpans(count: int) -> list[str]:
    """That many different MPANs of distributor 10."""
    return [f"10007700{n:04d}{mpan_check_digit(f'10007700{n:04d}')}" for n in range(count)]


def codes(known: RegistrationState) -> list[str]:
    """The needs codes of a registration."""
    return [str(need.code) for need in known.registration.needs]


def warnings(known: RegistrationState) -> list[tuple[str, str]]:
    """Pointer and code of each warning of a registration."""
    return [(notice.pointer, notice.code) for notice in known.registration.warnings]
