"""Feed entries, and a day made of them without a database."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from shared.clock import day_closes
from shared.domain.contacts import Address, Contact
from shared.domain.export_day import RENDERER_VERSION, ExportDay, Part, Stage
from shared.domain.feed import FeedEntry, SharedNeed, SharedState
from shared.domain.needs import NeedCode
from shared.domain.networks import Send
from shared.domain.recipients import Withheld
from shared.domain.registration import RegistrationId
from shared.domain.sharing import Article9Condition
from shared.export.day_manifest import DayManifest, day_manifest_of
from shared.export.render import PartFile, path_of
from shared.settings import Settings
from tools.local.sample import mpan, mprn

DAY = date(2026, 11, 23)
SETTINGS = Settings(project="p", identity_key="A" * 43 + "=", supplier_mpid="SUPP")


def sent(number: int, recipient: str = "EELC", day: date = DAY) -> FeedEntry:
    point = f"mprn:{mprn(number)}" if recipient == "SHPR" else f"mpan:{mpan('10', number)}"
    shared = SharedState(
        basis=Article9Condition.EXPLICIT_CONSENT,
        primary_contact=Contact(name=f"Person {number}", phones=["07700900123"]),
        alternate_contact=None,
        premises=Address(address_lines=[f"{number} Test Street", "Testtown"], postcode="BS1 4DJ"),
        needs=[SharedNeed(code=NeedCode("02"), ends_on=None, note=None)],
    )
    return FeedEntry(
        supply_point=point,
        recipient=recipient,
        day=day,
        send=Send.SET,
        state=shared,
        registration_id=RegistrationId(f"registration {number}"),
        version=1,
    )


def deleted(number: int, recipient: str = "EELC") -> FeedEntry:
    changes: dict[str, Any] = {"send": Send.DELETE, "withheld": Withheld.RELEASED, "state": None}
    return sent(number, recipient).model_copy(update=changes)


def withheld(number: int, reason: Withheld, recipient: str = "EELC") -> FeedEntry:
    changes: dict[str, Any] = {"send": Send.NOTHING, "withheld": reason, "state": None}
    return sent(number, recipient).model_copy(update=changes)


def export_day(*parts: Sequence[FeedEntry]) -> tuple[ExportDay, list[Part], dict[str, bytes]]:
    """A day, these parts of it written, and their files by path. Each part's entries are of one recipient."""
    numbers: dict[str, int] = {}
    plan = ExportDay(
        day=DAY,
        revision=1,
        created_at=datetime(2026, 11, 24, 2, 5, tzinfo=UTC),
        closed_at=day_closes(DAY),
        renderer=RENDERER_VERSION,
        configuration="c",
        counted=sum(map(len, parts)),
        recipients=sorted({entries[0].recipient for entries in parts}),
        parts=len(parts),
        stage=Stage.PLANNED,
    )
    written = []
    files = {}
    for entries in parts:
        recipient = entries[0].recipient
        number = numbers[recipient] = numbers.get(recipient, 0) + 1
        part = Part(recipient=recipient, number=number, from_id=None, before_id=None, counted=len(entries))
        file = PartFile(plan, part, SETTINGS)
        for entry in entries:
            file.add(entry)
        content, result = file.finish()
        if content is not None:
            files[path_of(part)] = content
        written.append(part.model_copy(update={"result": result}))
    return plan, written, files


def manifest(plan: ExportDay, parts: Sequence[Part]) -> DayManifest:
    return day_manifest_of(plan, parts, "SUPP")
