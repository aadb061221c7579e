"""Calls to Firestore whose answer is lost, is late, never arrives or is a refusal: each is reported as such."""

from collections.abc import Callable, Iterator

import pytest
from google.api_core.exceptions import NotFound, PermissionDenied

from shared.clock import Clock
from shared.store.documents import Documents, Key
from tests.support.markers import MarkedPerson
from tests.support.proxied_stack import ProxiedStack
from tools.api_client import Caller
from tools.firestore_proxy import Fault, FirestoreProxy
from tools.synthetic import registration

LOST = pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.ANSWER_LATE], ids=["unavailable", "deadline"])
KEYS = pytest.mark.parametrize("key", [None, "a-key"], ids=["without a key", "with a key"])


@pytest.fixture
def proxy(proxied: ProxiedStack) -> Iterator[FirestoreProxy]:
    yield proxied.proxy
    proxied.proxy.fault = lambda _: None


def history(agent: Caller, registration_id: str) -> list[tuple[str, int]]:
    return [(c["kind"], c["version"]) for c in agent.changes(registration_id).json()["changes"]]


@LOST
@KEYS
def test_a_create_whose_answer_is_lost_is_a_success(
    proxied_agent: Caller, proxy: FirestoreProxy, fault: Fault, key: str | None
) -> None:
    submitted = registration()
    proxy.fail_next("Commit", fault)
    created = proxied_agent.create(submitted, key)
    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')
    registration_id = created.json()["registration_id"]
    assert proxied_agent.get(registration_id).content == created.content
    assert history(proxied_agent, registration_id) == [("registered", 1)]


@LOST
@KEYS
def test_an_amendment_whose_answer_is_lost_is_a_success(
    proxied_agent: Caller, proxy: FirestoreProxy, fault: Fault, key: str | None
) -> None:
    registration_id = proxied_agent.create(registration()).json()["registration_id"]
    proxy.fail_next("Commit", fault)
    amended = proxied_agent.amend(registration_id, '"1"', {"needs": [{"code": "08"}]}, key)
    assert (amended.status_code, amended.headers["ETag"]) == (200, '"2"')
    assert proxied_agent.get(registration_id).content == amended.content
    assert history(proxied_agent, registration_id) == [("registered", 1), ("amended", 2)]


@LOST
@KEYS
def test_a_withdrawal_whose_answer_is_lost_is_a_success(
    proxied_agent: Caller, proxy: FirestoreProxy, fault: Fault, key: str | None
) -> None:
    registration_id = proxied_agent.create(registration()).json()["registration_id"]
    proxy.fail_next("Commit", fault)
    withdrawn = proxied_agent.withdraw(registration_id, '"1"', key)
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "withdrawn")
    assert history(proxied_agent, registration_id) == [("registered", 1), ("withdrawn", 2)]


@LOST
def test_the_answer_to_a_receipt_can_be_lost_too(proxied_agent: Caller, proxy: FirestoreProxy, fault: Fault) -> None:
    registration_id = proxied_agent.create(registration()).json()["registration_id"]
    proxy.fail_next("Commit", fault)
    same = proxied_agent.amend(registration_id, '"1"', {})
    assert (same.status_code, same.headers["ETag"]) == (200, '"1"')
    assert history(proxied_agent, registration_id) == [("registered", 1), ("no_change", 1)]


def test_a_commit_that_did_not_arrive_is_sent_again(proxied_agent: Caller, proxy: FirestoreProxy) -> None:
    proxy.fail_next("Commit", Fault.REFUSED, times=3)
    created = proxied_agent.create(registration())
    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')


@pytest.mark.soak
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda _: Fault.REFUSED, id="nothing arrives"),
        pytest.param(lambda method: Fault.REFUSED if method == "Commit" else None, id="no commit arrives"),
    ],
)
def test_without_firestore_the_answer_is_503_in_bounded_time_and_the_repeat_succeeds(
    proxied: ProxiedStack, proxied_agent: Caller, proxy: FirestoreProxy, broken: Callable[[str], Fault | None]
) -> None:
    person = MarkedPerson()
    submitted = person.registration()
    proxy.fault = broken
    refused = proxied_agent.create(submitted, "a-key")
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.elapsed.total_seconds() < 50
    logged = (proxied.stack.logs / "register.log").read_text(encoding="utf-8")
    assert person.found_in(refused.text) == person.found_in(logged) == []
    proxy.fault = lambda _: None
    assert proxied_agent.create(submitted, "a-key").status_code == 201


def test_answers_that_are_always_lost_are_found_in_the_end(proxied_agent: Caller, proxy: FirestoreProxy) -> None:
    proxy.fault = lambda method: Fault.ANSWER_LATE if method == "Commit" else None
    created = proxied_agent.create(registration())
    assert (created.status_code, created.headers["ETag"]) == (201, '"1"')


@pytest.fixture
def documents(proxied: ProxiedStack, proxy: FirestoreProxy, monkeypatch: pytest.MonkeyPatch) -> Documents:
    """The store of a process that has not called yet."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", proxy.host)
    return Documents(proxied.stack.layout.project, "(default)", Clock())


async def test_a_document_that_is_not_there_and_a_database_that_is_not_there(
    documents: Documents, proxy: FirestoreProxy
) -> None:
    proxy.fault = lambda _: Fault.NO_DATABASE
    with pytest.raises(NotFound):
        await documents.get(Key("registrations", "nobody"))
    proxy.fault = lambda _: None
    assert await documents.get(Key("registrations", "nobody")) is None


async def test_a_missing_permission_is_reported_as_by_the_library(documents: Documents, proxy: FirestoreProxy) -> None:
    key = Key("registrations", "nobody")
    proxy.fault = lambda _: Fault.NO_RIGHT
    with pytest.raises(PermissionDenied):
        await documents.get(key)
    with pytest.raises(PermissionDenied):
        await documents.page("registrations")
    with pytest.raises(PermissionDenied):
        await documents.commit([documents.put(key, {"state": ""})])
