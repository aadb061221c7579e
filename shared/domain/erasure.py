"""What is left of a person's data when it is erased: that something was there, when, and what kind of change it was.

The shell has the shape of what it replaces, so nothing that reads it needs to know. It keeps the times of the facts:
an old record that comes again loses against them, and cannot bring the person back.
"""

from datetime import date

from shared.domain.changes import Change
from shared.domain.contacts import Address, Contact
from shared.domain.feed import FeedEntry
from shared.domain.registration import AccountId, Fact, Registration, RegistrationState, Status
from shared.domain.services import Services
from shared.domain.sharing import LawfulBasis, Sharing
from shared.domain.supply_points import SupplyPoints

#: Stands where text was.
ERASED = "erased"
#: A postcode that nobody lives at: Girobank's, which closed in 2003.
NO_POSTCODE = "GIR 0AA"


def erased_state(state: RegistrationState, day: date) -> RegistrationState:
    """What is kept of a registration's state that is erased on `day`. It is no longer live in any version."""
    return state.model_copy(
        update={
            "registration": _erased_registration(state.registration),
            "facts": state.facts.model_copy(
                update={
                    **{name: _unnamed(fact) for name, fact in state.facts if isinstance(fact, Fact)},
                    "points": {},
                }
            ),
            "networks": {},
            "erased_on": day,
        }
    )


def erased_change(change: Change, day: date) -> Change:
    """What is kept of an entry of the change log."""
    return change.model_copy(
        update={
            "origin": change.origin.model_copy(update={"actor": ERASED, "event_id": None}),
            "fingerprint": ERASED,
            "reason": None,
            "state": erased_state(change.state, day),
            "erased": True,
        }
    )


def erased_entry(entry: FeedEntry) -> FeedEntry:
    """What is kept of what a network was told, once the day's files are released and never made again."""
    return entry.model_copy(update={"supply_point": ERASED, "state": None})


def _unnamed(fact: Fact) -> Fact:
    """An event's id is a producer's text. Only its time is needed to order it."""
    return fact.model_copy(update={"id": ERASED})


def _erased_registration(registration: Registration) -> Registration:
    return registration.model_copy(
        update={
            "account_id": AccountId(ERASED),
            "status": Status.ENDED if registration.status.live else registration.status,
            "supply_points": SupplyPoints(),
            "premises": Address(address_lines=[ERASED], postcode=NO_POSTCODE),
            "primary_contact": Contact(name=ERASED),
            "alternate_contact": None,
            "needs": [],
            "sharing": Sharing(basis=LawfulBasis.NONE, recorded_on=registration.sharing.recorded_on, evidence=ERASED),
            "services": Services(),
            "closes_on": None,
            "warnings": [],
        }
    )
