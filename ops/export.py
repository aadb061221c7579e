"""`psr export`: look at the daily export, verify it, and decide about days on hold."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ops.export_status import newest_days, print_days
from ops.exported_objects import SCHEME, verify_objects
from ops.output import AsJson, one_or_many, print_json
from ops.running import need_reason, operator, run
from ops.verification import Verified, revisions, verify, with_replaced
from shared.domain.export_day import Stage
from shared.domain.recipients import recipients
from shared.export.days import AlreadyReleased, ExportDays, NotHeld
from shared.flows.resend import Resend
from shared.store.exports import Exports
from shared.store.service import service
from tools.errors import CommandError, WrongUsage

app = typer.Typer(no_args_is_help=True)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text} is not a day such as 2026-11-23.") from None


_Day = Annotated[date, typer.Argument(parser=_day, metavar="DAY", help="The London day, as 2026-11-23.")]


@app.command()
def status(
    days: Annotated[int, typer.Option(help="How many closed days to show.", min=1, max=90)] = 14,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the newest closed days, and what each waits for.

    The oldest day comes first, since days are released in order: the first that waits holds up all later ones.
    """
    found = run(lambda: newest_days(days))
    if as_json:
        print_json([one._asdict() for one in found])
    elif found:
        print_days(found)
    else:
        print(f"No day has closed yet; the first is {service().settings.export_first_day}.")


@app.command("verify")
def verify_command(
    path: Annotated[
        str, typer.Argument(help="A revision's folder, or one above: a day, the bucket. Or gs://BUCKET/….")
    ],
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Public key (PEM) that must have signed.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Verify exported days: manifest, SHA-256, format, counts.

    Reads only the files, the earliest day first. Fails on any fault.
    """
    public_key = _public_key(key) if key else None
    found = _verified(path, public_key)
    if as_json:
        print_json([_described(verified, signed=key is not None) for verified in found])
    else:
        for verified in found:
            _show(verified, signed=key is not None)
    if faults := sum(len(verified.faults) for verified in found):
        raise CommandError(f"{one_or_many(faults, 'fault')}: do not send these files")


@app.command()
def release(
    day: _Day, reason: Annotated[str, typer.Option(help="Why the day is right as it is; kept with the day.")]
) -> None:
    """Release a day that is on hold.

    It is on hold because it differs too much from the days before. `status` says how.
    """
    because = need_reason(reason, "a release")
    try:
        state = run(lambda: service().part(ExportDays).release_held(day, because))
    except NotHeld:
        raise CommandError(f"{day} is not on hold: see `psr export status`") from None
    print(f"{state.day} revision {state.revision} is {state.stage.value}.")
    print("Later days follow at the next run of the schedule: `psr schedule run export_daily` does not wait for it.")


@app.command()
def revise(day: _Day) -> None:
    """Make the next revision of a day.

    The next run of the schedule makes it. The current revision stays next to it.
    """
    try:
        state = run(lambda: service().part(ExportDays).revise(day))
    except AlreadyReleased:
        raise CommandError(f"{day} is released, or not planned yet: a released day never changes") from None
    print(f"Revision {state.revision + 1} of {state.day} follows at the next run of the schedule.")


@app.command()
def resend(
    day: Annotated[date | None, typer.Argument(parser=_day, metavar="DAY", help="A released London day.")] = None,
    recipient: Annotated[list[str] | None, typer.Option(help="Only what is in this recipient's files.")] = None,
    *,
    everyone: Annotated[bool, typer.Option("--everyone", help="Every live registration, to every recipient.")] = False,
) -> None:
    """Put a day's supply points into today's feed, as they are now.

    With --everyone, put every live registration into it.
    """
    if (day is None) != everyone or (everyone and recipient):
        raise WrongUsage("give a day (and recipients, if not all), or --everyone")
    unknown = sorted(set(recipient or []) - set(recipients()))
    if unknown:
        raise WrongUsage(f"not in the recipient table: {', '.join(unknown)}. Known: {', '.join(sorted(recipients()))}")
    put = run(lambda: _resend(day, recipient or list(recipients())))
    print(f"{put} put into today's files.")


async def _resend(day: date | None, names: list[str]) -> int:
    again = Resend(service(), operator())
    if day is None:
        return await again.everyone()
    await _check_files(day, names)
    return await again.day(day, names)


async def _check_files(day: date, names: list[str]) -> None:
    """Raises `CommandError` if these recipients have no files of a day."""
    exports = service().part(Exports)
    stored = await exports.get(day)
    if stored is None or stored.state.stage is not Stage.RELEASED:
        raise CommandError(f"{day} has no files yet, since it is not released: see `psr export status`")
    if not await exports.count(names, day):
        raise CommandError(f"{day} has no files{'' if len(names) == len(recipients()) else ' for ' + ', '.join(names)}")


def _public_key(path: Path) -> bytes:
    content = path.read_bytes()
    try:
        load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise WrongUsage(f"{path} is not a public key in PEM: docs/export.md says where it is") from None
    return content


def _verified(path: str, public_key: bytes | None) -> list[Verified]:
    """The results for each revision at a path. Raises `CommandError` if there is none."""
    if path.startswith(SCHEME):
        found = run(lambda: verify_objects(path, public_key))
    elif Path(path).is_dir():
        found = [verify(folder, public_key) for folder in revisions(Path(path).resolve())]
    else:
        raise CommandError(f"there is no folder {path}")
    if not found:
        raise CommandError(f"there is no revision of a day in {path}: they are in folders such as 2026-11-23/r1")
    return with_replaced(found)


def _described(verified: Verified, *, signed: bool) -> dict[str, Any]:
    manifest = verified.manifest
    return {
        "revision": _name(verified),
        "files": sum(len(row.files) for row in manifest.recipients) if manifest else None,
        "supply_points": manifest.written if manifest else None,
        "released": verified.released,
        "replaced_by": verified.replaced_by,
        "signature_checked": signed,
        "faults": verified.faults,
    }


def _name(verified: Verified) -> str:
    return f"{verified.folder.parent.name}/{verified.folder.name}"


def _show(verified: Verified, *, signed: bool) -> None:
    described = _described(verified, signed=signed)
    if verified.replaced_by:
        print(f"old    {_name(verified)}: replaced by {verified.replaced_by} before it was released; do not send it")
    elif not verified.faults:
        how = "signature checked" if signed else "signature not checked (no --key)"
        state = "released" if verified.released else "not released"
        counts = f"{described['files']} files, {described['supply_points']:,} supply points"
        print(f"ok     {_name(verified)}: {counts}, {state}, {how}")
    for fault in verified.faults:
        print(f"FAULT  {_name(verified)}: {fault}")
