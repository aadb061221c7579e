"""Time: one clock, UTC instants, and London days.

Days in the register (the end of a need, the day of an export) are calendar days in London, 23, 24 or 25 hours long.
"""

import json
from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")

#: A day closes at this London time on the next day, when every request that began before midnight has ended.
DAY_CLOSES_AT = time(2, 0)


class Clock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, UTC."""
        return self.at(machine_time())

    def at(self, instant: datetime) -> datetime:
        """The time on this clock at the real instant (a commit or read time of Firestore)."""
        return instant


class SimulatedClock(Clock):
    """Real time plus an offset from a file, for the local stack: several processes share the clock, and it can jump.

    The file holds `[[since, offset], …]` in seconds, ascending: from the real instant `since` (POSIX) on, the clock
    shows real time plus `offset`. The file keeps all past offsets, to convert Firestore's times of earlier writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def at(self, instant: datetime) -> datetime:
        """The time on this clock at the real instant."""
        steps: list[tuple[float, float]] = [(since, offset) for since, offset in json.loads(self.path.read_text())]
        index = bisect_right([since for since, _ in steps], instant.timestamp()) - 1
        return instant + timedelta(seconds=steps[max(index, 0)][1])

    def jump_to(self, target: datetime) -> None:
        """Set the clock to `target`. It cannot go back, or stored facts would be in the future."""
        real = machine_time()
        steps = json.loads(self.path.read_text()) if self.path.exists() else []
        if steps and target < self.at(real):
            raise ValueError("the simulated clock only moves forward")
        steps.append((real.timestamp(), (target - real).total_seconds()))
        new_file = self.path.with_suffix(".new")
        new_file.write_text(json.dumps(steps))
        new_file.replace(self.path)


def machine_time() -> datetime:
    """The machine's real time, UTC; only to compare with Firestore's time. All other code uses a `Clock`."""
    return datetime.now(UTC)


def london_day(instant: datetime) -> date:
    """The London calendar day of an instant."""
    return instant.astimezone(LONDON).date()


def day_begins(day: date) -> datetime:
    """The instant (UTC) at which a London day begins."""
    return datetime.combine(day, time(), LONDON).astimezone(UTC)


def day_closes(day: date) -> datetime:
    """The instant (UTC) from which `day` gets no more changes."""
    return datetime.combine(day + timedelta(days=1), DAY_CLOSES_AT, LONDON).astimezone(UTC)


def last_closed_day(instant: datetime) -> date:
    """The newest London day that is closed at an instant."""
    local = instant.astimezone(LONDON)
    return local.date() - timedelta(days=1 if local.time() >= DAY_CLOSES_AT else 2)


def rfc3339(instant: datetime) -> str:
    """An instant as RFC 3339 text in UTC with milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
