"""The work message of the export: one part of one day's revision."""

from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime

from shared.domain.export_day import ExportDay, Part
from shared.domain.registration import AccountId
from shared.messages.events import CloudEvent
from shared.model import Model


class PartWork(Model):
    """Which part to write. `slot` is the schedule time that the day closed by."""

    day: date
    revision: int
    recipient: str
    part: int
    slot: AwareDatetime


class PartDue(CloudEvent):
    """`subject` names the part; nobody's account is meant."""

    type: Literal["uk.psr.export.part.v1"]
    data: PartWork


def part_due(plan: ExportDay, part: Part, slot: datetime) -> PartDue:
    """The event that asks for a part; the same event however often it is published."""
    name = f"{plan.day}/r{plan.revision}/{part.recipient}/{part.number}"
    return PartDue(
        specversion="1.0",
        type="uk.psr.export.part.v1",
        source="uk.psr.export",
        id=name,
        time=plan.created_at,
        subject=AccountId(name),
        data=PartWork(day=plan.day, revision=plan.revision, recipient=part.recipient, part=part.number, slot=slot),
    )
