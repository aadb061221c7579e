"""How far the days of the export are, and what each day that is not released waits for."""

from datetime import date, timedelta
from typing import NamedTuple

from ops.output import print_table
from shared.clock import last_closed_day
from shared.domain.export_day import ExportDay, Stage
from shared.store.exports import Exports
from shared.store.service import service


class DayStatus(NamedTuple):
    """A closed day. `waits_for` says what it waits for and what to do; None for a released day."""

    day: date
    revision: int | None
    stage: str
    parts: int | None
    missing_parts: int
    supply_points: int | None
    waits_for: str | None


async def newest_days(days: int) -> list[DayStatus]:
    """The newest closed days, oldest first, since they are released in this order. Raises `Unavailable`."""
    first = service().settings.export_first_day
    last = last_closed_day(service().clock.now())
    shown = [last - timedelta(days=back) for back in reversed(range(days))]
    shown = [day for day in shown if first is None or day >= first]
    found: list[DayStatus] = []
    for day, state in zip(shown, await service().part(Exports).days(shown), strict=True):
        missing = await service().part(Exports).how_many_missing(state) if state and state.planned else 0
        earlier = next((one.day for one in found if one.waits_for), None)
        found.append(status_of(day, state, missing, earlier))
    return found


def status_of(day: date, state: ExportDay | None, missing: int, earlier: date | None) -> DayStatus:
    """A day's status. `earlier` is the first day before it that is not released."""
    if state is None:
        waits_for = f"waits for {earlier}" if earlier else "waits for the next run of the schedule"
        return DayStatus(day, None, "not planned", None, 0, None, waits_for)
    parts = state.parts if state.planned else None
    return DayStatus(day, state.revision, _stage(state), parts, missing, state.counted, waits_for_what(state, missing))


def waits_for_what(state: ExportDay, missing: int) -> str | None:
    """The sentence about a stored day that waits, with the next step; None if it is released."""
    if state.stage is Stage.RELEASED:
        return None
    if state.stopped_because:
        return f"is stopped: {state.stopped_because}. Then run `psr schedule run export_daily`"
    if state.stage is Stage.HELD:
        return (
            f"is on hold: {state.held_because}. If that is right, run `psr export release {state.day} --reason …`; "
            "if not, see docs/runbooks/export_stopped.md"
        )
    if missing:
        return f"waits for {missing:,} of {state.parts:,} parts"
    return "waits for the next run of the schedule"


def print_days(days: list[DayStatus]) -> None:
    """Print a table of the days, and a sentence for each day that is not released."""
    rows = [
        (one.day, one.revision or "", one.stage, _parts(one), "" if one.revision is None else f"{one.supply_points:,}")
        for one in days
    ]
    print_table(("Day", "Revision", "Stage", "Parts", "Supply points"), *rows)
    print()
    waiting = [one for one in days if one.waits_for]
    for one in waiting:
        if one.revision is not None or one is waiting[0]:
            print(f"{one.day} {one.waits_for}.")
    if waiting and any(one.revision is None for one in waiting[1:]):
        print(f"Later days wait for {waiting[0].day}.")
    if not waiting:
        print("Every day is released.")


def _stage(state: ExportDay) -> str:
    if state.stopped_because and state.stage is not Stage.RELEASED:
        return "stopped"
    return {Stage.HELD: "on hold", Stage.UNPLANNED: "not planned"}.get(state.stage, state.stage.value)


def _parts(one: DayStatus) -> str:
    return "" if one.parts is None else f"{one.parts - one.missing_parts:,} of {one.parts:,}"
