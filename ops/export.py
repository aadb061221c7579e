"""`psr export`: look at the daily export, verify it, decide what only a person can."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops.running import operator, run
from ops.verification import Verified, revisions, verify
from shared.clock import last_closed_day
from shared.domain.export_day import ExportDay, Stage
from shared.domain.recipients import recipients
from shared.export.days import AlreadyReleased, ExportDays, NotHeld
from shared.flows.resend import Resend
from shared.store.exports import Exports
from shared.store.service import service
from tools.errors import CommandError

app = typer.Typer(no_args_is_help=True)

_Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="The London day, as 2026-11-23.")]


#: The next run plans these days: it continues where another ended, or makes the next revision.
_WAIT_FOR_THE_SCHEDULE = (Stage.PLANNING, Stage.REVISED)


@app.command()
def status(days: Annotated[int, typer.Option(help="How many closed days to show.", min=1, max=90)] = 14) -> None:
    """Show the newest closed days: the stage of each, and what it waits for."""
    table = Table("Day", "Revision", "Stage", "Parts", "Supply points", "Waits for", title="The daily export")
    waiting: date | None = None
    for day, state, missing in run(lambda: _newest(days)):
        table.add_row(*_row(day, state, missing, waiting))
        if waiting is None and (state is None or state.stage is not Stage.RELEASED):
            waiting = day
    Console().print(table)


@app.command("verify")
def verify_command(
    path: Annotated[Path, typer.Argument(exists=True, help="A revision's folder, or one above: a day, the bucket.")],
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Public key (PEM) that must have signed.")
    ] = None,
) -> None:
    """Verify exported days from their files alone: manifest, SHA-256, format, counts.

    Fails on any fault.
    """
    found = [verify(folder, key.read_bytes() if key else None) for folder in revisions(path)]
    if not found:
        raise CommandError(f"there is no revision of a day in {path}")
    for verified in found:
        _show(verified, signed=key is not None)
    faults = sum(len(verified.faults) for verified in found)
    if faults:
        raise CommandError(f"{faults} faults: do not send these files")


@app.command()
def release(
    day: _Day, reason: Annotated[str, typer.Option(help="Why the day is right as it is; kept with the day.")]
) -> None:
    """Release a day that is on hold because it differs too much from the days before."""
    if not reason.strip():
        raise CommandError("a release needs a reason")
    try:
        state = run(lambda: service().part(ExportDays).release_held(day.date(), reason.strip()))
    except NotHeld:
        raise CommandError(f"{day:%Y-%m-%d} is not held: see `psr export status`") from None
    print(f"{state.day} revision {state.revision} is {state.stage.value}.")
    print("Later days follow at the next run of the schedule: `psr schedule run export_daily` does not wait for it.")


@app.command()
def revise(day: _Day) -> None:
    """Make the next revision of a day at the next run of the schedule.

    The current revision stays next to it.
    """
    try:
        state = run(lambda: service().part(ExportDays).revise(day.date()))
    except AlreadyReleased:
        raise CommandError(
            f"{day:%Y-%m-%d} is released, or not planned yet: what was sent is never made again"
        ) from None
    print(f"Revision {state.revision + 1} of {state.day} follows at the next run of the schedule.")


@app.command()
def resend(
    day: Annotated[datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="A released London day.")] = None,
    recipient: Annotated[list[str] | None, typer.Option(help="Only what is in this recipient's files.")] = None,
    *,
    everyone: Annotated[bool, typer.Option("--everyone", help="Every live registration, to every recipient.")] = False,
) -> None:
    """Put the current state of the supply points in a day's files into today's feed.

    With --everyone, put the current state of every live registration into it.
    """
    if (day is None) != everyone or (everyone and recipient):
        raise CommandError("give a day (and recipients, if not all), or --everyone")
    unknown = sorted(set(recipient or []) - set(recipients()))
    if unknown:
        raise CommandError(f"not in the recipient table: {', '.join(unknown)}")
    told = run(lambda: _resend(day.date() if day else None, recipient or list(recipients())))
    print(f"{told} put into today's files.")


async def _resend(day: date | None, names: list[str]) -> int:
    again = Resend(service(), operator())
    return await (again.everyone() if day is None else again.day(day, names))


async def _newest(days: int) -> list[tuple[date, ExportDay | None, int]]:
    """Oldest first, from the first day on; each with how many of its parts are missing."""
    first = service().settings.export_first_day
    last = last_closed_day(service().clock.now())
    shown = [last - timedelta(days=back) for back in reversed(range(days))]
    shown = [day for day in shown if first is None or day >= first]
    states = await service().part(Exports).days(shown)
    missing = [
        await service().part(Exports).how_many_missing(state) if state and state.planned else 0 for state in states
    ]
    return list(zip(shown, states, missing, strict=True))


def _row(day: date, state: ExportDay | None, missing: int, waiting: date | None) -> tuple[str, ...]:
    if state is None:
        return f"{day}", "", "not planned", "", "", f"{waiting}" if waiting else "the next run of the schedule"
    reasons = [] if state.stage is Stage.RELEASED else [state.stopped_because, state.held_because]
    if missing:
        reasons.append(f"{missing:,} parts")
    if state.stage in _WAIT_FOR_THE_SCHEDULE:
        reasons.append("the next run of the schedule")
    return (
        f"{day}",
        f"{state.revision}",
        state.stage.value,
        f"{state.parts - missing:,} of {state.parts:,}" if state.planned else "",
        f"{state.counted:,}",
        "; ".join(reason for reason in reasons if reason),
    )


def _show(verified: Verified, *, signed: bool) -> None:
    name = f"{verified.folder.parent.name}/{verified.folder.name}"
    manifest = verified.manifest
    if manifest and not verified.faults:
        files = sum(len(row.files) for row in manifest.recipients)
        how = "signature checked" if signed else "signature not checked (no --key)"
        state = "released" if verified.released else "not released"
        print(f"ok     {name}: {files} files, {manifest.written:,} supply points, {state}, {how}")
    for fault in verified.faults:
        print(f"FAULT  {name}: {fault}")
