"""A registration that goes through the whole service and out again: HTTP, both consumers' topics, withdrawal, erasure.

No network receives it, for two reasons that each suffice: it is `pending`, and its lawful basis allows no sharing
(`shared.domain.recipients`). Account, name and supply points belong to nobody. The account is the same in all runs: a
run first erases the registration that a killed run left.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import httpx
from google.api_core.exceptions import Forbidden
from pydantic_core import from_json, to_json

from ops.doctor.deployment import Deployment, manifests
from ops.doctor.finding import Finding, failing, not_checked, ok
from ops.doctor.serving import NO_TOKEN
from ops.running import operator
from shared.digest import digest
from shared.domain.contacts import Address, Contact
from shared.domain.erasure import NO_POSTCODE
from shared.domain.registration import AccountId, RegistrationInput, Status
from shared.domain.sharing import Article9Condition, Sharing
from shared.domain.supply_points import Mpan, Mprn, SupplyPointsInput
from shared.errors import NotFound, Unavailable
from shared.flows.erasure import Erasure
from shared.messages.account_events import SupplyData, SupplyGained
from shared.messages.events import CloudEvent, CustomerMigrated
from shared.messages.publisher import Publisher
from shared.store.documents import Collection, Key
from shared.store.operator_actions import Action, OperatorActions
from shared.store.registrations import Registrations
from shared.store.service import service

ACCOUNT = AccountId("PSR-DOCTOR-PROBE")
SOURCE = "//psr/doctor"
#: Numbers of no supply point: they are at the end of the range, which no distributor or transporter has reached.
MPAN = Mpan("1099999999990")
MPRN = Mprn("9999999905")

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_SECONDS = 10.0
#: For the way through the service, and for the erasure, which follows in any case.
_RUN_SECONDS, _ERASURE_SECONDS = 45.0, 30.0
#: For two messages on their way through Pub/Sub, to functions that may have to start.
_MESSAGES_SECONDS = 15.0
_POLL_SECONDS = 0.2
#: A probe that has changed this recently belongs to another doctor.
_OTHER_DOCTOR = timedelta(seconds=60)
_ATTEMPTS = 3
_CHECK = "probe"


class Stopped(Exception):
    """A step had another result than it must. The message says which."""


class Message(NamedTuple):
    """An event for a consumer, and the id of the change that it leaves."""

    consumer: str
    event: CloudEvent
    change_id: str


def registration() -> RegistrationInput:
    """The registration."""
    return RegistrationInput(
        account_id=ACCOUNT,
        status=Status.PENDING,
        supply_points=SupplyPointsInput(mpans=[MPAN]),
        premises=Address(address_lines=["No such place"], postcode=NO_POSTCODE),
        primary_contact=Contact(name="Doctor Probe"),
        sharing=Sharing(basis=Article9Condition.NONE, recorded_on=date(2000, 1, 1), evidence="nobody: a test"),
    )


async def probe(deployment: Deployment, patience_seconds: float = _MESSAGES_SECONDS) -> list[Finding]:
    """Send the probe through the service. It is erased in any case."""
    if deployment.token is None:
        return [not_checked(_CHECK, f"not registered: {NO_TOKEN}")]
    now = service().documents.clock.now()
    registration_id = service().part(Registrations).registration_id(ACCOUNT)
    left = await service().part(Registrations).get(registration_id)
    if left is not None and left.erased_on is None:
        if now - left.registration.updated_at < _OTHER_DOCTOR:
            return [not_checked(_CHECK, "another doctor is at work, or was stopped just now: try again in a minute")]
        if fault := await _erased():
            return [fault]
    # An account that may not write what the erasure writes stops here, with nothing registered.
    await service().part(OperatorActions).note(Action.EXAMINED, operator(), [registration_id], None)
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {deployment.token}"}
    async with httpx.AsyncClient(timeout=_SECONDS, headers=headers) as client:
        run = _Run(deployment, client, patience_seconds)
        try:
            async with asyncio.timeout(_RUN_SECONDS):
                await run.there()
                faults = await run.messages()
                await run.and_out()
        except Stopped as stopped:
            faults = [failing(_CHECK, str(stopped), "errors")]
        except TimeoutError:
            faults = [failing(_CHECK, f"not through the service in {_RUN_SECONDS:.0f} s", "latency")]
        finally:
            erased = await _erased()
        if erased is None and not faults:
            faults = await run.gone()
    seconds = time.monotonic() - began
    steps = "registered, read, found, contacted, changed through two topics, amended, withdrawn and erased"
    return [*faults, *filter(None, [erased])] or [ok(_CHECK, f"{steps} in {seconds:.1f} s")]


class _Run:
    """One run of the probe."""

    def __init__(self, deployment: Deployment, client: httpx.AsyncClient, patience_seconds: float) -> None:
        self._deployment = deployment
        self._client = client
        self._patience_seconds = patience_seconds
        self._id = service().part(Registrations).registration_id(ACCOUNT)
        self._path = f"/v1/registrations/{self._id}"

    async def there(self) -> None:
        """Register, read, find, contact. Raises `Stopped`."""
        body = registration().model_dump(mode="json", exclude_defaults=True)
        registered = await self._ask("register", 201, "POST", "/v1/registrations", json=body)
        await self._ask("lookup", 200, "GET", self._path)
        await self._find({"mpan": str(MPAN)})
        attempt = {"work": "follow_up", "due_on": registered.json()["follow_up_on"], "channel": "app"}
        attempt |= {"outcome": "no_answer", "by": "psr-doctor"}
        await self._ask("register", 200, "POST", f"{self._path}/attempts", json=attempt)

    async def messages(self) -> list[Finding]:
        """One message through each consumer's topic. Raises `Stopped`."""
        sent = self._messages()
        topics = {name: m.trigger.pubsub.topic for name, m in manifests().items() if m.trigger.pubsub}
        for consumer, event, _ in sent:
            topic = topics[consumer]
            try:
                await service().part(Publisher).publish(topic, to_json(event))
            except Unavailable as problem:
                if isinstance(problem.__cause__, Forbidden):
                    return [not_checked(_CHECK, f"no messages sent: your account may not publish to {topic}")]
                why = type(problem.__cause__).__name__
                raise Stopped(f"{topic} accepts no message for {consumer} ({why})") from None
        missing = await self._missing(sent)
        late = f"has not arrived in {self._patience_seconds:.0f} s"
        faults = [failing(_CHECK, f"a message to {consumer} {late}", "backlog") for consumer in missing]
        if "consume_account_events" not in missing:
            await self._find({"mprn": str(MPRN)})
        return faults

    async def and_out(self) -> None:
        """Amend, withdraw. Raises `Stopped`."""
        await self._change("PATCH", self._path, {"services": {"communication_format": "large_print"}})
        await self._change("POST", f"{self._path}:withdraw", {"reason": "a test is over"})

    async def gone(self) -> list[Finding]:
        """Check that nothing of it is shown after the erasure."""
        try:
            await self._ask("lookup", 410, "GET", self._path)
        except Stopped as stopped:
            return [failing(_CHECK, f"after the erasure {stopped}", "errors")]
        return []

    def _messages(self) -> list[Message]:
        """An account event that adds a supply point, and a migrated record that changes nothing, however late it
        arrives, since it is older than every other fact.
        """
        gained = SupplyGained(
            **self._envelope(service().documents.clock.now() + timedelta(milliseconds=1)),
            type="uk.psr.account.supply_gained.v1",
            data=SupplyData(supply_points=SupplyPointsInput(mprns=[MPRN])),
        )
        migrated = CustomerMigrated(
            **self._envelope(_LONG_AGO), type="uk.psr.customer.migrated.v1", data=registration()
        )
        return [
            Message("consume_account_events", gained, f"{self._id}-{digest(SOURCE, gained.id)}"),
            Message("consume_migration", migrated, f"{self._id}-{digest(SOURCE, migrated.id)}"),
        ]

    def _envelope(self, at: datetime) -> dict[str, Any]:
        return {"specversion": "1.0", "source": SOURCE, "id": uuid.uuid4().hex, "time": at, "subject": ACCOUNT}

    async def _missing(self, sent: list[Message]) -> list[str]:
        """The consumers that have stored no change when the time is over."""
        until = time.monotonic() + self._patience_seconds
        while True:
            changes = await service().documents.batch_get(
                [Key(Collection.CHANGES, message.change_id) for message in sent]
            )
            missing = [message.consumer for message, change in zip(sent, changes, strict=True) if change is None]
            if not missing or time.monotonic() > until:
                return missing
            await asyncio.sleep(_POLL_SECONDS)

    async def _find(self, key: Mapping[str, str]) -> None:
        await self._ask("lookup", 200, "POST", "/v1/registrations:lookup", json=key)

    async def _change(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Change the version that is read; read and change again where a late message was faster."""
        for attempt in range(1, _ATTEMPTS + 1):
            version = (await self._ask("lookup", 200, "GET", self._path)).headers["ETag"]
            expected = (200,) if attempt == _ATTEMPTS else (200, 412)
            answer = await self._ask("register", expected, method, path, json=body, headers={"If-Match": version})
            if answer.status_code == httpx.codes.OK:
                return

    async def _ask(
        self, function: str, expected: int | tuple[int, ...], method: str, path: str, **how: Any
    ) -> httpx.Response:
        """Raises `Stopped`."""
        request = f"{method} {path.replace(self._id, '{registration_id}')}"
        url = f"{self._deployment.api(function)}{path}"
        if method == "PATCH":
            how["headers"] = {**how["headers"], "Content-Type": "application/merge-patch+json"}
        try:
            answer = await self._client.request(method, url, **how)
        except httpx.TransportError as error:
            raise Stopped(f"{request} gets no answer from {function} ({type(error).__name__})") from None
        if answer.status_code not in (expected if isinstance(expected, tuple) else (expected,)):
            raise Stopped(f"{request} gets {answer.status_code} from {function}{_problem(answer)}")
        return answer


def _problem(answer: httpx.Response) -> str:
    try:
        return f" ({from_json(answer.content)['type']})"
    except (ValueError, KeyError, TypeError):
        return ""


async def _erase() -> None:
    """Erase it as people are erased. Raises `Unavailable`."""
    registration_id = service().part(Registrations).registration_id(ACCOUNT)
    who = operator()
    await service().part(OperatorActions).note(Action.ERASED, who, [registration_id], "psr doctor's probe")
    with suppress(NotFound):
        await Erasure(service()).erase(registration_id, who)


async def _erased() -> Finding | None:
    try:
        async with asyncio.timeout(_ERASURE_SECONDS):
            await _erase()
    except (Unavailable, TimeoutError):
        says = f"the probe could not be erased: `psr subject erase {ACCOUNT} --reason doctor`"
        return failing(_CHECK, f"{says}, or run the doctor again")
    return None
