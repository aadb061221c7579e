"""The files of the export: the released ones in the bucket, and the entries that they make."""

from collections.abc import Iterable, Mapping
from datetime import date

from shared.export import d0225, register_csv

#: By recipient and supply point.
Place = tuple[str, str]
#: Name and codes of a network's entry.
Entry = tuple[str, tuple[str, ...]]


def after(
    networks: Mapping[Place, Entry | str | None], content: Mapping[str, bytes]
) -> dict[Place, Entry | str | None]:
    """The entries of networks after files, in the order of their names. None: it was deleted."""
    held = dict(networks)
    for name, file in sorted(content.items()):
        held.update(_lines(name, file))
    return held


def released_days(names: Iterable[str]) -> dict[date, str]:
    """The folder of each released day's revision, oldest first."""
    folders = [name.removesuffix("released") for name in names if name.endswith("/released")]
    return {date.fromisoformat(folder[:10]): folder for folder in sorted(folders)}


def _lines(name: str, content: bytes) -> list[tuple[Place, Entry | None]]:
    if name.endswith(".txt"):
        electricity = d0225.read(content)
        return [
            ((electricity.envelope.receiver, f"mpan:{one.mpan}"), _entry(one.contact_name, [n.code for n in one.needs]))
            for one in electricity.details
        ]
    if name.endswith(".csv"):
        csv = register_csv.read(content)
        return [
            (
                (csv.envelope.receiver, f"{one.supply_point.fuel}:{one.supply_point}"),
                _entry(one.contact_name, [n.code for n in one.needs]),
            )
            for one in csv.details
        ]
    return []


def _entry(name: str, codes: list[str]) -> Entry | None:
    return (name, tuple(sorted(codes))) if codes else None
