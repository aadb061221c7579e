"""The local issuer answers pages of the listed origins, and as a token endpoint of OAuth 2."""

import re

import httpx
import pytest

from tools.local.layout import PAGE_PORTS
from tools.local.stack import Stack
from tools.places import ROOT


def test_pages_of_listed_origins_may_read_a_token(stack: Stack) -> None:
    for origin in stack.layout.origins:
        answer = httpx.get(f"{stack.url}/dev/token?as=agent", headers={"Origin": origin})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)


@pytest.mark.parametrize("origin", ["http://localhost:3001", "https://localhost:3000", "http://evil.example", "null"])
def test_pages_of_other_origins_may_not(stack: Stack, origin: str) -> None:
    answer = httpx.get(f"{stack.url}/dev/token?as=agent", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:5173", 200), ("http://localhost:3001", 400)])
def test_a_preflight_for_a_token_is_answered(stack: Stack, origin: str, status: int) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-client"}
    assert httpx.options(f"{stack.url}/dev/token", headers=headers).status_code == status


def test_the_api_and_the_issuer_have_the_same_list_and_the_page_names_it(stack: Stack) -> None:
    assert stack.layout.environment()["PSR_CORS_ORIGINS"].split() == stack.layout.origins
    page = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
    section = page.partition("## Origins")[2].partition("## ")[0]
    assert {int(port) for port in re.findall(r"\b[0-9]{4}\b", section)} == set(PAGE_PORTS)
    assert {3000, 4200, 5173, 8000, 8080} <= set(PAGE_PORTS)


def test_a_client_of_oauth_gets_a_token_with_the_scopes_that_it_asks_for(stack: Stack) -> None:
    form = {"grant_type": "client_credentials", "scope": "psr:bulk"}
    answer = httpx.post(f"{stack.url}/dev/token", data=form, auth=("any", "thing"))
    assert {name: answer.json()[name] for name in ("token_type", "expires_in")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    body = {"mpans": ["1000999001019"]}
    assert httpx.post(f"{stack.url}/v1/registrations:batchLookup", json=body, headers=headers).status_code == 200
    assert httpx.post(f"{stack.url}/v1/registrations:lookup", json={"mpan": "x"}, headers=headers).status_code == 403
