"""Input that breaks a rule: the right status, a pointer per field, no value repeated, nothing stored."""

import json
import socket
import time
import uuid
from typing import Any, NamedTuple

import httpx
import pytest

from tools.api_client import PATCH, Caller
from tools.local.log_lines import entries
from tools.local.stack import Stack
from tools.synthetic import new_account, registration

#: Planted in every body, in places that look like what people write; none may come back.
PLANTED = ("Zebediah Quillfeather", "07700900987", "SECRETPW", "9 Plumwort Mews", "quill-note")


class Bad(NamedTuple):
    changed: dict[str, Any]
    errors: set[tuple[str, str]]


def need(code: str, **fields: Any) -> dict[str, Any]:
    return {"code": code, "note": "quill-note", **fields}


CASES = {
    "unknown field": Bad({"colour": "quill-note"}, {("/colour", "unknown_field")}),
    "unknown field that looks like no name": Bad({"Zebediah Quillfeather": 1}, {("", "unknown_field")}),
    "unknown field deep inside": Bad(
        {"premises": {"address_lines": ["9 Plumwort Mews"], "postcode": "BS1 4DJ", "uprn": "1"}},
        {("/premises/uprn", "unknown_field")},
    ),
    "wrong check digit": Bad(
        {"supply_points": {"mpans": ["1000999001018"], "mprns": ["9900000105"]}},
        {("/supply_points/mpans/0", "mpan_check_digit"), ("/supply_points/mprns/0", "mprn_check_digit")},
    ),
    "same supply point twice": Bad(
        {"supply_points": {"mpans": ["1000999001019", "1000999001019"]}}, {("/supply_points", "supply_point_repeated")}
    ),
    "no supply point": Bad({"supply_points": {"mpans": [], "mprns": []}}, {("/supply_points", "supply_point_missing")}),
    "code 10": Bad({"needs": [need("02"), need("10")]}, {("/needs/1/code", "need_code_unknown")}),
    "a gap in the codes": Bad({"needs": [need("05")]}, {("/needs/0/code", "need_code_unknown")}),
    "same need twice": Bad({"needs": [need("02"), need("02")]}, {("/needs", "need_repeated")}),
    "temporary need without end": Bad(
        {"needs": [need("02"), need("32")]}, {("/needs/1", "temporary_psr_does_not_have_end_date")}
    ),
    "need that has ended": Bad(
        {"needs": [need("33", ends_on="2020-01-31")]}, {("/needs/0/ends_on", "need_already_ended")}
    ),
    "child not yet born": Bad(
        {"needs": [need("29", youngest_child_born_on="2099-01-31")]},
        {("/needs/0/youngest_child_born_on", "date_in_future")},
    ),
    "child born when the calendar ends": Bad(
        {"needs": [need("29", youngest_child_born_on="9996-05-01")]},
        {("/needs/0/youngest_child_born_on", "date_in_future")},
    ),
    "active without needs": Bad({"needs": []}, {("", "needs_missing")}),
    "pending with needs": Bad({"status": "pending"}, {("", "needs_known")}),
    "status that callers cannot give": Bad({"status": "withdrawn"}, {("/status", "unknown_value")}),
    "lawful basis from the future": Bad(
        {"sharing": {"basis": "none", "recorded_on": "2099-01-31", "evidence": "quill-note"}},
        {("/sharing/recorded_on", "date_in_future")},
    ),
    "no such lawful basis": Bad(
        {"sharing": {"basis": "hearsay", "recorded_on": "2020-01-31", "evidence": "quill-note"}},
        {("/sharing/basis", "unknown_value")},
    ),
    "control character": Bad(
        {"primary_contact": {"name": "Zebediah Quillfeather\u0000", "phones": ["07700900987 ext 4"]}},
        {("/primary_contact/name", "control_character"), ("/primary_contact/phones/0", "phone_malformed")},
    ),
    "nothing that can be seen": Bad(
        {
            "premises": {"address_lines": ["\u3164"], "postcode": "BS1 4DJ"},
            "primary_contact": {
                "name": "\u200b\u2060",
                "address": {"address_lines": ["\u00ad"], "postcode": "BS1 4DJ"},
            },
            "alternate_contact": {"name": "\u200d", "relationship": "carer"},
            "needs": [{"code": "02", "note": "\ufeff \ufe0f"}],
            "sharing": {"basis": "none", "recorded_on": "2020-01-31", "evidence": "\u2800"},
            "services": {"caller_password": "\U000e0041"},
        },
        {
            ("/premises/address_lines/0", "blank"),
            ("/primary_contact/name", "blank"),
            ("/primary_contact/address/address_lines/0", "blank"),
            ("/alternate_contact/name", "blank"),
            ("/needs/0/note", "blank"),
            ("/sharing/evidence", "blank"),
            ("/services/caller_password", "blank"),
        },
    ),
    "name of 51 characters": Bad(
        {"primary_contact": {"name": "Zebediah Quillfeather" + "x" * 30}},
        {("/primary_contact/name", "too_long")},
    ),
    "nominee without a nominee": Bad({"alternate_contact": None}, {("", "nominee_missing")}),
    "caller password of 11 characters": Bad(
        {"services": {"caller_password": "SECRETPWxyz"}}, {("/services/caller_password", "too_long")}
    ),
    "numbers instead of text": Bad(
        {"account_id": 4711, "supply_points": {"mpans": [1000999001019]}},
        {("/account_id", "wrong_type"), ("/supply_points/mpans/0", "wrong_type")},
    ),
    "facts of a household that cannot be": Bad(
        {
            "household": {
                "occupants": [
                    {"birth_year": 1899},
                    {"birth_year": 1950, "age_band": "75_or_over", "as_of": "2026-01-01"},
                    {"age_band": "5"},
                    {"birth_year": 1950, "name": "Zebediah Quillfeather"},
                ],
                "can_top_up": "quill-note",
                "temporary_circumstances": [{"kind": "quill-note", "until": "soon"}],
                "condition": "quill-note",
            }
        },
        {
            ("/household/occupants/0/birth_year", "out_of_range"),
            ("/household/occupants/1", "occupant_age"),
            ("/household/occupants/2", "occupant_as_of"),
            ("/household/occupants/3/name", "unknown_field"),
            ("/household/can_top_up", "wrong_type"),
            ("/household/temporary_circumstances/0/kind", "unknown_value"),
            ("/household/temporary_circumstances/0/until", "date_malformed"),
            ("/household/condition", "unknown_field"),
        },
    ),
    "a household without occupants": Bad({"household": {"occupants": []}}, {("/household/occupants", "too_few")}),
    "ages from the future": Bad(
        {"household": {"occupants": [{"birth_year": 2100}, {"age_band": "5", "as_of": "2099-01-31"}]}},
        {("/household/occupants/0/birth_year", "date_in_future"), ("/household/occupants/1/as_of", "date_in_future")},
    ),
    "null for what must be there": Bad({"premises": None}, {("/premises", "wrong_type")}),
}


def valid_body() -> dict[str, Any]:
    """A registration in which every text is planted."""
    return registration(
        premises={"address_lines": ["9 Plumwort Mews"], "postcode": "BS1 4DJ"},
        primary_contact={"name": "Zebediah Quillfeather", "phones": ["07700900987"]},
        needs=[need("02")],
        services={"caller_password": "SECRETPW", "nominee_receives_communications": True},
    )


def assert_problem(answer: httpx.Response, status: int, kind: str, planted: tuple[str, ...] = PLANTED) -> None:
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"/problems/{kind}")
    assert set(problem) == {"type", "title", "status", "detail", "errors", "trace_id"}
    assert problem["status"] == status
    assert len(problem["trace_id"]) == 32
    for value in planted:
        assert value not in answer.text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_invalid_content_is_422_with_a_pointer_per_field(agent: Caller, case: Bad) -> None:
    body = {**valid_body(), **case.changed}
    answer = agent.create(body)
    assert_problem(answer, 422, "invalid-content")
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == case.errors
    assert all(error["detail"] for error in answer.json()["errors"])
    if isinstance(body["account_id"], str):
        assert agent.look_up(account_id=body["account_id"]).status_code == 404


@pytest.mark.parametrize("name", [name for name in CASES if name != "no supply point"])
def test_an_amendment_is_held_to_the_same_rules(agent: Caller, name: str) -> None:
    case = CASES[name]
    created = agent.create(valid_body())
    registration_id, etag = created.json()["registration_id"], created.headers["ETag"]
    expected = {("/premises", "missing")} if case.changed == {"premises": None} else case.errors
    answer = agent.amend(registration_id, etag, case.changed)
    assert_problem(answer, 422, "invalid-content")
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == expected
    assert agent.get(registration_id).content == created.content


NOT_JSON = {
    "not JSON": b"{Zebediah Quillfeather",
    "empty": b"",
    "NaN": b'{"account_id": NaN}',
    "infinity": b'{"account_id": -Infinity}',
    "not UTF-8": b'{"account_id": "\xff"}',
    "half a surrogate pair": b'{"account_id": "\\ud800"}',
    "nested too deep": b"[" * 300 + b"]" * 300,
    "two values": b"{} {}",
    "with a byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_json_is_400(agent: Caller, text: bytes) -> None:
    answer = agent.http.post("/v1/registrations", content=text, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "malformed-json")


@pytest.mark.parametrize("value", [[], "text", 1, True])
def test_json_that_is_no_object_is_422(agent: Caller, value: object) -> None:
    assert_problem(agent.create(value), 422, "invalid-content")
    created = agent.create(registration())
    patched = agent.amend(created.json()["registration_id"], created.headers["ETag"], value)
    assert_problem(patched, 422, "invalid-content")


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_a_body_of_257_kib_is_413(agent: Caller, chunked: bool) -> None:  # noqa: FBT001
    text = json.dumps({**valid_body(), "padding": "x" * 257 * 1024}).encode()
    answer = agent.http.post(
        "/v1/registrations",
        content=iter([text[:1000], text[1000:]]) if chunked else text,
        headers={"Content-Type": "application/json"},
    )
    assert_problem(answer, 413, "payload-too-large")


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", PATCH, "", "application/jsonx"])
def test_another_content_type_is_415_and_the_right_one_is_named(agent: Caller, given: str) -> None:
    answer = agent.http.post("/v1/registrations", content=json.dumps(valid_body()), headers={"Content-Type": given})
    assert_problem(answer, 415, "unsupported-media-type")
    assert answer.headers["Accept"] == "application/json"


def test_a_charset_parameter_does_no_harm(agent: Caller) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert agent.http.post("/v1/registrations", content=json.dumps(valid_body()), headers=headers).status_code == 201


@pytest.mark.parametrize("key", [b"", b"a b", "é".encode(), b"x" * 256], ids=["empty", "a space", "not ASCII", "256"])
def test_a_malformed_idempotency_key_is_400(agent: Caller, key: bytes) -> None:
    answer = agent.http.post("/v1/registrations", json=valid_body(), headers=[(b"Idempotency-Key", key)])
    assert_problem(answer, 400, "malformed-header")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("claims", "status", "kind"),
    [
        pytest.param(None, 401, "unauthenticated", id="no token"),
        pytest.param({"expires_in": -61}, 401, "unauthenticated", id="expired token"),
        pytest.param({"audience": "another-api"}, 401, "unauthenticated", id="wrong audience"),
        pytest.param({"scope": "psr:read psr:bulk"}, 403, "insufficient-scope", id="wrong scope"),
        pytest.param({"scope": ""}, 403, "insufficient-scope", id="no scope"),
    ],
)
def test_a_caller_without_permission_is_refused_and_nothing_is_stored(
    stack: Stack, agent: Caller, claims: dict[str, Any] | None, status: int, kind: str
) -> None:
    body = valid_body()
    headers = {} if claims is None else {"Authorization": f"Bearer {stack.token('agent', **claims)}"}
    answer = httpx.post(f"{stack.url}/v1/registrations", json=body, headers=headers)
    assert_problem(answer, status, kind)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert agent.look_up(account_id=body["account_id"]).status_code == 404


def test_a_minute_of_clock_skew_is_forgiven(stack: Stack) -> None:
    headers = {"Authorization": f"Bearer {stack.token('agent', expires_in=-30)}"}
    assert httpx.post(f"{stack.url}/v1/registrations", json=valid_body(), headers=headers).status_code == 201


@pytest.mark.parametrize("forged", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_a_text_that_is_not_a_valid_token_is_401(stack: Stack, forged: str) -> None:
    answer = httpx.get(f"{stack.url}/v1/registrations/{'0' * 36}", headers={"Authorization": f"Bearer {forged}"})
    assert_problem(answer, 401, "unauthenticated", (*PLANTED, forged))


def test_another_customers_account_is_404_and_nothing_is_stored(stack: Stack, agent: Caller) -> None:
    body = valid_body()
    points = [*body["supply_points"]["mpans"], *body["supply_points"]["mprns"]]
    customer = Caller(stack, "customer", account_id=new_account(), supply_points=points)
    assert_problem(customer.create(body), 404, "not-found")
    assert agent.look_up(account_id=body["account_id"]).status_code == 404


def test_an_idempotency_key_or_purpose_that_is_sent_twice_is_400(agent: Caller) -> None:
    body = valid_body()
    for name, value in (("Idempotency-Key", "a"), ("Psr-Purpose", "support")):
        answer = agent.http.post("/v1/registrations", json=body, headers=[(name, value), (name, value)])
        assert_problem(answer, 400, "malformed-header")
        assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(name, "header_repeated")]
    assert agent.look_up(account_id=body["account_id"]).status_code == 404


def test_every_line_of_a_list_header_counts(agent: Caller) -> None:
    created = agent.create(valid_body()).json()
    path = f"/v1/registrations/{created['registration_id']}"
    read = agent.http.get(path).headers["ETag"]
    for tags, status in ((['"7"', '"8", "9"'], 412), (['"7"', '"8", "1"'], 200), (['"1"', '"2'], 400)):
        headers = [("Content-Type", PATCH), *(("If-Match", tag) for tag in tags)]
        assert agent.http.patch(path, content=b"{}", headers=headers).status_code == status
    assert agent.http.get(path, headers=[("If-None-Match", '"7"'), ("If-None-Match", f"W/{read}")]).status_code == 304


@pytest.mark.parametrize("operation", ["amend", "withdraw"])
def test_a_version_of_thousands_of_digits_is_only_stale(agent: Caller, operation: str) -> None:
    registration_id = agent.create(valid_body()).json()["registration_id"]
    tag = f'"{"9" * 5000}"'
    answer = agent.amend(registration_id, tag, {}) if operation == "amend" else agent.withdraw(registration_id, tag)
    assert_problem(answer, 412, "version-stale")


def test_a_client_that_disconnects_while_sending_is_no_defect(stack: Stack, agent: Caller) -> None:
    head = (
        f"POST /v1/registrations HTTP/1.1\r\nHost: x\r\nAuthorization: {agent.http.headers['Authorization']}\r\n"
        f"traceparent: 00-{uuid.uuid4().hex}-00f067aa0ba902b7-01\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    trace = head.partition("traceparent: 00-")[2][:32]
    with socket.create_connection(("127.0.0.1", stack.layout.functions["register"])) as client:
        client.sendall(head.encode())
        time.sleep(0.3)
    until = time.monotonic() + 20
    while not (logged := [e for e in entries(stack.logs, ["register"]) if trace in str(e)]):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert [(entry["event"], entry["severity"]) for entry in logged] == [("CLIENT_DISCONNECTED", "INFO")]


@pytest.mark.parametrize(
    "path", ["/v1/registrations/ID", "/v1/registrations/ID/changes", "/v1/registrations/x", "/_status"]
)
def test_head_is_answered_as_get_without_a_body(stack: Stack, agent: Caller, path: str) -> None:
    """The server drops the body: a client that reads on would find it."""
    path = path.replace("ID", agent.create(valid_body()).json()["registration_id"])
    for url in (stack.url, stack.function_url("lookup")):
        got = httpx.get(f"{url}{path}", headers=agent.http.headers)
        text = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {agent.http.headers['Authorization']}\r\n"
        with socket.create_connection((httpx.URL(url).host, httpx.URL(url).port or 80), timeout=30) as client:
            client.sendall(f"{text}Connection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: client.recv(65536), b"")).decode("latin-1")
        head, _, body = answer.partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        names = {line.partition(":")[0].lower() for line in lines}
        assert (status.split()[1], body) == (str(got.status_code), "")
        assert {name for name in got.headers if name not in ("date", "connection")} <= names
        assert ("etag" in names) == ("ETag" in got.headers)


def test_the_access_log_says_that_head_shows_the_version_only(stack: Stack, agent: Caller) -> None:
    registration_id = agent.create(valid_body()).json()["registration_id"]
    trace = uuid.uuid4().hex
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    assert agent.http.head(f"/v1/registrations/{registration_id}", headers=headers).status_code == 200
    (shown,) = (e for e in entries(stack.logs, ["lookup"]) if trace in str(e) and e["event"] == "REGISTRATIONS_READ")
    assert (shown["shown"], shown["registration_ids"]) == ("version", [registration_id])


def test_an_unknown_path_or_method_is_a_problem_too(agent: Caller) -> None:
    assert_problem(agent.http.get("/v1/nothing"), 404, "not-found")
    for method, path, allowed in (
        ("DELETE", f"/v1/registrations/{'0' * 36}", "GET, HEAD, PATCH"),
        ("GET", "/v1/registrations", "POST"),
        ("PUT", f"/v1/registrations/{'0' * 36}:withdraw", "POST"),
        ("GET", "/v1/registrations:lookup", "POST"),
        ("OPTIONS", f"/v1/registrations/{'0' * 36}/changes", "GET, HEAD"),
        ("POST", "/_status", "GET, HEAD"),
    ):
        answer = agent.http.request(method, path)
        assert_problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == allowed
