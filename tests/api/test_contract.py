"""The published contract holds together, answers keep it, and the front door shows it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from shared.errors import http_problems
from shared.runtime.manifest import PUBLIC, SCOPES, read_manifests
from tools.api_client import Caller
from tools.local.stack import Stack
from tools.pages.api import OPENAPI
from tools.places import FUNCTIONS
from tools.synthetic import registration


def published() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))
    return document


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in published()["paths"].values():
        for operation in path.values():
            yield operation["operationId"], operation


def test_every_operation_but_the_public_ones_asks_for_exactly_one_scope() -> None:
    scopes = {name: [scope for rule in one["security"] for scope in rule["token"]] for name, one in operations()}
    assert scopes.pop("getStatus") == []
    assert scopes.pop("getReference") == []
    routes = [route for manifest in read_manifests(FUNCTIONS).values() for route in manifest.trigger.http or []]
    assert scopes == {route.operation: [route.scope] for route in routes if route.scope != PUBLIC}
    scheme = published()["components"]["securitySchemes"]["token"]
    assert set(scheme["flows"]["clientCredentials"]["scopes"]) == SCOPES


def test_every_reference_leads_somewhere() -> None:
    text = OPENAPI.read_text(encoding="utf-8")
    schemas = published()["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schemas)
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)


def test_the_problems_of_an_operation_are_in_the_catalogue_and_the_catalogue_in_the_document() -> None:
    known = {problem.code for problem in http_problems()}
    documented = set(re.findall(r"\(/problems/([a-z-]+)\)", json.dumps([one["responses"] for _, one in operations()])))
    assert documented <= known
    # Met only where no operation is: a path, method or page that the document does not have.
    assert known - documented == {"method-not-allowed", "origin-refused"}


def models_answered() -> set[str]:
    """The models of all answers, problems among them."""
    references = [
        content["schema"]["$ref"]
        for _, operation in operations()
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
    ]
    return {reference.rpartition("/")[2] for reference in references}


def test_an_answer_keeps_the_published_schema(agent: Caller) -> None:
    schemas = published()["components"]
    submitted = registration()
    answers = {
        "RegistrationAnswer": agent.create(submitted),
        "Batch": agent.batch(mpans=submitted["supply_points"]["mpans"]),
        "AreaPage": agent.search(postcode="BS1 4DJ"),
        "HistoryPage": agent.changes(agent.look_up(account_id=submitted["account_id"]).json()["registration_id"]),
        "SharingHistory": agent.sharing(agent.look_up(account_id=submitted["account_id"]).json()["registration_id"]),
        "WorkPage": agent.due_work(work="need_ending", until="2099-01-31"),
        "StatusReport": agent.http.get("/_status"),
        "Reference": agent.http.get("/v1/reference"),
        "Problem": agent.create({}),
    }
    assert answers.keys() == models_answered()
    for name, answer in answers.items():
        validator = Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": schemas})
        assert [error.message for error in validator.iter_errors(answer.json())] == []


def test_the_front_door_shows_the_contract_without_a_token(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/openapi.json").json() == published()
    viewer = httpx.get(f"{stack.url}/docs").text
    for needed in re.findall(r'(?:src|href)="([^"]+)"', viewer):
        assert needed.startswith("/"), "the viewer needs no network"
        assert httpx.get(f"{stack.url}{needed}").status_code == 200


def test_the_type_of_a_problem_leads_to_what_it_means(stack: Stack, agent: Caller) -> None:
    problem = agent.get("nothing").json()
    page = httpx.get(f"{stack.url}{problem['type']}", follow_redirects=True)
    assert page.url.fragment == "not-found"
    for known in http_problems():
        assert f"id='{known.code}'" in page.text
    assert httpx.get(f"{stack.url}/problems/none").status_code == 404


def test_exported_files_are_shown_and_nothing_else(stack: Stack) -> None:
    folder = stack.exports / "2000-01-01" / "r1"
    folder.mkdir(parents=True)
    try:
        (folder / "manifest.json").write_text('{"shown": true}', encoding="utf-8")
        assert httpx.get(f"{stack.url}/exports/2000-01-01/r1/manifest.json").json() == {"shown": True}
        for outside in ("../stack.json", "%2e%2e/stack.json", "..%2fstack.json", "2000-01-01", "none"):
            assert httpx.get(f"{stack.url}/exports/{outside}").status_code == 404
    finally:
        (folder / "manifest.json").unlink()
        folder.rmdir()
        folder.parent.rmdir()
