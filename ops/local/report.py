"""The tour's table."""

from typing import Any

from rich.table import Table


def table_of(figures: dict[str, Any]) -> Table:
    """Messages, registrations and exported supply points; parts of a sum are indented below it."""
    table = Table("What", "Count", title=f"The tour of {figures['day']}, {figures['seconds']} s")
    table.columns[1].justify = "right"
    messages = figures["messages"]
    _row(table, "messages published", messages["published"])
    for name in ("applied", "duplicates", "stale"):
        _row(table, f"  {name}", messages[name])
    _row(table, "  quarantined", sum(messages["quarantined"].values()))
    for reason, count in messages["quarantined"].items():
        _row(table, f"    {reason}", count)
    table.add_section()
    statuses = {name: count for name, count in figures["registrations"].items() if name != "over_http"}
    _row(table, "registrations", sum(statuses.values()))
    for status, count in statuses.items():
        _row(table, f"  {status}", count)
    _row(table, "registered over HTTP", figures["registrations"]["over_http"])
    table.add_section()
    export = figures["export"]
    _row(table, "supply points changed that day", export["supply_points"])
    for recipient, counts in export["recipients"].items():
        withheld = "".join(f", {count} {reason}" for reason, count in counts["withheld"].items())
        _row(table, f"  exported to {recipient}{withheld}", counts["exported"])
    return table


def _row(table: Table, what: str, count: int) -> None:
    table.add_row(what, f"{count:,}")
