"""The proof that personal data stays where it may be: a marked person in every field of every entry point.

docs/privacy.md lists the places that may hold it. Everywhere else the marks are looked for, and must not be.
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
#: Fields beside `state` that may hold personal data: the database is one of the places.
PERSONAL_FIELDS = {"postcode", "sector"}
MANIFESTS = read_manifests(FUNCTIONS)
pytestmark = pytest.mark.filterwarnings("ignore:The return_immediately flag is deprecated")
SUBJECT = f"subject-{secrets.token_hex(4)}"


class Planted:
    """The canary everywhere, and what came back."""

    def __init__(self, proxied: ProxiedStack) -> None:
        self.stack: Stack = proxied.stack
        self.documents: Documents = proxied.documents
        self.canary = MarkedPerson()
        self.refused: list[httpx.Response] = []
        self.headers: list[httpx.Response] = []
        self.sent: dict[str, list[PubsubMessage]] = {}
        agent = Caller(self.stack, "agent", scope=ALL_SCOPES, sub=SUBJECT, name=self.canary.mark)
        customer = Caller(self.stack, "customer", account_id=new_account(), supply_points=[self.canary.mpan])
        self.callers = [agent, customer]
        self._pushes = 0

    def keep(self, answer: httpx.Response) -> httpx.Response:
        """Answers that are no success must not hold the canary at all, others not in their headers."""
        (self.headers if answer.is_success else self.refused).append(answer)
        return answer

    def over_http(self) -> None:
        """Every route, with good and with bad requests, by who may and who may not."""
        canary, agent = self.canary, self.callers[0]
        created = self.keep(agent.create(canary.registration(), key=canary.mark))
        assert created.status_code == 201
        self.keep(agent.create(canary.registration(needs=[{"code": "01"}]), key=canary.mark))
        self.keep(agent.create(canary.registration()))
        path = f"/v1/registrations/{created.json()['registration_id']}"
        etag = {"If-Match": created.headers["ETag"]}
        changed = {"primary_contact": {"name": f"Zo {canary.mark}", "phones": canary.phones}}
        self.keep(agent.http.request("PATCH", path, json=changed, headers={**etag, "Content-Type": PATCH}))
        for caller in self.callers:
            for method, place, body in (
                ("GET", path, None),
                ("GET", f"{path}/changes", None),
                ("GET", f"/v1/registrations/{canary.account_id}", None),
                ("GET", f"/{canary.mark}/{canary.phones[0]}", None),
                ("DELETE", f"{path}?name={canary.mark}", None),
                ("GET", f"{path}?name={canary.mark}&mpan={canary.mpan}", None),
                ("GET", f"{path}/changes?page_token={canary.mark}&page_size={canary.mpan}", None),
                ("POST", "/v1/registrations:lookup", {"account_id": canary.account_id}),
                ("POST", "/v1/registrations:lookup", {"mpan": canary.mpan, "mprn": canary.mprn}),
                ("POST", "/v1/registrations:batchLookup", {"mpans": [canary.mpan, canary.mpan]}),
                ("POST", "/v1/registrations:batchLookup", {"mpans": [canary.mpan], "mprns": [canary.mprn]}),
                ("POST", "/v1/registrations:search", {"postcode": canary.postcode}),
                ("POST", "/v1/registrations:search", {"postcode": canary.postcode, "page_token": canary.mark}),
                ("POST", f"{path}:withdraw", {"reason": canary.mark}),
            ):
                self.keep(caller.http.request(method, place, json=body))
            for bad in self._bad_bodies():
                self.keep(caller.http.post("/v1/registrations", **bad))
            for name in ("If-Match", "If-None-Match", "Idempotency-Key", "Psr-Purpose", "traceparent", "Origin"):
                self.keep(caller.http.get(path, headers={name: f"{canary.mark} {canary.phones[0]}"}))
            for name in ("Function-Execution-Id", "X-Cloud-Trace-Context", "User-Agent", "X-Forwarded-For", "Cookie"):
                self.keep(caller.http.get(path, headers={name: canary.mpan}))
            self.keep(caller.http.get(path, headers={"Authorization": f"Bearer {canary.mark}"}))

    def _bad_bodies(self) -> Iterator[dict[str, Any]]:
        canary = self.canary
        whole = canary.registration()
        for name in whole:
            for wrong in (canary.mark, canary.phones, {canary.mark: canary.postcode}, [{canary.mpan: canary.mark}]):
                yield {"json": {**whole, name: wrong}}
        yield {"json": {**whole, canary.mark: canary.phones[0]}}
        yield {"json": {**whole, "premises": {**whole["premises"], canary.mpan: canary.born}}}
        yield {"content": json.dumps(whole)[:-9], "headers": {"Content-Type": "application/json"}}
        yield {"content": json.dumps(whole), "headers": {"Content-Type": f"text/{canary.mark}"}}
        yield {"json": {**whole, "note": canary.mark * 30_000}}

    def over_pubsub(self) -> None:
        """Each consumer, with what it can apply, what it cannot, and what is no message at all."""
        canary = self.canary
        good = canary.registration()
        other = {**good, "account_id": f"{canary.mark}-2"}
        points = {"mpans": [canary.mpan]}
        messages: list[tuple[str, Any]] = [
            ("consume_migration", canary.event("customer.migrated", good)),
            ("consume_migration", canary.event("customer.migrated", other, subject=other["account_id"])),
            ("consume_migration", canary.event("customer.migrated", {**good, "premises": canary.mark})),
            ("consume_migration", canary.event("customer.migrated", {**good, canary.mark: canary.mark})),
            ("consume_migration", canary.event(canary.mark, good)),
            ("consume_migration", canary.event("customer.migrated", good, time=canary.mark, source=canary.mark)),
            ("consume_account_events", canary.event("account.moved_home", {**good, "extra": canary.mark})),
            ("consume_account_events", canary.event("account.supply_lost", {"supply_points": points})),
            ("consume_account_events", canary.event("account.closed", {"closed_on": canary.born}, subject="unknown-1")),
            ("export_recipient", canary.event("export.part", good)),
            ("quarantine_dead_letters", canary.event("customer.migrated", good)),
            *((name, f"{canary.mark} {canary.mpan}") for name in self._consumers()),
        ]
        for function, data in messages:
            octets = data.encode() if isinstance(data, str) else json.dumps(data).encode()
            self.push(function, {"data": base64.b64encode(octets).decode(), "attributes": {"customer": canary.mark}})
        for function in self._consumers():
            self.push(function, {"data": f"{canary.mark}!", "attributes": {canary.mark: canary.mpan}})
            self.push(function, {"data": 7, "attributes": canary.mark, canary.mark: canary.mark})
            self.keep(httpx.post(self.stack.function_url(function), content=f"{{{canary.mark}"))
        for function in (name for name, manifest in MANIFESTS.items() if manifest.trigger.schedule):
            slot = {"X-CloudScheduler-ScheduleTime": canary.mark}
            self.keep(httpx.post(self.stack.function_url(function), headers=slot, content=canary.mark))

    def _consumers(self) -> list[str]:
        return [name for name, manifest in MANIFESTS.items() if manifest.trigger.pubsub]

    def push(self, function: str, message: dict[str, Any]) -> None:
        """One delivery, as Pub/Sub makes it."""
        self._pushes += 1
        envelope = {"messageId": str(self._pushes), "publishTime": "2026-11-01T08:00:00Z", **message}
        body = {"subscription": f"projects/p/subscriptions/{function}", "message": envelope}
        self.keep(httpx.post(self.stack.function_url(function), json=body, timeout=60))

    async def crash(self, proxied: ProxiedStack) -> None:
        """Stored data that no code expects, in the middle of a request and of a message."""
        canary = self.canary
        account_id = f"{canary.mark}-3"
        registration_id = proxied.registrations.registration_id(account_id)  # type: ignore[arg-type]
        state = json.dumps({"registration": canary.registration(), "day": canary.mark})
        key = Key("registrations", registration_id)
        await self.documents.commit([self.documents.create(key, {"status": "active", "version": 1, "state": state})])
        broken = canary.registration(account_id=account_id)
        for answer in (
            self.callers[0].get(registration_id),
            self.callers[0].look_up(account_id=account_id),
            self.callers[0].create(broken),
        ):
            assert self.keep(answer).status_code == 500
        event = json.dumps(canary.event("customer.migrated", broken, subject=account_id)).encode()
        self.push("consume_migration", {"data": base64.b64encode(event).decode()})

    def through_time(self) -> None:
        """The day closes and is exported; parked messages are tried again."""
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
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.3)


class Listener:
    """Subscriptions of the test's own, so that what is published can be seen."""

    def __init__(self, stack: Stack) -> None:
        self._project = f"projects/{stack.layout.project}"
        self._client = subscriber(stack.layout)
        self._topics = ("psr-account-events", "psr-customer-migration", "psr-dead-letters", "psr-export-work")
        for topic in self._topics:
            self._client.create_subscription(name=self._name(topic), topic=f"{self._project}/topics/{topic}")

    def _name(self, topic: str) -> str:
        return f"{self._project}/subscriptions/canary-{topic}"

    def refuse_everything(self, topic: str) -> None:
        """A subscription whose consumer is not there: Pub/Sub gives its messages up."""
        subscription = Subscription(
            name=f"{self._project}/subscriptions/canary-nobody",
            topic=f"{self._project}/topics/{topic}",
            push_config=PushConfig(push_endpoint="http://127.0.0.1:9/"),
            retry_policy=RetryPolicy(minimum_backoff=timedelta(0), maximum_backoff=timedelta(seconds=1)),
            dead_letter_policy=DeadLetterPolicy(
                dead_letter_topic=f"{self._project}/topics/psr-dead-letters", max_delivery_attempts=5
            ),
        )
        self._client.create_subscription(request=subscription)

    def heard(self, topic: str) -> list[PubsubMessage]:
        """What has been published on a topic and was not heard yet."""
        answer = self._client.pull(
            subscription=self._name(topic), max_messages=1000, timeout=10, return_immediately=True
        )
        ids = [received.ack_id for received in answer.received_messages]
        if ids:
            self._client.acknowledge(subscription=self._name(topic), ack_ids=ids)
        return [received.message for received in answer.received_messages]

    def close(self) -> None:
        self._client.delete_subscription(subscription=f"{self._project}/subscriptions/canary-nobody")
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
    dead = json.dumps(planted.canary.event("customer.migrated", planted.canary.mark)).encode()
    with publisher(planted.stack.layout) as client:
        topic = f"projects/{planted.stack.layout.project}/topics/psr-customer-migration"
        client.publish(topic=topic, messages=[PubsubMessage(data=dead)])

    def dead_letter() -> bool:
        planted.sent.setdefault("psr-dead-letters", []).extend(listener.heard("psr-dead-letters"))
        return bool(planted.sent["psr-dead-letters"])

    until(dead_letter)
    planted.through_time()

    def republished() -> bool:
        for topic in ("psr-account-events", "psr-export-work"):
            planted.sent.setdefault(topic, []).extend(listener.heard(topic))
        return bool(planted.sent["psr-account-events"]) and bool(planted.sent["psr-export-work"])

    until(republished)
    listener.close()
    return planted


def test_every_operation_gets_it(planted: Planted) -> None:
    routes = [route for manifest in MANIFESTS.values() for route in manifest.trigger.http or []]
    requests = [answer.request for answer in (*planted.headers, *planted.refused)]
    called = {(request.method, re.sub(r"[0-9a-f-]{36}", "{registration_id}", request.url.path)) for request in requests}
    assert sorted(route.operation for route in routes if (route.method, route.path) not in called) == []


def test_no_log_line_holds_it(planted: Planted) -> None:
    found = {path.name: planted.canary.found_in(path.read_bytes()) for path in planted.stack.logs.glob("*.log")}
    assert len(found) > len(planted.stack.layout.functions)
    assert [name for name, marks in found.items() if marks] == []


def test_the_callers_subject_is_in_the_access_log_only(planted: Planted) -> None:
    events = {e["event"] for e in entries(planted.stack.logs, planted.stack.layout.functions) if SUBJECT in str(e)}
    assert events == {event.name for event in ACCESS_LOG}


def test_no_label_of_a_metric_holds_it(planted: Planted) -> None:
    terraform = (ROOT / "terraform" / "monitoring.tf").read_text()
    labels = set(re.findall(r' = "jsonPayload\.(\w+)"', terraform))
    values = {
        str(entry.get(label))
        for entry in entries(planted.stack.logs, planted.stack.layout.functions)
        for label in labels
    }
    assert labels == {"caller_group", "caller_kind", "event", "problem", "registrations"}
    assert [value for value in values if planted.canary.found_in(value) or SUBJECT in value] == []


def test_no_answer_that_tells_of_an_error_holds_it(planted: Planted) -> None:
    found = [(a.status_code, a.request.method, planted.canary.found_in(a.content)) for a in planted.refused]
    assert {status for status, _, _ in found} >= {400, 401, 404, 405, 409, 413, 415, 422, 428, 500}
    assert [answer for answer in found if answer[2]] == []


def test_no_header_of_an_answer_holds_it(planted: Planted) -> None:
    answers = [*planted.headers, *planted.refused]
    assert [a.request.method for a in answers if planted.canary.found_in(str(a.headers.multi_items()))] == []


def test_no_name_of_an_object_holds_it(planted: Planted) -> None:
    names = [str(path.relative_to(planted.stack.exports)) for path in planted.stack.exports.rglob("*")]
    assert len(names) > 3
    assert [name for name in names if planted.canary.found_in(name)] == []


def test_no_manifest_holds_it_but_the_networks_file_does(planted: Planted) -> None:
    files = [path for path in planted.stack.exports.rglob("*") if path.is_file()]
    holding = {path.suffix for path in files if planted.canary.found_in(path.read_bytes())}
    assert {".txt"} <= holding <= {".txt", ".csv"}


async def test_no_document_id_or_plain_field_holds_it(planted: Planted) -> None:
    found, holding = [], set()
    for collection in COLLECTIONS:
        async for page in planted.documents.pages(collection):
            for stored in page:
                if planted.canary.found_in(stored.state):
                    holding.add(collection)
                plain = {n: v for n, v in stored.fields.items() if n not in {"state", *PERSONAL_FIELDS}}
                if planted.canary.found_in(f"{stored.document_id} {plain}"):
                    found.append((collection, plain))
    assert found == []
    assert holding == {"changes", "export_feed", "quarantine", "registrations"}


@pytest.mark.parametrize("topic", ["psr-dead-letters", "psr-account-events"])
def test_no_attribute_that_is_added_to_a_message_holds_it(planted: Planted, topic: str) -> None:
    added = [
        f"{name}={value}"
        for message in planted.sent[topic]
        for name, value in message.attributes.items()
        if (name, value) != ("customer", planted.canary.mark)  # the sender's own attribute
    ]
    assert added
    assert [one for one in added if planted.canary.found_in(one)] == []


def test_no_work_message_of_the_export_holds_it(planted: Planted) -> None:
    assert [
        m for m in planted.sent["psr-export-work"] if planted.canary.found_in(m.data + str(m.attributes).encode())
    ] == []


def test_the_collections_looked_at_are_all_there_are() -> None:
    indexes = yaml.safe_load((ROOT / "terraform" / "firestore_indexes.yaml").read_text())
    assert set(COLLECTIONS) == set(indexes)
