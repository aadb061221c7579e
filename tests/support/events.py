"""Supply points that no other test uses, and customers as events submit them."""

import itertools
from typing import Any

from shared.domain.supply_points import distributors, mpan_check_digit
from tools.synthetic import consent

_unused = itertools.count(1)


def new_mpan() -> str:
    """A valid MPAN of one of the distributors, never the same twice."""
    number = next(_unused)
    ids = sorted(distributors())
    body = f"{ids[number % len(ids)]}77{number:08d}"
    return f"{body}{mpan_check_digit(body)}"


def customer(account_id: str, mpans: list[str], needs: list[str], name: str = "Mrs A Example") -> dict[str, Any]:
    """A registration as callers submit it; without needs it is pending."""
    return {
        "account_id": account_id,
        "status": "active" if needs else "pending",
        "supply_points": {"mpans": mpans},
        "premises": {"address_lines": ["1 Test Street", "Testtown"], "postcode": "BS1 4DJ"},
        "primary_contact": {"name": name, "phones": ["07700900123"]},
        "needs": [{"code": code} for code in needs],
        "sharing": consent("2026-01-05"),
    }
