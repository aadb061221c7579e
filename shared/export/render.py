"""Render the feed entries of a part as a file, in the format of the recipient's row."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from hashlib import md5, sha256
from typing import NamedTuple, Protocol

from shared.domain.contacts import Address
from shared.domain.export_day import ExportDay, Part, PartResult, file_id
from shared.domain.feed import FeedEntry, SharedState
from shared.domain.networks import Send
from shared.domain.recipients import (
    UNROUTABLE,
    Recipient,
    Withheld,
    may_know,
    recipients,
    recipients_of,
    why_not_allowed,
)
from shared.domain.supply_points import SupplyPoint, supply_point_of
from shared.export import d0225, register_csv
from shared.export.envelope import Envelope
from shared.settings import Settings


class Heading(NamedTuple):
    """The data for a file's envelope."""

    export_day: ExportDay
    part: Part
    recipient: Recipient
    sender: str
    test_flag: str


class FileWriter(Protocol):
    """Writes one file."""

    @property
    def rows(self) -> int:
        """The number of lines so far, without header and trailer."""

    def add(self, entry: FeedEntry) -> None:
        """Write a supply point that is set or deleted."""

    def file(self) -> bytes:
        """The whole file."""


class Format(NamedTuple):
    """A file format, as the recipient table names it."""

    suffix: str
    content_type: str
    writer: Callable[[Heading], FileWriter]


class _D0225:
    """D0225 version 2, for electricity distributors."""

    def __init__(self, heading: Heading) -> None:
        self._writer = d0225.Writer(_envelope(heading))

    @property
    def rows(self) -> int:
        return self._writer.groups

    def add(self, entry: FeedEntry) -> None:
        mpan = supply_point_of(entry.supply_point)
        if entry.state is None:
            self._writer.add(d0225.Details(mpan, d0225.NAME_DELETED, delete_all=True))
        else:
            self._writer.add(_details(mpan, entry.state))

    def file(self) -> bytes:
        return self._writer.file()


def _details(mpan: str, state: SharedState) -> d0225.Details:
    contact, alternate = state.primary_contact, state.alternate_contact
    lines, postcode = _address(contact.address)
    return d0225.Details(
        mpan=mpan,
        contact_name=contact.name,
        phones=tuple(contact.phones),
        alternate_name=alternate.name if alternate else "",
        alternate_phones=tuple(alternate.phones) if alternate else (),
        premises_lines=tuple(state.premises.address_lines),
        premises_postcode=state.premises.postcode,
        contact_lines=lines,
        contact_postcode=postcode,
        needs=tuple(d0225.Need(need.code, need.ends_on, need.note or "") for need in state.needs),
    )


def _address(address: Address | None) -> tuple[tuple[str, ...], str]:
    return (tuple(address.address_lines), address.postcode) if address else ((), "")


class _Csv:
    """The register as CSV, for all other recipients."""

    def __init__(self, heading: Heading) -> None:
        self._writer = register_csv.Writer(_envelope(heading))

    @property
    def rows(self) -> int:
        return self._writer.rows

    def add(self, entry: FeedEntry) -> None:
        point = supply_point_of(entry.supply_point)
        self._writer.add(_csv_details(point, entry.state) if entry.state else register_csv.Details(point))

    def file(self) -> bytes:
        return self._writer.file()


def _csv_details(point: SupplyPoint, state: SharedState) -> register_csv.Details:
    contact, alternate = state.primary_contact, state.alternate_contact
    return register_csv.Details(
        supply_point=point,
        contact_name=contact.name,
        phones=tuple(contact.phones),
        alternate_name=alternate.name if alternate else "",
        alternate_phones=tuple(alternate.phones) if alternate else (),
        premises=register_csv.Address(*_address(state.premises)),
        contact=register_csv.Address(*_address(contact.address)),
        needs=tuple(register_csv.Need(need.code, need.ends_on, need.note or "") for need in state.needs),
    )


def _envelope(heading: Heading) -> Envelope:
    return Envelope(
        file_id=file_id(
            heading.export_day.day, heading.recipient.file_code, heading.part.number, heading.export_day.revision
        ),
        sender=heading.sender,
        receiver=heading.recipient.recipient_id,
        created_at=heading.export_day.created_at,
        test_flag=heading.test_flag,
    )


FORMATS = {
    "D0225": Format("txt", "text/plain; charset=us-ascii", _D0225),
    "csv": Format("csv", "text/csv; charset=utf-8; header=present", _Csv),
}


def format_of(recipient: str) -> Format:
    """The format of a recipient's files."""
    return FORMATS[recipients()[recipient].profile.format]


def path_of(part: Part) -> str:
    """The path of a part's file in its revision's folder: `D0225/EELC-1.txt`, `gas/SHPR-1.csv`."""
    profile = recipients()[part.recipient].profile
    return f"{profile.folder}/{part.name}.{FORMATS[profile.format].suffix}"


def _allowed(entry: FeedEntry, recipient: Recipient) -> FeedEntry:
    """An entry without needs that the recipient may not see, because its row has changed since the entry was made."""
    if entry.state is None or all(may_know(need.code, recipient) for need in entry.state.needs):
        return entry
    needs = [need for need in entry.state.needs if may_know(need.code, recipient)]
    return entry.model_copy(update={"state": entry.state.model_copy(update={"needs": needs})})


class PartFile:
    """Renders the file of one part, and counts the entries that are sent and withheld."""

    def __init__(self, export_day: ExportDay, part: Part, settings: Settings) -> None:
        self._recipient = recipients()[part.recipient]
        heading = Heading(export_day, part, self._recipient, str(settings.supplier_mpid), settings.test_data_flag)
        self._part = part
        self._routable = part.recipient != UNROUTABLE
        self._writer = format_of(part.recipient).writer(heading)
        self._sends: Counter[Send] = Counter()
        self._withheld: Counter[Withheld] = Counter()

    def add(self, entry: FeedEntry) -> None:
        """Add one feed entry of the part. A set has only the needs that the recipient's row allows, or is withheld."""
        withheld = self._why_withheld(entry)
        if withheld is not None:
            self._withheld[withheld] += 1
            return
        self._writer.add(_allowed(entry, self._recipient))
        self._sends[entry.send] += 1

    def _why_withheld(self, entry: FeedEntry) -> Withheld | None:
        """The reason for which an entry is withheld; None if it is sent."""
        state = entry.state
        if entry.send is not Send.SET or state is None:
            return entry.withheld if entry.send is Send.NOTHING or not self._routable else None
        if not self._routable:
            return Withheld.UNROUTABLE
        if self._recipient not in recipients_of(supply_point_of(entry.supply_point), state.premises.postcode):
            return Withheld.NOT_ITS_AREA
        return why_not_allowed(state.ground, (need.code for need in state.needs), self._recipient)

    def finish(self) -> tuple[bytes | None, PartResult]:
        """The file (None if no entry is sent) and the part's result."""
        content = self._writer.file() if self._sends else None
        return content, PartResult(
            sets=self._sends[Send.SET],
            deletes=self._sends[Send.DELETE],
            withheld=dict(sorted(self._withheld.items())),
            rows=self._writer.rows,
            bytes=len(content) if content else 0,
            path=path_of(self._part) if content else None,
            sha256=sha256(content).hexdigest() if content else None,
            md5=b64encode(md5(content, usedforsecurity=False).digest()).decode() if content else None,
        )
