"""The plan of a day's export and its results: pure models and rules. `shared.store.exports` keeps them.

A part is a range of feed document ids of one recipient. Parts, the one creation time and the versions are fixed when
the day is planned, so every file is a pure function of the plan and of the closed day's feed: any worker writes the
same, at any time.
"""

from datetime import date, datetime
from enum import StrEnum

from shared.digest import digest
from shared.domain.recipients import Withheld, tables
from shared.errors import Disposition, Problem
from shared.model import Model

#: Raised by one whenever the bytes of any file would change for the same feed; a day not yet released is made again.
RENDERER_VERSION = 1
#: Limits of a part. A feed entry's size bounds its lines in any file, so a file stays under 8 MiB too: what one upload
#: request may hold.
PART_SUPPLY_POINTS = 20_000
PART_BYTES = 8 * 1024 * 1024 - 4096
#: A file id has base 36 digits: three for the day, three for the part, two for the revision (both counted from 1).
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DAYS_FROM = date(2020, 1, 1)
HIGHEST_PART = 36**3 - 1
HIGHEST_REVISION = 36**2 - 1


class ExportStopped(Problem):
    """A day cannot be exported as it is. The sentence says what is true and what to do; it is kept with the day."""

    code, status, title, disposition = "export-stopped", 500, "The export of a day has stopped", Disposition.RETRIED
    detail = "`psr export status` says why, and what to do."

    def __init__(self, day: date, sentence: str) -> None:
        super().__init__()
        self.day = day
        self.sentence = sentence


class Stage(StrEnum):
    """How far a day is. Until it is `released`, every later one waits.

    Of an `unplanned` one only the reason is known. Of one in `planning` some parts are stored; the next run continues.
    `held` waits for `psr export release`, `revised` for the run that plans the next revision. Once a day is `releasing`
    no other revision starts.
    """

    UNPLANNED = "unplanned"
    PLANNING = "planning"
    PLANNED = "planned"
    HELD = "held"
    REVISED = "revised"
    RELEASING = "releasing"
    RELEASED = "released"


class PartResult(Model):
    """The result of a part's worker. `rows` are the file's lines without header and trailer.

    Without a supply point to set or delete there is no file, and `path` (within the revision's folder), `sha256` and
    `md5` are None. `md5` is in Base64, the form in which Cloud Storage states it for each object.
    """

    sets: int
    deletes: int
    withheld: dict[Withheld, int]
    rows: int
    bytes: int
    path: str | None
    sha256: str | None
    md5: str | None

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

    @property
    def name(self) -> str:
        """The part's name within its day: `EELC-1`."""
        return f"{self.recipient}-{self.number}"


class Sums(Model):
    """A day's results, all recipients together. `unroutable` counts sets whose network nobody knows."""

    files: int
    sets: int
    deletes: int
    unroutable: int

    @property
    def written(self) -> int:
        """Supply points in all files."""
        return self.sets + self.deletes


class ExportDay(Model):
    """A day's plan and progress; its parts are stored one by one. `created_at` (UTC, whole seconds) is in every header.

    `counted` is the whole day's count, by aggregation; a part's `counted` was found by reading its ids. The feed has
    entries for `recipients`; `parts` is how many parts there are, once all are stored; `sums` is known once all are
    written.
    Reasons: `held_because` is the gate's, `stopped_because` that of the last attempt, `released_because` an operator's.
    A feed entry written later than `closed_at` stops the day.
    """

    day: date
    revision: int
    created_at: datetime
    closed_at: datetime
    renderer: int
    configuration: str
    counted: int
    recipients: list[str]
    parts: int = 0
    sums: Sums | None = None
    stage: Stage = Stage.PLANNING
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
    def planned(self) -> bool:
        """Whether every part of this revision is stored, and the revision still wanted."""
        return self.stage in (Stage.PLANNED, Stage.HELD) or self.decided

    def made_like(self, configuration: str) -> bool:
        """Whether the code and the tables of this process would make the same files."""
        made_alike = (self.renderer, self.configuration) == (RENDERER_VERSION, configuration)
        return made_alike and self.stage not in (Stage.UNPLANNED, Stage.REVISED)


class Cut:
    """Cuts a recipient's entries, given in order of id, into parts that together hold every entry once.

    `last` is the last part that is known already; cutting continues after it.
    """

    def __init__(self, recipient: str, last: Part | None = None) -> None:
        self._recipient = recipient
        self._number = last.number if last else 0
        self._from_id = last.before_id if last else None
        self._counted = 0
        self._bytes = 0

    def add(self, document_id: str, size: int) -> Part | None:
        """Take the next entry, whose lines have at most `size` bytes in any file; the part that it ends, if it does."""
        full = self._counted == PART_SUPPLY_POINTS or self._bytes + size > PART_BYTES
        ended = self._end(document_id) if self._counted and full else None
        self._counted += 1
        self._bytes += size
        return ended

    def end(self) -> Part | None:
        """The last part, once all entries are taken; None if there was no entry."""
        return self._end(None) if self._counted else None

    def _end(self, before_id: str | None) -> Part:
        self._number += 1
        part = Part(
            recipient=self._recipient,
            number=self._number,
            from_id=self._from_id,
            before_id=before_id,
            counted=self._counted,
        )
        self._from_id, self._counted, self._bytes = before_id, 0, 0
        return part


def file_id(day: date, file_code: str, part: int, revision: int) -> str:
    """DTC J1064, CHAR(10), unique for the sender: `1XY1000101` is part 1, revision 1 of 2026-11-23 for distributor 10.

    Raises `ValueError` beyond `HIGHEST_PART` and `HIGHEST_REVISION`.
    """
    return f"{_base36((day - _DAYS_FROM).days, 3)}{file_code}{_base36(part, 3)}{_base36(revision, 2)}"


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    if number:
        raise ValueError(f"does not fit into {width} base 36 digits")
    return digits


def folder(day: date, revision: int) -> str:
    """Where a revision's objects are in the bucket."""
    return f"{day.isoformat()}/r{revision}"


def configuration_of(supplier_mpid: str | None, test_data_flag: str) -> str:
    """A fingerprint of what files depend on besides the feed: the recipient tables, and this supplier's name."""
    return digest(tables(), str(supplier_mpid), test_data_flag)
