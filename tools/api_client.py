"""A client of the HTTP API that holds a token of the local issuer."""

from typing import Any

import httpx

from tools.local.stack import Stack

ALL_SCOPES = "psr:write psr:read psr:history psr:bulk psr:work psr:caller_password"
PATCH = "application/merge-patch+json"


class Caller:
    """Sends requests with a token through the front door."""

    def __init__(self, stack: Stack, kind: str = "agent", **claims: Any) -> None:
        self.http = httpx.Client(
            base_url=stack.url,
            headers={"Authorization": f"Bearer {stack.token(kind, **claims)}"},
            timeout=60,
        )

    def create(self, body: Any, key: str | None = None) -> httpx.Response:
        """Register."""
        return self.http.post("/v1/registrations", json=body, headers=_key(key))

    def get(self, registration_id: str, **headers: str) -> httpx.Response:
        """Read one registration."""
        return self.http.get(f"/v1/registrations/{registration_id}", headers=headers)

    def amend(self, registration_id: str, etag: str | None, patch: Any, key: str | None = None) -> httpx.Response:
        """Change a registration by a merge patch."""
        headers = {"Content-Type": PATCH, **_key(key), **({"If-Match": etag} if etag else {})}
        return self.http.request("PATCH", f"/v1/registrations/{registration_id}", json=patch, headers=headers)

    def withdraw(self, registration_id: str, etag: str | None, key: str | None = None) -> httpx.Response:
        """Withdraw a registration."""
        headers = {**_key(key), **({"If-Match": etag} if etag else {})}
        path = f"/v1/registrations/{registration_id}:withdraw"
        return self.http.post(path, json={"reason": "the customer asked"}, headers=headers)

    def attempt(self, registration_id: str, key: str | None = None, **attempt: Any) -> httpx.Response:
        """Record an attempt to contact a customer."""
        path = f"/v1/registrations/{registration_id}/attempts"
        return self.http.post(path, json=attempt, headers=_key(key))

    def due_work(self, **query: Any) -> httpx.Response:
        """Read a page of the work that is due."""
        return self.http.post("/v1/registrations:dueWork", json=query)

    def look_up(self, **key: str) -> httpx.Response:
        """Find one registration by account, MPAN or MPRN."""
        return self.http.post("/v1/registrations:lookup", json=key)

    def batch(self, **points: list[str]) -> httpx.Response:
        """Find the registrations of many supply points."""
        return self.http.post("/v1/registrations:batchLookup", json=points)

    def search(self, **area: Any) -> httpx.Response:
        """Find the registrations of an area."""
        return self.http.post("/v1/registrations:search", json=area)

    def changes(self, registration_id: str, **page: Any) -> httpx.Response:
        """Read a page of a registration's history."""
        return self.http.get(f"/v1/registrations/{registration_id}/changes", params=page)

    def sharing(self, registration_id: str) -> httpx.Response:
        """Read the sharing records of a registration."""
        return self.http.get(f"/v1/registrations/{registration_id}/sharing")


def _key(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}
