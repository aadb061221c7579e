"""Erasure: the shell that is left of a person's data. It says that something was there, when, and the kind of change.

A shell has the shape of the data that it replaces, so code that reads it needs no case for it. Its facts have the time
of the erasure: an older record, known to the register or not, loses against them and cannot bring the person back.
"""

from datetime import date, datetime
from typing import Any

from shared.clock import london_day
from shared.domain.changes import Change
from shared.domain.contacts import Address, Contact
from shared.domain.feed import FeedEntry
from shared.domain.registration import (
    AccountId,
    Fact,
    Facts,
    Registration,
    RegistrationId,
    RegistrationState,
    Status,
)
from shared.domain.services import Services
from shared.domain.sharing import Article9Condition, Sharing
from shared.domain.supply_points import SupplyPoints

#: In the place of text.
ERASED = "erased"
#: A postcode that nobody lives at: Girobank's, which closed in 2003.
NO_POSTCODE = "GIR 0AA"
#: Source of the facts of a shell.
SOURCE = "erasure"


def erased_state(state: RegistrationState, at: datetime) -> RegistrationState:
    """The shell of a registration that is erased at an instant. It is no longer live in any version."""
    return RegistrationState(
        registration=_erased_registration(state.registration),
        facts=_facts(max([at, *_times(state.facts)])),
        networks={},
        day=state.day,
        erased_on=london_day(at),
    )


def erased_at(state: RegistrationState) -> datetime | None:
    """The instant from which facts can make a shell a registration again; None if the registration is not erased."""
    return state.facts.status.time if state.erased_on else None


def tombstone(registration_id: RegistrationId, at: datetime) -> RegistrationState:
    """The shell of an account that the register does not know: a record from before `at` cannot register it."""
    day = london_day(at)
    registration = Registration(
        registration_id=registration_id,
        status=Status.ENDED,
        version=0,
        created_at=at,
        updated_at=at,
        review_due_on=day,
        follow_up_on=None,
        **_nobody(recorded_on=day),
    )
    return RegistrationState(registration=registration, facts=_facts(at), networks={}, day=day, erased_on=day)


def erased_change(change: Change, at: datetime) -> Change:
    """The shell of an entry of the change log."""
    return change.model_copy(
        update={
            "origin": change.origin.model_copy(update={"actor": ERASED, "event_id": None}),
            "fingerprint": ERASED,
            "reason": None,
            "attempt": None,
            "state": change.state if change.state.erased_on else erased_state(change.state, at),
            "erased": True,
        }
    )


def erased_entry(entry: FeedEntry) -> FeedEntry:
    """The shell of a feed entry, once the day's files are released and never made again."""
    return FeedEntry(
        supply_point=ERASED,
        recipient=entry.recipient,
        day=entry.day,
        send=entry.send,
        withheld=entry.withheld,
        registration_id=None,
        version=entry.version,
    )


def _facts(time: datetime) -> Facts:
    fact = Fact(time=time, source=SOURCE, id=ERASED)
    aspects = dict.fromkeys(("profile", "premises", "sharing", "status", "supply_points", "closing", "review"), fact)
    return Facts(**aspects, points={})


def _times(facts: Facts) -> list[datetime]:
    aspects = [facts.profile, facts.premises, facts.sharing, facts.status, facts.supply_points]
    single = [*aspects, facts.closing, facts.review, *facts.points.values()]
    return [fact.time for fact in single if fact is not None]


def _erased_registration(registration: Registration) -> Registration:
    return Registration(
        registration_id=registration.registration_id,
        status=Status.ENDED if registration.status.live else registration.status,
        version=registration.version,
        created_at=registration.created_at,
        updated_at=registration.updated_at,
        review_due_on=registration.review_due_on,
        follow_up_on=registration.follow_up_on,
        **_nobody(recorded_on=registration.sharing.recorded_on),
    )


def _nobody(recorded_on: date) -> dict[str, Any]:
    """The fields of a registration that describe a person, of no one."""
    return {
        "account_id": AccountId(ERASED),
        "supply_points": SupplyPoints(),
        "premises": Address(address_lines=[ERASED], postcode=NO_POSTCODE),
        "primary_contact": Contact(name=ERASED),
        "alternate_contact": None,
        "needs": [],
        "sharing": Sharing(basis=Article9Condition.NONE, recorded_on=recorded_on, evidence=ERASED),
        "services": Services(),
        "household": None,
        "warnings": [],
    }
