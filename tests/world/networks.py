"""What each network should hold of us after each day's files, by docs/export.md.

A network begins with entries that are not ours: it learnt them from the customer, or another supplier told it. A `set`
makes an entry ours; nothing of ours may wipe one that is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from tests.world import files
from tests.world.files import Entry, Place
from tests.world.tables import EVERYBODY, Tables

#: The first day of every example, a Monday.
FIRST_DAY = date(2026, 11, 23)
NOT_OURS = "not ours"


class Told(NamedTuple):
    """What a network should be told of a supply point, and of whom."""

    name: str
    codes: tuple[str, ...]
    basis: str
    account: str


@dataclass
class Networks:
    """`days` has the last thing that each day's file should say, `should` what each network should hold by now.

    `NOT_OURS` stands where nothing of ours is or was, None where we have deleted.
    """

    days: dict[date, dict[Place, Told | None]] = field(default_factory=dict)
    #: By day and place: the accounts that have left it since another supplier serves it, which tells the network.
    lost: dict[date, dict[Place, set[str]]] = field(default_factory=dict)
    should: dict[Place, Entry | str | None] = field(default_factory=dict)
    #: Of whom that is.
    whose: dict[Place, str] = field(default_factory=dict)
    #: What networks hold, after every file that has reached them; and before those of each day.
    are: dict[Place, Entry | str | None] = field(default_factory=dict)
    were: dict[Place, Entry | str | None] = field(default_factory=dict)
    #: Who has not got a file, until the day that tells it again.
    missed: dict[str, date] = field(default_factory=dict)
    released: date = FIRST_DAY - timedelta(days=1)
    #: Where a table changed between a change and its file: what the network had may stay, or go.
    unsure: set[Place] = field(default_factory=set)

    def tell(self, point: str, recipients: set[str], state: Told | None, tables: Tables, day: date) -> None:
        """A supply point's holder has changed, or is told again: only these recipients should have it.

        Who has no row in the table now keeps what it has, but is not told today of what nobody holds any more.
        """
        entries, rows = self.days.setdefault(day, {}), tables.rows()
        for recipient in EVERYBODY:
            wanted = state if state and recipient in recipients else None
            codes = _allowed(wanted, recipient, tables) if wanted else ()
            if recipient in rows or (not recipients and (recipient, point) in entries):
                entries[recipient, point] = wanted._replace(codes=codes) if wanted and codes else None

    def left(self, point: str, account: str, day: date, *, lost: bool) -> None:
        """An account has left a supply point, since it lost it or otherwise; or has it."""
        for recipient in EVERYBODY:
            accounts = self.lost.setdefault(day, {}).setdefault((recipient, point), set())
            (accounts.add if lost else accounts.discard)(account)

    def tell_of_what_is_left(self, points: set[str], tables: Tables, day: date) -> None:
        """What networks still hold of supply points that nobody has is to be deleted."""
        entries = self.days.setdefault(day, {})
        for recipient in tables.rows():
            for point in points:
                if self.should.get((recipient, point), NOT_OURS) not in (NOT_OURS, None):
                    entries[recipient, point] = None

    def release(self, day: date, content: Mapping[str, bytes], tables: Tables) -> list[str]:
        """The day's files are out, and reach the networks. How those differ then from what they should hold."""
        told_by_others = self._should_after(day, tables)
        self.were = self.are | dict.fromkeys(told_by_others, NOT_OURS)
        self.are = files.after(self.were, content)
        self.released = day
        self.missed = {recipient: until for recipient, until in self.missed.items() if until > day}
        return [
            f"after the files of {day:%d}, {place[0]} should hold of {place[1]}: {should}, and holds: {holds}"
            for place in sorted({*self.should, *self.are})
            if (should := self.should.get(place, NOT_OURS)) != (holds := self.are.get(place, NOT_OURS))
            and place[0] not in self.missed
            and not (place in self.unsure and holds in (should, None, NOT_OURS))
        ]

    def _should_after(self, day: date, tables: Tables) -> list[Place]:
        """What networks should hold after a day; where another supplier tells them, and we must not."""
        told_by_others = []
        entries, lost = self.days.get(day, {}), self.lost.get(day, {})
        for place in {*entries, *lost}:
            entry = entries.get(place)
            if entry and (codes := _allowed(entry, place[0], tables)):
                self.should[place], self.whose[place] = (entry.name, codes), entry.account
                self.unsure.discard(place)
            elif entry:
                self.unsure.add(place)
                if place[0] in self.missed:
                    self.should[place] = self.are.get(place, NOT_OURS)
            else:
                lost_by = lost.get(place, set())
                ours = self.should.get(place, NOT_OURS) not in (NOT_OURS, None)
                if lost_by and (not ours or self.whose[place] in lost_by):
                    self.should[place] = NOT_OURS
                    told_by_others.append(place)
                elif ours and place in entries:
                    self.should[place] = None
        return told_by_others

    def lose_file(self, recipient: str, today: date) -> date:
        """A network has not got its file of the newest day, and is told again in today's. Which day that was."""
        theirs = {place: entry for place, entry in self.were.items() if place[0] == recipient}
        self.are = {place: entry for place, entry in self.are.items() if place[0] != recipient} | theirs
        self.missed[recipient] = today
        return self.released

    def sets(self, day: date) -> set[Place]:
        """What a day's files set."""
        return {place for place, entry in self.days.get(day, {}).items() if entry}


def _allowed(told: Told, recipient: str, tables: Tables) -> tuple[str, ...]:
    """The codes that a recipient may know; none without a lawful basis."""
    row = tables.rows().get(recipient)
    if row is None or row.former or told.basis not in row.bases:
        return ()
    return tuple(code for code in told.codes if row.codes is None or code in row.codes)
