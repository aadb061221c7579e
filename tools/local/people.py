"""The people who can sign in on the local stack: two customers of the sample and two agents."""

from datetime import date
from typing import Any, NamedTuple

from tools.local.sample import Record, numbers_of, registration

_CUSTOMER = "psr:write psr:read"
_AGENT = "psr:write psr:read psr:history psr:work psr:bulk"
#: Numbers of customers of `sample.registration`: the tour registers the first, and never the other.
REGISTERED_NUMBER, NEW_NUMBER = 0, 20


class Person(NamedTuple):
    """A person: name, role, the scopes that the issuer grants at most, and the claims of the access token."""

    name: str
    about: str
    scope: str
    claims: dict[str, Any]


def sample_people(day: date) -> dict[str, Person]:
    """Everyone on the sign-in page, by key, as of the stack's first day."""
    return {
        "registered": _known_customer(
            registration(REGISTERED_NUMBER, day), "registered by the tour of the local stack"
        ),
        "new": _known_customer(registration(NEW_NUMBER, day), "not registered yet"),
        "agent": _agent("agent", "Sam Fenwick", "Agent: finds, registers, amends and withdraws; work lists, history"),
        "senior": _agent("senior", "Priya Garth", "Agent who may also see passwords", " psr:caller_password"),
    }


def customer(account_id: str, supply_points: list[str], name: str = "", about: str = "") -> Person:
    """A customer of an account with its supply points."""
    claims = {"sub": f"customer-{account_id}", "account_id": account_id, "supply_points": supply_points}
    return Person(name or f"Customer {account_id}", about, _CUSTOMER, claims)


def _known_customer(record: Record, state: str) -> Person:
    account_id, points = record["account_id"], numbers_of(record)
    about = f"Customer of account {account_id}, {state}"
    return customer(account_id, points, record["primary_contact"]["name"], about)


def _agent(subject: str, name: str, about: str, more_scopes: str = "") -> Person:
    return Person(name, about, _AGENT + more_scopes, {"sub": f"local-{subject}"})
