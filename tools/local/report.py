"""The tour's tables."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from shared.domain.needs import labels

#: The groups of a D0225 file, and their values in order.
_GROUPS = {
    "ZHV": "header: file id, flow, sender (role, id), receiver (role, id), time, 3 empty values, test data flag",
    "510": (
        "supply point: MPAN, contact's name, 2 phones, alternate contact's name, 2 phones, 9 address lines, postcode, "
        "9 contact address lines, contact postcode, lawful basis, delete all"
    ),
    "99C": "need of the supply point above: code, last day, note",
    "ZPT": "trailer: file id, groups, an empty value, supply points, time",
}


def tables_of(figures: dict[str, Any]) -> list[Table]:
    """Messages and registrations, parts of a sum indented below it; and the supply points of each recipient."""
    return [_counts(figures), _recipients(figures["export"])]


def legend_of(lines: Sequence[str]) -> Table:
    """The values of the groups of a D0225 file, and the labels of the needs codes in these lines."""
    table = Table("In the file", "Meaning", show_edge=False)
    for group, values in _GROUPS.items():
        table.add_row(group, values)
    table.add_section()
    for code in sorted({line.split("|")[1] for line in lines if line.startswith("99C|")}):
        table.add_row(f"99C|{code}", next(iter(labels()[code].values())))
    return table


def _counts(figures: dict[str, Any]) -> Table:
    table = Table("What", "Count", title=f"{figures['day']}, toured in {figures['seconds']} s")
    table.columns[1].justify = "right"
    messages = figures["messages"]
    quarantined = messages["quarantined"]
    statuses = figures["registrations"]["by_status"]
    _row(table, "messages published", messages["published"])
    for name in ("applied", "duplicates", "stale"):
        _row(table, f"  {name}", messages[name])
    _row(table, "  quarantined", sum(quarantined.values()))
    for reason, count in quarantined.items():
        _row(table, f"    {reason}", count)
    table.add_section()
    _row(table, "registrations", sum(statuses.values()))
    for status, count in statuses.items():
        _row(table, f"  {status}", count)
    _row(table, "  of these over HTTP", figures["registrations"]["over_http"])
    table.add_section()
    _row(table, "log lines", figures["log"]["lines"])
    _row(table, "  outside the catalogue of events", figures["log"]["outside"])
    return table


def _recipients(export: dict[str, Any]) -> Table:
    table = Table("Recipient", "Supply points", "Exported", "Withheld", title=f"{export['files']} files")
    table.columns[1].justify = table.columns[2].justify = "right"
    for recipient, counts in export["recipients"].items():
        withheld = ", ".join(f"{count} {reason}" for reason, count in counts["withheld"].items())
        table.add_row(recipient, f"{counts['counted']:,}", f"{counts['exported']:,}", withheld)
    table.add_section()
    exported = sum(counts["exported"] for counts in export["recipients"].values())
    table.add_row(
        "together", f"{export['supply_points']:,}", f"{exported:,}", f"{export['supply_points'] - exported:,}"
    )
    return table


def _row(table: Table, what: str, count: int) -> None:
    table.add_row(what, f"{count:,}")
