"""Personal data stays where it may be: markers in every field of every entry point, and a search for them.

docs/privacy.md lists the places that may hold personal data. No other place may hold a marker.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml
from google.pubsub_v1.types import DeadLetterPolicy, PubsubMessage, PushConfig, RetryPolicy, Subscription

from shared.clock import LONDON, london_day
from shared.log import ACCESS_LOG
from shared.runtime.manifest import read_manifests
from shared.store.documents import Documents, Key
from tests.support.markers import MarkedPerson
from tests.support.proxied_stack import ProxiedStack
from tools.api_client import ALL_SCOPES, PATCH, Caller
from tools.local.log_lines import entries
from tools.local.stack import Stack
from tools.local.wiring import publisher, subscriber
from tools.places import FUNCTIONS, ROOT
from tools.synthetic import new_account

COLLECTIONS = (
    *("changes", "export_feed", "export_parts", "exports", "operator_actions", "quarantine", "registrations"),
    "supply_points",
)
#: Fields other than `state` that may hold personal data: the database is one of the places.
PERSONAL_FIELDS = {"postcode", "sector"}
MANIFESTS = read_manifests(FUNCTIONS)
pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
SUBJECT = f"subject-{secrets.token_hex(4)}"


class Planted:
    """The markers at every entry point, and the answers."""

    def __init__(self, proxied: ProxiedStack) -> None:
        self.stack: Stack = proxied.stack
        self.documents: Documents = proxied.documents
        self.person = MarkedPerson()
        self.refused: list[httpx.Response] = []
        self.headers: list[httpx.Response] = []
        self.sent: dict[str, list[PubsubMessage]] = {}
        agent = Caller(self.stack, "agent", scope=ALL_SCOPES, sub=SUBJECT, name=self.person.mark)
        customer = Caller(self.stack, "customer", account_id=new_account(), supply_points=[self.person.mpan])
        self.callers = [agent, customer]
        self._pushes = 0

    def keep(self, answer: httpx.Response) -> httpx.Response:
        """Keep an answer: an error must not hold a marker at all, a success must not hold one in its headers."""
        (self.headers if answer.is_success else self.refused).append(answer)
        return answer

    def over_http(self) -> None:
        """Call every route, with good and with bad requests, with and without permission."""
        person, agent = self.person, self.callers[0]
        created = self.keep(agent.create(person.registration(), key=person.mark))
        assert created.status_code == 201
        self.keep(agent.create(person.registration(needs=[{"code": "01"}]), key=person.mark))
        self.keep(agent.create(person.registration()))
        path = f"/v1/registrations/{created.json()['registration_id']}"
        etag = {"If-Match": created.headers["ETag"]}
        attempt = {
            "work": "need_ending",
            "due_on": person.ends,
            "channel": "visit",
            "outcome": "reached",
            "by": person.mark,
        }
        changed = {"primary_contact": {"name": f"Zo {person.mark}", "phones": person.phones}}
        self.keep(agent.http.request("PATCH", path, json=changed, headers={**etag, "Content-Type": PATCH}))
        for caller in self.callers:
            for method, place, body in (
                ("GET", path, None),
                ("GET", f"{path}/changes", None),
                ("GET", f"{path}/sharing", None),
                ("GET", f"/v1/registrations/{person.account_id}", None),
                ("GET", f"/{person.mark}/{person.phones[0]}", None),
                ("DELETE", f"{path}?name={person.mark}", None),
                ("GET", f"{path}?name={person.mark}&mpan={person.mpan}", None),
                ("GET", f"{path}/changes?page_token={person.mark}&page_size={person.mpan}", None),
                ("POST", "/v1/registrations:lookup", {"account_id": person.account_id}),
                ("POST", "/v1/registrations:lookup", {"mpan": person.mpan, "mprn": person.mprn}),
                ("POST", "/v1/registrations:batchLookup", {"mpans": [person.mpan, person.mpan]}),
                ("POST", "/v1/registrations:batchLookup", {"mpans": [person.mpan], "mprns": [person.mprn]}),
                ("POST", "/v1/registrations:search", {"postcode": person.postcode}),
                ("POST", "/v1/registrations:search", {"postcode": person.postcode, "page_token": person.mark}),
                ("POST", f"{path}/attempts", attempt),
                ("POST", f"{path}/attempts", {**attempt, "due_on": person.born}),
                ("POST", f"{path}/attempts", {**attempt, "note": person.mark, "by": person.phones[1]}),
                ("POST", "/v1/registrations:dueWork", {"work": "need_ending", "until": person.ends}),
                ("POST", "/v1/registrations:dueWork", {"work": person.mark, "until": person.mark}),
                ("POST", f"{path}:withdraw", {"reason": person.mark}),
                ("GET", f"/v1/reference?name={person.mark}", None),
            ):
                self.keep(caller.http.request(method, place, json=body))
            for bad in self._bad_bodies():
                self.keep(caller.http.post("/v1/registrations", **bad))
            for name in ("If-Match", "If-None-Match", "Idempotency-Key", "Psr-Purpose", "traceparent", "Origin"):
                self.keep(caller.http.get(path, headers={name: f"{person.mark} {person.phones[0]}"}))
            for name in ("Function-Execution-Id", "X-Cloud-Trace-Context", "User-Agent", "X-Forwarded-For", "Cookie"):
                self.keep(caller.http.get(path, headers={name: person.mpan}))
            self.keep(caller.http.get(path, headers={"Authorization": f"Bearer {person.mark}"}))

    def _bad_bodies(self) -> Iterator[dict[str, Any]]:
        person = self.person
        complete = person.registration()
        for name in complete:
            for wrong in (person.mark, person.phones, {person.mark: person.postcode}, [{person.mpan: person.mark}]):
                yield {"json": {**complete, name: wrong}}
        yield {"json": {**complete, person.mark: person.phones[0]}}
        yield {"json": {**complete, "premises": {**complete["premises"], person.mpan: person.born}}}
        yield {"content": json.dumps(complete)[:-9], "headers": {"Content-Type": "application/json"}}
        yield {"content": json.dumps(complete), "headers": {"Content-Type": f"text/{person.mark}"}}
        yield {"json": {**complete, "note": person.mark * 30_000}}

    def over_pubsub(self) -> None:
        """Push to each consumer: messages that it can apply, messages that it cannot, and invalid messages."""
        person = self.person
        good = person.registration()
        other = {**good, "account_id": f"{person.mark}-2"}
        points = {"mpans": [person.mpan]}
        messages: list[tuple[str, Any]] = [
            ("consume_migration", person.event("customer.migrated", good)),
            ("consume_migration", person.event("customer.migrated", other, subject=other["account_id"])),
            ("consume_migration", person.event("customer.migrated", {**good, "premises": person.mark})),
            ("consume_migration", person.event("customer.migrated", {**good, person.mark: person.mark})),
            ("consume_migration", person.event(person.mark, good)),
            ("consume_migration", person.event("customer.migrated", good, time=person.mark, source=person.mark)),
            ("consume_account_events", person.event("account.moved_home", {**good, "extra": person.mark})),
            ("consume_account_events", person.event("account.supply_lost", {"supply_points": points})),
            ("consume_account_events", person.event("account.closed", {"closed_on": person.born}, subject="unknown-1")),
            ("export_recipient", person.event("export.part", good)),
            ("quarantine_dead_letters", person.event("customer.migrated", good)),
            *((name, f"{person.mark} {person.mpan}") for name in self._consumers()),
        ]
        for function, data in messages:
            content = data.encode() if isinstance(data, str) else json.dumps(data).encode()
            self.push(function, {"data": base64.b64encode(content).decode(), "attributes": {"customer": person.mark}})
        for function in self._consumers():
            self.push(function, {"data": f"{person.mark}!", "attributes": {person.mark: person.mpan}})
            self.push(function, {"data": 7, "attributes": person.mark, person.mark: person.mark})
            self.keep(httpx.post(self.stack.function_url(function), content=f"{{{person.mark}"))
        for function in (name for name, manifest in MANIFESTS.items() if manifest.trigger.schedule):
            slot = {"X-CloudScheduler-ScheduleTime": person.mark}
            self.keep(httpx.post(self.stack.function_url(function), headers=slot, content=person.mark))

    def _consumers(self) -> list[str]:
        return [name for name, manifest in MANIFESTS.items() if manifest.trigger.pubsub]

    def push(self, function: str, message: dict[str, Any]) -> None:
        """Deliver a message as Pub/Sub does."""
        self._pushes += 1
        envelope = {"messageId": str(self._pushes), "publishTime": "2026-11-01T08:00:00Z", **message}
        body = {"subscription": f"projects/p/subscriptions/{function}", "message": envelope}
        self.keep(httpx.post(self.stack.function_url(function), json=body, timeout=60))

    async def crash(self, proxied: ProxiedStack) -> None:
        """Store data that no code expects, and meet it in a request and in a message."""
        person = self.person
        account_id = f"{person.mark}-3"
        registration_id = proxied.registrations.registration_id(account_id)  # type: ignore[arg-type]
        state = json.dumps({"registration": person.registration(), "day": person.mark})
        key = Key("registrations", registration_id)
        await self.documents.commit([self.documents.create(key, {"status": "active", "version": 1, "state": state})])
        broken = person.registration(account_id=account_id)
        for answer in (
            self.callers[0].get(registration_id),
            self.callers[0].look_up(account_id=account_id),
            self.callers[0].create(broken),
        ):
            assert self.keep(answer).status_code == 500
        event = json.dumps(person.event("customer.migrated", broken, subject=account_id)).encode()
        self.push("consume_migration", {"data": base64.b64encode(event).decode()})

    def through_time(self) -> None:
        """Close and export the day, and retry parked messages."""
        day = london_day(self.stack.clock.now())
        morning = datetime.combine(day + timedelta(days=1), datetime.min.time(), LONDON) + timedelta(hours=3)
        self.stack.clock.jump_to(morning)
        slot = {"X-CloudScheduler-ScheduleTime": morning.isoformat()}

        def released() -> bool:
            httpx.post(self.stack.function_url("export_daily"), headers=slot, timeout=60)
            return bool(list(self.stack.exports.glob(f"{day}/r*/manifest.json")))

        until(released)
        for function in ("expire_needs", "replay_parked"):
            self.keep(httpx.post(self.stack.function_url(function), headers=slot, timeout=60))


def until(true: Callable[[], bool], seconds: int = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.3)


class Listener:
    """The test's own subscriptions, which receive every published message."""

    def __init__(self, stack: Stack) -> None:
        self._project = f"projects/{stack.layout.project}"
        self._client = subscriber(stack.layout)
        self._topics = ("psr-account-events", "psr-customer-migration", "psr-dead-letters", "psr-export-work")
        for topic in self._topics:
            self._client.create_subscription(name=self._name(topic), topic=f"{self._project}/topics/{topic}")

    def _name(self, topic: str) -> str:
        return f"{self._project}/subscriptions/marked-{topic}"

    def refuse_everything(self, topic: str) -> None:
        """Create a subscription without a consumer, so that Pub/Sub dead-letters its messages."""
        subscription = Subscription(
            name=f"{self._project}/subscriptions/marked-nobody",
            topic=f"{self._project}/topics/{topic}",
            push_config=PushConfig(push_endpoint="http://127.0.0.1:9/"),
            retry_policy=RetryPolicy(minimum_backoff=timedelta(0), maximum_backoff=timedelta(seconds=1)),
            dead_letter_policy=DeadLetterPolicy(
                dead_letter_topic=f"{self._project}/topics/psr-dead-letters", max_delivery_attempts=5
            ),
        )
        self._client.create_subscription(request=subscription)

    def received(self, topic: str) -> list[PubsubMessage]:
        """The messages published on a topic since the last call."""
        answer = self._client.pull(
            subscription=self._name(topic), max_messages=1000, timeout=10, return_immediately=True
        )
        ids = [one.ack_id for one in answer.received_messages]
        if ids:
            self._client.acknowledge(subscription=self._name(topic), ack_ids=ids)
        return [one.message for one in answer.received_messages]

    def close(self) -> None:
        self._client.delete_subscription(subscription=f"{self._project}/subscriptions/marked-nobody")
        for topic in self._topics:
            self._client.delete_subscription(subscription=self._name(topic))


@pytest.fixture(scope="module")
async def planted(proxied: ProxiedStack) -> Planted:
    planted = Planted(proxied)
    listener = Listener(planted.stack)
    planted.over_http()
    planted.over_pubsub()
    await planted.crash(proxied)
    listener.refuse_everything("psr-customer-migration")
    dead = json.dumps(planted.person.event("customer.migrated", planted.person.mark)).encode()
    with publisher(planted.stack.layout) as client:
        topic = f"projects/{planted.stack.layout.project}/topics/psr-customer-migration"
        client.publish(topic=topic, messages=[PubsubMessage(data=dead)])

    def dead_letter() -> bool:
        planted.sent.setdefault("psr-dead-letters", []).extend(listener.received("psr-dead-letters"))
        return bool(planted.sent["psr-dead-letters"])

    until(dead_letter)
    planted.through_time()

    def republished() -> bool:
        for topic in ("psr-account-events", "psr-export-work"):
            planted.sent.setdefault(topic, []).extend(listener.received(topic))
        return bool(planted.sent["psr-account-events"]) and bool(planted.sent["psr-export-work"])

    until(republished)
    listener.close()
    return planted


def test_every_operation_gets_a_marker(planted: Planted) -> None:
    routes = [route for manifest in MANIFESTS.values() for route in manifest.trigger.http or []]
    requests = [answer.request for answer in (*planted.headers, *planted.refused)]
    called = {(request.method, re.sub(r"[0-9a-f-]{36}", "{registration_id}", request.url.path)) for request in requests}
    assert sorted(route.operation for route in routes if (route.method, route.path) not in called) == []


def test_no_log_line_holds_a_marker(planted: Planted) -> None:
    found = {path.name: planted.person.found_in(path.read_bytes()) for path in planted.stack.logs.glob("*.log")}
    assert len(found) > len(planted.stack.layout.functions)
    assert [name for name, marks in found.items() if marks] == []


def test_the_callers_subject_is_in_the_access_log_only(planted: Planted) -> None:
    events = {e["event"] for e in entries(planted.stack.logs, planted.stack.layout.functions) if SUBJECT in str(e)}
    assert events == {event.name for event in ACCESS_LOG}


def test_no_label_of_a_metric_holds_a_marker(planted: Planted) -> None:
    terraform = (ROOT / "terraform" / "monitoring.tf").read_text()
    labels = set(re.findall(r' = "jsonPayload\.(\w+)"', terraform))
    values = {
        str(entry.get(label))
        for entry in entries(planted.stack.logs, planted.stack.layout.functions)
        for label in labels
    }
    assert labels == {"caller_group", "caller_kind", "event", "problem", "registrations"}
    assert [value for value in values if planted.person.found_in(value) or SUBJECT in value] == []


def test_no_error_answer_holds_a_marker(planted: Planted) -> None:
    found = [(a.status_code, a.request.method, planted.person.found_in(a.content)) for a in planted.refused]
    assert {status for status, _, _ in found} >= {400, 401, 404, 405, 409, 413, 415, 422, 428, 500}
    assert [answer for answer in found if answer[2]] == []


def test_no_header_of_an_answer_holds_a_marker(planted: Planted) -> None:
    answers = [*planted.headers, *planted.refused]
    assert [a.request.method for a in answers if planted.person.found_in(str(a.headers.multi_items()))] == []


def test_no_name_of_an_object_holds_a_marker(planted: Planted) -> None:
    names = [str(path.relative_to(planted.stack.exports)) for path in planted.stack.exports.rglob("*")]
    assert len(names) > 3
    assert [name for name in names if planted.person.found_in(name)] == []


def test_the_networks_file_holds_markers_and_the_day_manifest_does_not(planted: Planted) -> None:
    files = [path for path in planted.stack.exports.rglob("*") if path.is_file()]
    holding = {path.suffix for path in files if planted.person.found_in(path.read_bytes())}
    assert {".txt"} <= holding <= {".txt", ".csv"}


async def test_no_document_id_or_plain_field_holds_a_marker(planted: Planted) -> None:
    found, holding = [], set()
    for collection in COLLECTIONS:
        async for page in planted.documents.pages(collection):
            for stored in page:
                if planted.person.found_in(stored.state):
                    holding.add(collection)
                plain = {n: v for n, v in stored.fields.items() if n not in {"state", *PERSONAL_FIELDS}}
                if planted.person.found_in(f"{stored.document_id} {plain}"):
                    found.append((collection, plain))
    assert found == []
    assert holding == {"changes", "export_feed", "quarantine", "registrations"}


@pytest.mark.parametrize("topic", ["psr-dead-letters", "psr-account-events"])
def test_no_attribute_that_the_service_adds_to_a_message_holds_a_marker(planted: Planted, topic: str) -> None:
    added = [
        f"{name}={value}"
        for message in planted.sent[topic]
        for name, value in message.attributes.items()
        if (name, value) != ("customer", planted.person.mark)  # the sender's own attribute
    ]
    assert added
    assert [one for one in added if planted.person.found_in(one)] == []


def test_no_work_message_of_the_export_holds_a_marker(planted: Planted) -> None:
    assert [
        m for m in planted.sent["psr-export-work"] if planted.person.found_in(m.data + str(m.attributes).encode())
    ] == []


def test_the_search_covers_every_collection() -> None:
    indexes = yaml.safe_load((ROOT / "terraform" / "firestore_indexes.yaml").read_text())
    assert set(COLLECTIONS) == set(indexes)
