"""The work message of the export: one part of a revision of a day."""

from datetime import date, datetime
from typing import Literal

from pydantic import AwareDatetime

from shared.domain.export_day import ExportDay, Part
from shared.domain.registration import AccountId
from shared.messages.events import CloudEvent
from shared.model import Model


class PartWork(Model):
    """The part to write. `slot` is the schedule time of the run that requested it."""

    day: date
    revision: int
    recipient: str
    part: int
    slot: AwareDatetime


class PartDue(CloudEvent):
    """A part is due. `subject` names the part, not an account."""

    type: Literal["uk.psr.export.part.v1"]
    data: PartWork


def part_due(export_day: ExportDay, part: Part, slot: datetime) -> PartDue:
    """The event that requests a part. Its id is the same each time."""
    day, revision = export_day.day, export_day.revision
    name = f"{day}/r{revision}/{part.recipient}/{part.number}"
    return PartDue(
        specversion="1.0",
        type="uk.psr.export.part.v1",
        source="uk.psr.export",
        id=name,
        time=export_day.created_at,
        subject=AccountId(name),
        data=PartWork(day=day, revision=revision, recipient=part.recipient, part=part.number, slot=slot),
    )
