"""Every example of the contract holds: requests succeed as they are, and again; problems are those of their status."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tools.api_client import ALL_SCOPES
from tools.local.stack import Stack
from tools.pages.api import OPENAPI
from tools.pages.examples import REGISTRATION_ID

CONTRACT = json.loads(OPENAPI.read_text(encoding="utf-8"))
OPERATIONS = [
    (method, path, operation) for path, methods in CONTRACT["paths"].items() for method, operation in methods.items()
]


def parameters(operation: dict[str, Any], place: str) -> dict[str, str]:
    """The examples of the parameters in a place."""
    found = (
        CONTRACT["components"]["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        for one in operation.get("parameters", [])
    )
    return {one["name"]: one["example"] for one in found if one["in"] == place and "example" in one}


def requests(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The examples of an operation: one for each content type of its body."""
    headers = parameters(operation, "header")
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, media in content.items():
        yield {"content": json.dumps(media["example"]), "headers": {**headers, "Content-Type": media_type}}
    if not content:
        yield {"headers": headers}


def test_every_request_succeeds_in_the_order_of_the_document_and_again(stack: Stack) -> None:
    token = stack.token("agent", scope=ALL_SCOPES)
    registration_id = None
    for attempt in range(2):
        for method, path, operation in OPERATIONS:
            client = httpx.Client(base_url=stack.url)
            if operation["security"]:
                client.headers["Authorization"] = f"Bearer {token}"
            (documented,) = (status for status in operation["responses"] if status.startswith("2"))
            for request in requests(operation):
                place = path.format(registration_id=registration_id)
                answer = client.request(method.upper(), place, **request)
                assert str(answer.status_code) == documented, (operation["operationId"], attempt, answer.text)
                assert set(operation["responses"][documented].get("headers", {})) - {"Idempotent-Replayed"} <= {
                    name for name in ("ETag", "Location", "Cache-Control") if name in answer.headers
                }
                if operation["operationId"] == "createRegistration":
                    registration_id = answer.json()["registration_id"]
                    # Another test can have sent the document's request before this one did.
                    assert attempt == 0 or answer.headers.get("Idempotent-Replayed") == "true"


def test_every_operation_with_a_body_has_an_example_and_every_id_can_be_replaced() -> None:
    bodies = [operation for _, _, operation in OPERATIONS if "requestBody" in operation]
    assert all(media["example"] for one in bodies for media in one["requestBody"]["content"].values())
    assert len(bodies) == 8
    assert parameters({"parameters": [{"$ref": "#/components/parameters/RegistrationId"}]}, "path") == {
        "registration_id": REGISTRATION_ID
    }


@pytest.mark.parametrize("operation", [operation for *_, operation in OPERATIONS], ids=lambda one: one["operationId"])
def test_every_problem_has_an_example_of_its_status_and_a_link(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        linked = re.findall(r"\(/problems/([a-z-]+)\)", response["description"])
        for media in response.get("content", {}).values():
            assert list(media.get("examples", {})) == linked
            for code in linked:
                example = CONTRACT["components"]["examples"][code]["value"]
                assert (example["type"], str(example["status"])) == (f"/problems/{code}", status)


def test_every_operation_has_a_group_a_summary_and_its_scope() -> None:
    tags = {tag["name"] for tag in CONTRACT["tags"]}
    for *_, operation in OPERATIONS:
        assert set(operation["tags"]) <= tags
        assert not operation["summary"].endswith(".")
        scopes = [scope for rule in operation["security"] for scope in rule["token"]]
        assert operation["description"].endswith(f"Scope: `{scopes[0]}`." if scopes else "No token.")


def test_every_link_leads_somewhere(stack: Stack) -> None:
    links = set(re.findall(r"\]\(([^)]+)\)", OPENAPI.read_text(encoding="utf-8")))
    assert "/problems" in links
    for link in links:
        assert httpx.get(f"{stack.url}{link}", follow_redirects=True).status_code == 200, link
