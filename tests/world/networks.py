"""The entries that each network should have from us after each day's files, by docs/export.md.

At first a network's entries are not ours: it got them from the customer or from another supplier. A `set` makes an
entry ours. Our files must not delete an entry that is not ours.
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


class Shared(NamedTuple):
    """The data about a supply point that a network should get, and the account that it is about."""

    name: str
    codes: tuple[str, ...]
    basis: str
    account: str


@dataclass
class Networks:
    """`days` has the newest state for each day's file, `should` the entries that each network should have by now.

    `NOT_OURS`: we have never set the entry. None: we have deleted it.
    """

    days: dict[date, dict[Place, Shared | None]] = field(default_factory=dict)
    #: By day and place: the accounts that left it because another supplier serves it and sends its own entry.
    lost: dict[date, dict[Place, set[str]]] = field(default_factory=dict)
    should: dict[Place, Entry | str | None] = field(default_factory=dict)
    #: The account of each entry.
    whose: dict[Place, str] = field(default_factory=dict)
    #: The entries that networks have after every file that reached them (`are`), and before the newest day's (`were`).
    are: dict[Place, Entry | str | None] = field(default_factory=dict)
    were: dict[Place, Entry | str | None] = field(default_factory=dict)
    #: Networks that did not get a file, each with the day whose file sends it again.
    missed: dict[str, date] = field(default_factory=dict)
    released: date = FIRST_DAY - timedelta(days=1)
    #: A table changed between a change and its file: the network's old entry may stay, or be deleted.
    unsure: set[Place] = field(default_factory=set)

    def send(self, point: str, recipients: set[str], state: Shared | None, tables: Tables, day: date) -> None:
        """A supply point's registration has changed, or is sent again: only these recipients should have it.

        A recipient without a row in the table keeps its entry, but gets nothing today about a released supply point.
        """
        entries, rows = self.days.setdefault(day, {}), tables.rows()
        for recipient in EVERYBODY:
            wanted = state if state and recipient in recipients else None
            codes = _allowed(wanted, recipient, tables) if wanted else ()
            if recipient in rows or (not recipients and (recipient, point) in entries):
                entries[recipient, point] = wanted._replace(codes=codes) if wanted and codes else None

    def left(self, point: str, account: str, day: date, *, lost: bool) -> None:
        """Note whether an account has left a supply point because it lost it."""
        for recipient in EVERYBODY:
            accounts = self.lost.setdefault(day, {}).setdefault((recipient, point), set())
            (accounts.add if lost else accounts.discard)(account)

    def delete_leftovers(self, points: set[str], tables: Tables, day: date) -> None:
        """Delete the entries that networks still have of supply points without a registration."""
        entries = self.days.setdefault(day, {})
        for recipient in tables.rows():
            for point in points:
                if self.should.get((recipient, point), NOT_OURS) not in (NOT_OURS, None):
                    entries[recipient, point] = None

    def release(self, day: date, content: Mapping[str, bytes], tables: Tables) -> list[str]:
        """Release the day's files to the networks. Returns how their entries differ from the expected ones."""
        set_by_others = self._should_after(day, tables)
        self.were = self.are | dict.fromkeys(set_by_others, NOT_OURS)
        self.are = files.after(self.were, content)
        self.released = day
        self.missed = {recipient: until for recipient, until in self.missed.items() if until > day}
        return [
            f"after the files of {day:%d}, {place[0]} should have for {place[1]}: {should}, and has: {holds}"
            for place in sorted({*self.should, *self.are})
            if (should := self.should.get(place, NOT_OURS)) != (holds := self.are.get(place, NOT_OURS))
            and place[0] not in self.missed
            and not (place in self.unsure and holds in (should, None, NOT_OURS))
        ]

    def _should_after(self, day: date, tables: Tables) -> list[Place]:
        """Update `should` for a day. Returns the places where another supplier sends its own entry."""
        set_by_others = []
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
                    set_by_others.append(place)
                elif ours and place in entries:
                    self.should[place] = None
        return set_by_others

    def lose_file(self, recipient: str, today: date) -> date:
        """A network did not get its file of the newest day. Today's file sends it again. Returns the newest day."""
        theirs = {place: entry for place, entry in self.were.items() if place[0] == recipient}
        self.are = {place: entry for place, entry in self.are.items() if place[0] != recipient} | theirs
        self.missed[recipient] = today
        return self.released

    def sets(self, day: date) -> set[Place]:
        """The places that a day's files set."""
        return {place for place, entry in self.days.get(day, {}).items() if entry}


def _allowed(shared: Shared, recipient: str, tables: Tables) -> tuple[str, ...]:
    """The codes that a recipient may know; none without a lawful basis."""
    row = tables.rows().get(recipient)
    if row is None or row.former or shared.basis not in row.bases:
        return ()
    return tuple(code for code in shared.codes if row.codes is None or code in row.codes)
