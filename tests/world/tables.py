"""The tables of recipients, distributors and codes, as they are now: the service reads them, and the model knows them.

A change of a table is a new release of the service, so it happens between steps.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import shared.data

ALL_BASES = frozenset({"explicit_consent", "substantial_public_interest", "vital_interests"})
PARTNER = "PART"
SHIPPER = "SHPR"
#: Every recipient that is or was in the table.
EVERYBODY = ("EELC", "EPNX", "LOND", PARTNER, SHIPPER)
#: A word that old platforms use, which the table may learn.
LEGACY_WORD = "flux capacitor"


class Row(NamedTuple):
    """The data that a recipient may have. `codes` None means all. A `former` recipient gets only deletes."""

    codes: frozenset[str] | None
    bases: frozenset[str]
    former: bool = False


class Tables(NamedTuple):
    """The tables. `partner` has the area partner's codes, None where it has no row."""

    partner: str | None = "02 08"
    eastern: str = "EELC"
    retired: bool = False
    learnt: bool = False

    @property
    def complete(self) -> bool:
        """Whether every recipient that may have an entry is in the table."""
        return self.partner is not None

    def rows(self) -> Mapping[str, Row]:
        """The rows of the table, by recipient."""
        rows = {name: Row(None, ALL_BASES) for name in (self.eastern, "LOND", SHIPPER)}
        if self.eastern != "EELC":
            rows["EELC"] = Row(None, ALL_BASES, former=True)
        if self.partner is not None:
            rows[PARTNER] = Row(frozenset(self.partner.split()), frozenset({"explicit_consent"}))
        return rows

    def recipients_of(self, point: str, area: str) -> set[str]:
        """The recipients of a supply point at a home in an area."""
        fuel, _, number = point.partition(":")
        if fuel == "mprn":
            return {SHIPPER}
        partner = {PARTNER} if area == "BS" and self.partner is not None else set()
        return {self.eastern if number.startswith("10") else "LOND"} | partner

    def write(self, folder: Path) -> None:
        """Write the tables that differ from those of the service."""
        for name, change in (
            ("recipients.csv", self._recipients),
            ("distributors.csv", lambda text: text.replace("10,EELC,", f"10,{self.eastern},")),
            ("needs.csv", self._needs),
            ("legacy_needs.csv", lambda text: text + (f"{LEGACY_WORD},02\n" if self.learnt else "")),
        ):
            (folder / name).write_text(change(_ORIGINAL.joinpath(name).read_text(encoding="utf-8")), encoding="utf-8")

    def _recipients(self, text: str) -> str:
        if self.partner is not None:
            columns = f"{PARTNER},PP,partner,csv,{self.partner},explicit_consent"
            text += f"area partner,restoration,mpan,postcode_areas BS,{columns}\n"
        if self.eastern != "EELC":
            text += "former MPIDs,deletes,mpan,former,EELC,XE,D0225,D0225,,\n"
        return text

    def _needs(self, text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join(_retired(line) if self.retired and line.startswith("08,") else line for line in lines)


def _retired(row: str) -> str:
    """A code's row with `yes` in its last column, `retired`."""
    return f"{row.rpartition(',')[0]},yes\n"


_ORIGINAL = Path(shared.data.__file__).parent
