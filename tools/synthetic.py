"""Synthetic registrations and events, each about an account and supply points that nothing else uses."""

import itertools
import secrets
import uuid
from datetime import datetime
from typing import Any

from shared.clock import rfc3339
from shared.domain.supply_points import mpan_check_digit, mprn_check_digits

_unused = itertools.count(1)


def new_account() -> str:
    """An account id."""
    return f"A-{uuid.uuid4().hex[:12]}"


def new_mpan(distributor_id: str = "10") -> str:
    """A valid MPAN of a distributor."""
    body = f"{distributor_id}55{next(_unused):08d}"
    return f"{body}{mpan_check_digit(body)}"


def new_mprn() -> str:
    """A valid MPRN."""
    body = f"88{next(_unused):06d}"
    return body + mprn_check_digits(f"{body}00")


def new_postcode() -> str:
    """A postcode in Shetland's area that hardly anything else uses."""
    district, unit = secrets.randbelow(100), secrets.choice("ABDEFGHJLN") + secrets.choice("PQRSTUWXYZ")
    return f"ZE{district // 10} {district % 10}{unit}"


def registration(**changed: Any) -> dict[str, Any]:
    """A complete registration as a caller submits it, with every optional part and an account of its own."""
    return {
        "account_id": new_account(),
        "status": "active",
        "supply_points": {"mpans": [new_mpan()], "mprns": [new_mprn()]},
        "premises": {"address_lines": ["1 Test Street", "Testtown"], "postcode": "BS1 4DJ"},
        "primary_contact": {
            "name": "Mrs A Example",
            "phones": ["07700900123"],
            "address": {"address_lines": ["2 Post Street"], "postcode": "M1 1AE"},
        },
        "alternate_contact": {"name": "Mr B Nominee", "phones": ["07700900456"], "relationship": "friend_or_family"},
        "needs": [
            {"code": "02", "ends_on": None, "youngest_child_born_on": None, "note": None},
            {"code": "33", "ends_on": "2099-01-31", "youngest_child_born_on": None, "note": "home from hospital"},
        ],
        "sharing": consent("2026-01-05"),
        "services": {
            "caller_password": "BLUEBIRD",
            "communication_format": "large_print",
            "language": "cy",
            "nominee_receives_communications": True,
            "cannot_read_meter": False,
            "arranged": [
                {
                    "service": "gas_safety_check",
                    "requested_on": "2020-01-05",
                    "offered_on": None,
                    "delivered_on": "2020-01-20",
                    "declined_on": None,
                }
            ],
        },
        "household": {
            "occupants": [
                {"birth_year": 1948, "age_band": None, "as_of": None, "disabled_or_ill": True},
                {"birth_year": None, "age_band": "75_or_over", "as_of": "2020-01-05", "disabled_or_ill": None},
            ],
            "supported": True,
            "can_top_up": False,
            "chronic_or_severe_illness": True,
            "warm_home_dependency": None,
            "temporary_circumstances": [{"kind": "recovery", "until": "2099-01-31"}],
            "owns_home": True,
            "means_tested_benefit": None,
        },
        **changed,
    }


def consent(recorded_on: str, evidence: str = "call 4711") -> dict[str, Any]:
    """The sharing record of a customer who consented on a day, by phone."""
    return {
        "basis": "explicit_consent",
        "article_6_basis": "consent",
        "recorded_on": recorded_on,
        "evidence": evidence,
        "capture": {
            "captured_at": f"{recorded_on}T09:00:00Z",
            "captured_by": "agent-117",
            "channel": "phone",
            "wording": {"version": "2026-1", "language": "en"},
        },
    }


def event(kind: str, account_id: str, at: datetime, source: str, event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """A CloudEvent; `kind` is the type without its namespace and version."""
    return {
        "specversion": "1.0",
        "type": f"uk.psr.{kind}.v1",
        "source": source,
        "id": event_id,
        "subject": account_id,
        "time": rfc3339(at),
        "data": data,
    }


def consumer_of(message: dict[str, Any]) -> str:
    """The function that takes an event."""
    return "consume_migration" if message["type"] == "uk.psr.customer.migrated.v1" else "consume_account_events"
