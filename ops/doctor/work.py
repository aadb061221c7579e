"""Is the work done: messages that wait for a person, and the export of the last day?"""

from datetime import date, datetime, time, timedelta

from ops.doctor.finding import Finding, failing, not_checked, ok
from shared.clock import LONDON, last_closed_day
from shared.domain.export_day import ExportDay, Stage, folder
from shared.errors import GivenUp
from shared.export.day_manifest import DAY_MANIFEST, RELEASED
from shared.settings import Settings
from shared.store.exports import Exports
from shared.store.objects import Bucket
from shared.store.quarantine import Quarantine
from shared.store.quarantine_records import QuarantineStatus, Waiting

#: London time on the next day at which a day's files are due (the alert `export_late`).
DELIVERED_BY = time(6, 0)
#: `replay_parked` runs every minute.
_SWEEPER_PATIENCE = timedelta(days=1)


async def quarantined(quarantine: Quarantine, settings: Settings, now: datetime) -> list[Finding]:
    """Check for dead letters, and count the messages that wait for time or for a person."""
    parked = await quarantine.waiting(QuarantineStatus.PARKED)
    failed = await quarantine.waiting(QuarantineStatus.FAILED)
    return [_dead_letters(failed), _quarantine(parked, failed, settings, now)]


def _dead_letters(failed: Waiting) -> Finding:
    given_up = failed.by_reason[GivenUp.code]
    if not given_up:
        return ok(
            "dead letters", "none waits for a person; the alert dead_letters_waiting covers those still in Pub/Sub"
        )
    return failing(
        "dead letters",
        f"{given_up:,} given up on and not applied: `psr quarantine list --problem {GivenUp.code}`",
        "dead_letters",
    )


def _quarantine(parked: Waiting, failed: Waiting, settings: Settings, now: datetime) -> Finding:
    oldest = min(filter(None, (parked.oldest, failed.oldest)), default=None)
    if oldest is None:
        return ok("quarantine", "empty")
    counts = f"{parked.by_reason.total():,} parked, {failed.by_reason.total():,} failed"
    state = f"{counts}, the oldest since {oldest.astimezone(LONDON):%Y-%m-%d %H:%M}"
    if parked.oldest and now - parked.oldest > timedelta(days=settings.parked_days) + _SWEEPER_PATIENCE:
        late = f"{state}; some are parked for more than {settings.parked_days} days"
        return failing("quarantine", f"{late}: replay_parked does not work", "job_missing")
    return ok("quarantine", f"{state}: `psr quarantine list`")


async def last_export(exports: Exports, bucket: Bucket, settings: Settings, now: datetime) -> list[Finding]:
    """Check that the last closed day and every day before it are released."""
    first, last = settings.export_first_day, last_closed_day(now)
    if first is None:
        return [not_checked("export", "PSR_EXPORT_FIRST_DAY is not set here")]
    if last < first:
        return [ok("export", f"no day has closed yet; the first is {first}")]
    waiting = await exports.oldest_unreleased(first, last)
    (state,) = await exports.days([waiting or last])
    if waiting is None and state is not None:
        return [await _released(bucket, state)]
    missing = await exports.how_many_missing(state) if state else 0
    return [_unreleased(waiting or last, state, missing, now)]


async def _released(bucket: Bucket, state: ExportDay) -> Finding:
    place = folder(state.day, state.revision)
    if await bucket.get(f"{place}/{RELEASED}") is None:
        return failing(
            "export", f"{state.day} is released, but {place}/{RELEASED} is gone: find out who deletes objects"
        )
    if await bucket.sha256(f"{place}/{DAY_MANIFEST}") != state.manifest_sha256:
        return failing(
            "export", f"{place}/{DAY_MANIFEST} is not the one that was released: find out who writes to the bucket"
        )
    files = state.sums.files if state.sums else 0
    return ok("export", f"{state.day} is released: {files:,} files, {state.counted:,} supply points")


def _unreleased(day: date, state: ExportDay | None, missing: int, now: datetime) -> Finding:
    if state is not None and state.stopped_because:
        return failing("export", f"{day} is stopped: {state.stopped_because}", "export_stopped")
    if state is not None and state.stage is Stage.HELD:
        decide = f"if that is right, `psr export release {day} --reason …`"
        return failing("export", f"{day} is on hold: {state.held_because}; {decide}", "export_stopped")
    due = datetime.combine(day + timedelta(days=1), DELIVERED_BY, LONDON)
    waits = f"waits for {missing:,} of {state.parts:,} parts" if state and state.planned else "is not planned"
    if now < due:
        return ok("export", f"{day} {waits} yet; it is due by {due:%H:%M}")
    again = "`psr schedule run export_daily` does no harm"
    return failing("export", f"{day} {waits}; it was due on {due:%Y-%m-%d %H:%M}: {again}", "export_late")
