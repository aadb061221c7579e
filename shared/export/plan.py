"""The plan of a day's export and what came of it: pure models and rules. `shared.store.exports` keeps it.

A part is a range of feed document ids of one recipient. Parts, the one creation time and the versions are fixed when
the day is planned, so every file is a pure function of the plan and of the closed day's feed, whoever writes it when.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Self

from shared.data import text
from shared.digest import digest
from shared.domain.recipients import Withheld
from shared.errors import Disposition, Problem
from shared.model import Model
from shared.settings import Settings

#: Raised by one whenever the bytes of any file would change for the same feed; a day not yet released is made anew.
RENDERER_VERSION = 1
#: Limits of a part. A feed entry's JSON text is longer than its lines in any file, so a file stays under 8 MiB too,
#: which is what one upload request may hold.
PART_SUPPLY_POINTS = 20_000
PART_BYTES = 8 * 1024 * 1024 - 4096
#: A file id has one base 36 digit for the part and one for the revision, both counted from 1.
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
HIGHEST = len(_DIGITS) - 1


class ExportStopped(Problem):
    """A day cannot be exported as it is. The sentence says what is true and what to do; it is kept with the day."""

    code, status, title, disposition = "export-stopped", 500, "The export of a day has stopped", Disposition.RETRIED
    detail = "`ops export status` says why, and what to do."

    def __init__(self, day: date, sentence: str) -> None:
        super().__init__()
        self.day = day
        self.sentence = sentence


class Stage(StrEnum):
    """How far a day is. Until it is `released`, every later one waits.

    Of an `unplanned` one only the reason is known; `held` waits for `ops export release`; of one that is `releasing` no
    other revision starts any more.
    """

    UNPLANNED = "unplanned"
    PLANNED = "planned"
    HELD = "held"
    RELEASING = "releasing"
    RELEASED = "released"


class PartResult(Model):
    """What a part's worker wrote. `rows` are the file's lines without header and trailer; no file if none."""

    sets: int
    deletes: int
    withheld: dict[Withheld, int]
    rows: int
    bytes: int
    sha256: str | None

    @property
    def written(self) -> int:
        """Supply points in the file."""
        return self.sets + self.deletes


class Part(Model):
    """A range of a recipient's feed: from `from_id` to before `before_id`; None is an open end."""

    recipient: str
    number: int
    from_id: str | None
    before_id: str | None
    counted: int
    result: PartResult | None = None


class ExportDay(Model):
    """A day's plan and progress. `created_at` (UTC, whole seconds) stands in every header.

    `counted` is the whole day's count, by aggregation; a part's `counted` was found by reading its ids. Reasons:
    `held_because` is the gate's, `stopped_because` that of the last attempt, `released_because` an operator's. A feed
    entry written later than `closed_at` stops the day.
    """

    day: date
    revision: int
    created_at: datetime
    closed_at: datetime
    renderer: int
    configuration: str
    counted: int
    parts: list[Part]
    stage: Stage = Stage.PLANNED
    manifest_sha256: str | None = None
    held_because: str | None = None
    stopped_because: str | None = None
    released_because: str | None = None
    released_at: datetime | None = None

    @property
    def decided(self) -> bool:
        """Whether this revision is the one that is sent."""
        return self.stage in (Stage.RELEASING, Stage.RELEASED)

    @property
    def missing(self) -> list[Part]:
        """The parts that nobody has written yet."""
        return [part for part in self.parts if part.result is None]

    def made_like(self, configuration: str) -> bool:
        """Whether the code and the tables of this process would make the same files."""
        made_alike = (self.renderer, self.configuration) == (RENDERER_VERSION, configuration)
        return made_alike and self.stage is not Stage.UNPLANNED

    def part(self, recipient: str, number: int) -> Part | None:
        """A part of the plan."""
        return next((part for part in self.parts if (part.recipient, part.number) == (recipient, number)), None)

    def with_result(self, done: Part, result: PartResult) -> Self:
        """The same with a part's result."""
        parts = [part.model_copy(update={"result": result}) if part == done else part for part in self.parts]
        return self.model_copy(update={"parts": parts})


class Cut:
    """Cuts a recipient's entries, told in order of id, into parts that together hold every entry once."""

    def __init__(self, recipient: str) -> None:
        self._recipient = recipient
        self._parts: list[Part] = []
        self._from_id: str | None = None
        self._counted = 0
        self._bytes = 0

    def add(self, document_id: str, size: int) -> None:
        """Take the next entry; `size` is that of its JSON text in bytes."""
        full = self._counted == PART_SUPPLY_POINTS or self._bytes + size > PART_BYTES
        if self._counted and full:
            self._end(document_id)
        self._counted += 1
        self._bytes += size

    def parts(self) -> list[Part]:
        """Every part, once all entries are told."""
        if self._counted:
            self._end(None)
        return self._parts

    def _end(self, before_id: str | None) -> None:
        self._parts.append(
            Part(
                recipient=self._recipient,
                number=len(self._parts) + 1,
                from_id=self._from_id,
                before_id=before_id,
                counted=self._counted,
            )
        )
        self._from_id, self._counted, self._bytes = before_id, 0, 0


def file_id(day: date, file_code: str, part: int, revision: int) -> str:
    """DTC J1064, CHAR(10), unique for the sender: `2611231011` is part 1 of revision 1 for distributor 10."""
    return f"{day:%y%m%d}{file_code}{_DIGITS[part]}{_DIGITS[revision]}"


def folder(day: date, revision: int) -> str:
    """Where a revision's objects are in the bucket."""
    return f"{day.isoformat()}/r{revision}"


def configuration_of(settings: Settings) -> str:
    """A fingerprint of what files depend on besides the feed: the tables of recipients, and this supplier's name."""
    return digest(
        text("recipients.csv"), text("distributors.csv"), str(settings.supplier_mpid), settings.test_data_flag
    )
