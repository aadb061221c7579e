"""A register of its own for a test of the export: real Firestore and Cloud Storage, its own project, clock and bucket.

Messages are kept in a list instead of Pub/Sub, so that a test says who works on what, when, and how often.
"""

import base64
import json
import os
import shutil
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from shared.clock import LONDON, SimulatedClock
from shared.domain.changes import Origin
from shared.domain.decision import Decision, Moment
from shared.domain.due_dates import apply_due_dates
from shared.domain.export_day import ExportDay, Stage
from shared.domain.registration import AccountId, Fact, RegistrationInput, RegistrationState
from shared.domain.requests import amend, register, withdraw
from shared.export import d0225, register_csv
from shared.export.days import ExportDays
from shared.export.parts import ExportParts
from shared.export.signer import signer
from shared.export.work import PartDue
from shared.flows.resend import Resend
from shared.settings import Settings, read_settings
from shared.store.change_requests import ChangeRequest
from shared.store.documents import Documents
from shared.store.exports import Exports
from shared.store.objects import Bucket
from shared.store.registrations import Registrations
from shared.store.service import Service
from tools.local.sample import mpan
from tools.synthetic import consent

#: Contact name and needs codes, by receiver and supply point.
Held = dict[tuple[str, str], tuple[str, tuple[str, ...]]]

FIRST_DAY = date(2026, 11, 23)
BUCKET = "exports"


def london(text: str) -> datetime:
    """`"2026-11-23 09:00"` in London."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def account(number: int, **changes: Any) -> RegistrationInput:
    """A registration with consent to share it with the distributor of its one MPAN."""
    submission = {
        "account_id": f"A-{number}",
        "supply_points": {"mpans": [mpan("10", number)], "mprns": []},
        "premises": {"address_lines": [f"{number} Test Street", "Testtown"], "postcode": "BS1 4DJ"},
        "primary_contact": {"name": f"Person {number}", "phones": ["07700900123"]},
        "needs": [{"code": "02"}],
        "sharing": consent("2026-01-01", "call 1"),
    }
    return RegistrationInput.model_validate_json(json.dumps(submission | changes))


class StillClock(SimulatedClock):
    """Stops at `still`, if it is set."""

    still: datetime | None = None

    def now(self) -> datetime:
        return self.still or super().now()


class World:
    """The register and its export in one process. Make one inside a running event loop."""

    def __init__(self, folder: Path, first_day: date = FIRST_DAY, **changes: str) -> None:
        self.name = f"psr-{uuid.uuid4().hex[:12]}"
        self.clock = StillClock(folder / f"{self.name}.json")
        self.at(f"{first_day} 09:00")
        self.environment = {
            "PSR_PROJECT": self.name,
            "PSR_IDENTITY_KEY": base64.b64encode(bytes(32)).decode(),
            "PSR_EXPORT_BUCKET": self.name,
            "PSR_QUARANTINE_BUCKET": os.environ["PSR_QUARANTINE_BUCKET"],
            "PSR_EXPORT_FIRST_DAY": first_day.isoformat(),
            "PSR_SIGNING_KEY": os.environ["PSR_SIGNING_KEY"],
            "PSR_SUPPLIER_MPID": "SUPP",
            "PSR_SIMULATED_CLOCK": str(self.clock.path),
            **changes,
        }
        self.settings: Settings = read_settings(self.environment)
        self.service = Service(self.settings)
        self.service.clock = self.clock
        self.documents = self.service.documents
        self.identity = self.service.identity
        self.store = self.service.part(Registrations)
        self.exports = self.service.part(Exports)
        client = storage.Client(project=self.name, credentials=AnonymousCredentials())
        self.objects = client.create_bucket(self.name)
        self.bucket = Bucket(self.objects)
        self.folder = folder
        self.public_key = Path(os.environ["PSR_SIGNING_KEY"]).with_suffix(".pub.pem").read_bytes()
        self.published: list[bytes] = []
        self.use(self.bucket)

    def service_over(self, documents: Documents) -> Service:
        """The same service over other documents."""
        service = Service(self.settings)
        service.clock = self.clock
        service.documents = documents
        return service

    def use(self, bucket: Bucket, **changes: Any) -> None:
        """Create the export again, with another bucket or other settings."""
        settings = self.settings.model_copy(update=changes)
        key = signer(str(settings.signing_key))
        self.days = ExportDays(self.documents, self.exports, bucket, key, settings, self._publish)
        self.parts = ExportParts(self.documents, self.exports, bucket, self.days, settings)

    async def _publish(self, topic: str, data: Sequence[bytes]) -> list[str]:
        assert topic == self.settings.export_work_topic
        self.published += data
        return ["published"] * len(data)

    def at(self, text: str) -> None:
        """Let the clock jump to a London time."""
        self.clock.jump_to(london(text))

    async def submit(self, number: int, **changes: Any) -> None:
        """Register an account, or state what it should be from now on."""
        submission = account(number, **changes)

        def decide(known: RegistrationState | None, moment: Moment) -> Decision:
            if known is None or not known.registration.status.live:
                return register(
                    submission, known, self._id(number), moment=moment, fact=_fact(moment), policy=self.settings
                )
            return amend(submission, known, moment=moment, fact=_fact(moment), policy=self.settings)

        await self.apply(number, decide, submission)

    async def apply_due_dates(self, number: int) -> None:
        """Apply the due dates of an account."""
        await self.apply(number, lambda known, moment: apply_due_dates(known, moment=moment, policy=self.settings))

    async def withdraw(self, number: int) -> None:
        """Withdraw an account's registration."""

        def decide(known: RegistrationState | None, moment: Moment) -> Decision:
            assert known is not None
            return withdraw("asked", known, moment=moment, fact=_fact(moment), policy=self.settings)

        await self.apply(number, decide)

    async def apply(self, number: int, decide: Any, submission: RegistrationInput | None = None) -> None:
        """Apply a decision as a request of its own."""
        registration_id = self._id(number)
        origin = Origin(actor="test", source="http", event_id=None, event_time=self.clock.now())
        change_id = f"{registration_id}-{uuid.uuid4().hex}"
        points = submission.supply_points.all() if submission else []
        await self.store.apply(
            ChangeRequest(registration_id, change_id, uuid.uuid4().hex, origin, points), decide, expect_new=False
        )

    def resend(self, actor: str = "an operator") -> Resend:
        """The command `psr export resend`."""
        return Resend(self.service, actor)

    def account_id(self, number: int) -> AccountId:
        """The account of a number."""
        return account(number).account_id

    def _id(self, number: int) -> Any:
        return self.store.registration_id(self.account_id(number))

    async def run(self, text: str) -> dict[str, bytes]:
        """One run of the schedule at a London time, and all the resulting work. Returns every object."""
        await self.schedule(text)
        return self.files()

    async def schedule(self, text: str) -> None:
        """One run of the schedule at a London time, and all the resulting work."""
        slot = london(text)
        if slot > self.clock.now():
            self.clock.jump_to(slot)
        await self.days.advance(slot)
        await self.work()

    async def work(self) -> None:
        """Do the published work, in order, until there is none."""
        while self.published:
            await self.parts.write(self.take())

    def take(self) -> Any:
        """The oldest published work."""
        return PartDue.model_validate_json(self.published.pop(0)).data

    def files(self, prefix: str = "") -> dict[str, bytes]:
        """Every object by name."""
        return {blob.name: blob.download_as_bytes() for blob in self.objects.list_blobs(prefix=prefix)}

    def generations(self) -> dict[str, int]:
        """Every object's generation: it changes whenever the object is written."""
        return {blob.name: int(blob.generation) for blob in self.objects.list_blobs()}

    def download(self, day: date, revision: int) -> Path:
        """A revision's objects as files."""
        name = f"{day}/r{revision}"
        shutil.rmtree(self.folder / "download" / name, ignore_errors=True)
        for blob in self.objects.list_blobs(prefix=f"{name}/"):
            path = self.folder / "download" / blob.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blob.download_as_bytes())
        return self.folder / "download" / name

    def at_networks(self) -> Held:
        """The data of every receiver after applying the files of all released days in order."""
        held: Held = {}
        folders = sorted(name.removesuffix("released") for name in self.files() if name.endswith("/released"))
        for folder in folders:
            for name, content in self.files().items():
                if name.startswith(folder):
                    apply_file(held, name, content)
        return held

    async def released(self) -> list[date]:
        """The released days."""
        stored = await self.documents.page("exports")
        states = [ExportDay.model_validate_json(one.state) for one in stored]
        return [state.day for state in states if state.stage is Stage.RELEASED]

    async def stopped(self, day: date) -> str | None:
        """Why a day has stopped."""
        kept = await self.exports.get(day)
        return kept.state.stopped_because if kept else None

    def child_environment(self) -> dict[str, str]:
        """The environment of a process that is part of this world."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PSR_")}
        return {**inherited, **self.environment}


def apply_file(held: Held, name: str, content: bytes) -> None:
    """Do what a receiver does with a file."""
    if name.endswith(".txt"):
        electricity = d0225.read(content)
        for one in electricity.details:
            _replace(held, electricity.envelope.receiver, one.mpan, one.contact_name, [n.code for n in one.needs])
    elif name.endswith(".csv"):
        gas = register_csv.read(content)
        for other in gas.details:
            _replace(held, gas.envelope.receiver, other.supply_point, other.contact_name, [n.code for n in other.needs])


def _replace(held: Held, receiver: str, point: str, name: str, codes: list[str]) -> None:
    held.pop((receiver, point), None)
    if codes:
        held[receiver, point] = (name, tuple(codes))


def _fact(moment: Moment) -> Fact:
    return Fact(time=moment.now, source="http", id=uuid.uuid4().hex)
