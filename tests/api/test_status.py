"""`/_status`, CORS headers, and functions that do not start."""

import httpx
import pytest

from tools.api_client import Caller
from tools.local.stack import Stack
from tools.synthetic import registration

FRONTEND = "http://localhost:3000"


@pytest.mark.parametrize("name", ["register", "lookup", "consume_migration", "expire_needs"])
def test_a_function_shows_its_build_and_its_dependencies_without_a_token(stack: Stack, name: str) -> None:
    answer = httpx.get(f"{stack.function_url(name)}/_status", timeout=30)
    checks_tokens = {"token_issuer": "ok"} if name in ("register", "lookup") else {}
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json() == {
        "function": name,
        "build": stack.layout.project,
        "status": "serving",
        "dependencies": {"firestore": "ok", **checks_tokens},
    }


@pytest.mark.parametrize("path", ["/v1/registrations", "/v1/registrations/x", "/v1/registrations/x:withdraw", "/v1/x"])
@pytest.mark.parametrize("name", ["register", "lookup"])
def test_a_preflight_is_answered_by_either_function_for_the_methods_of_both(stack: Stack, name: str, path: str) -> None:
    asked = {"Origin": FRONTEND, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match"}
    answer = httpx.options(f"{stack.function_url(name)}{path}", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == FRONTEND
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, PATCH, POST"
    assert "Origin" in answer.headers["Vary"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"} <= set(allowed)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:3001", "null", f"{FRONTEND}.evil.example"]
)
def test_a_preflight_from_another_origin_is_refused(stack: Stack, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    answer = httpx.options(f"{stack.url}/v1/registrations/x", headers=asked)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/origin-refused")
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_answers_and_problems_can_be_read_by_pages_of_a_listed_origin_only(agent: Caller) -> None:
    for origin, readable in ((FRONTEND, True), ("https://evil.example", False)):
        headers = {"Origin": origin}
        answers = [
            agent.http.post("/v1/registrations", json=registration(), headers=headers),
            agent.http.get("/v1/registrations/x", headers=headers),
        ]
        for answer in answers:
            assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is readable
            assert {"Authorization", "Origin"} <= set(answer.headers["Vary"].replace(" ", "").split(","))
            exposed = answer.headers.get("Access-Control-Expose-Headers", "")
            assert ("ETag" in exposed) is readable


def test_no_wildcard_and_no_credentials_in_cors(stack: Stack) -> None:
    answer = httpx.get(f"{stack.url}/_status", headers={"Origin": FRONTEND})
    assert answer.headers.get("Access-Control-Allow-Origin") != "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
