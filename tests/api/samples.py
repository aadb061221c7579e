"""Synthetic registrations that no other test uses, and a caller of the API."""

import itertools
import uuid
from typing import Any

import httpx

from shared.domain.supply_points import mpan_check_digit, mprn_check_digits
from tools.local.stack import Stack

_unused = itertools.count(1)

ALL_SCOPES = "psr:write psr:read psr:history psr:bulk psr:caller_password"
PATCH = "application/merge-patch+json"


def new_account() -> str:
    return f"A-{uuid.uuid4().hex[:12]}"


def new_mpan(distributor_id: str = "10") -> str:
    body = f"{distributor_id}55{next(_unused):08d}"
    return f"{body}{mpan_check_digit(body)}"


def new_mprn() -> str:
    body = f"88{next(_unused):06d}"
    return body + mprn_check_digits(f"{body}00")


def registration(**changed: Any) -> dict[str, Any]:
    """A complete registration as a caller submits it, with all optional parts, for a new account."""
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
        "sharing": {"basis": "explicit_consent", "recorded_on": "2020-01-05", "evidence": "call 4711"},
        "services": {
            "caller_password": "BLUEBIRD",
            "communication_format": "large_print",
            "language": "cy",
            "nominee_receives_communications": True,
            "cannot_read_meter": False,
        },
        **changed,
    }


class Caller:
    """A holder of a token at the front door."""

    def __init__(self, stack: Stack, kind: str = "agent", **claims: Any) -> None:
        self.http = httpx.Client(
            base_url=stack.url,
            headers={"Authorization": f"Bearer {stack.token(kind, **claims)}"},
            timeout=60,
        )

    def create(self, body: Any, key: str | None = None) -> httpx.Response:
        return self.http.post("/v1/registrations", json=body, headers=_key(key))

    def get(self, registration_id: str, **headers: str) -> httpx.Response:
        return self.http.get(f"/v1/registrations/{registration_id}", headers=headers)

    def amend(self, registration_id: str, etag: str | None, patch: Any, key: str | None = None) -> httpx.Response:
        headers = {"Content-Type": PATCH, **_key(key), **({"If-Match": etag} if etag else {})}
        return self.http.request("PATCH", f"/v1/registrations/{registration_id}", json=patch, headers=headers)

    def withdraw(self, registration_id: str, etag: str | None, key: str | None = None) -> httpx.Response:
        headers = {**_key(key), **({"If-Match": etag} if etag else {})}
        path = f"/v1/registrations/{registration_id}:withdraw"
        return self.http.post(path, json={"reason": "the customer asked"}, headers=headers)

    def look_up(self, **key: str) -> httpx.Response:
        return self.http.post("/v1/registrations:lookup", json=key)

    def batch(self, **points: list[str]) -> httpx.Response:
        return self.http.post("/v1/registrations:batchLookup", json=points)

    def search(self, **area: Any) -> httpx.Response:
        return self.http.post("/v1/registrations:search", json=area)

    def changes(self, registration_id: str, **page: Any) -> httpx.Response:
        return self.http.get(f"/v1/registrations/{registration_id}/changes", params=page)


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}
