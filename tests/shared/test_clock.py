"""London days, and the clock that can be simulated."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import SimulatedClock, day_closes, last_closed_day, london_day, machine_time, rfc3339


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        pytest.param("2026-11-23 23:59:59", "2026-11-23", id="winter, a second before midnight"),
        pytest.param("2026-11-24 00:00", "2026-11-24", id="winter, midnight"),
        pytest.param("2026-06-30 22:59:59", "2026-06-30", id="summer, a second before midnight"),
        pytest.param("2026-06-30 23:00", "2026-07-01", id="summer, midnight"),
        pytest.param("2027-03-28 00:30", "2027-03-28", id="the day of 23 hours, before the change"),
        pytest.param("2027-03-28 22:59:59", "2027-03-28", id="the day of 23 hours, its last second"),
        pytest.param("2027-03-28 23:00", "2027-03-29", id="after the day of 23 hours"),
        pytest.param("2027-10-30 23:00", "2027-10-31", id="the day of 25 hours, its first second"),
        pytest.param("2027-10-31 23:59:59", "2027-10-31", id="the day of 25 hours, its last second"),
    ],
)
def test_a_day_is_a_london_day(instant: str, day: str) -> None:
    assert london_day(utc(instant)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        ("2026-11-23", "2026-11-24 02:00"),
        ("2026-06-30", "2026-07-01 01:00"),
        pytest.param("2027-03-27", "2027-03-28 01:00", id="before the day of 23 hours"),
        pytest.param("2027-10-30", "2027-10-31 02:00", id="before the day of 25 hours"),
    ],
)
def test_a_day_closes_at_two_in_london(day: str, closes: str) -> None:
    assert day_closes(date.fromisoformat(day)) == utc(closes)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-11-24 01:59:59", "2026-11-22"),
        ("2026-11-24 02:00", "2026-11-23"),
        ("2026-07-01 00:59:59", "2026-06-29"),
        ("2026-07-01 01:00", "2026-06-30"),
        ("2026-11-24 23:59", "2026-11-23"),
    ],
)
def test_the_last_closed_day_changes_when_a_day_closes(instant: str, day: str) -> None:
    assert last_closed_day(utc(instant)) == date.fromisoformat(day)
    assert day_closes(last_closed_day(utc(instant))) <= utc(instant)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert rfc3339(datetime.fromisoformat("2026-06-30T23:00:00.123456+01:00")) == "2026-06-30T22:00:00.123Z"


def test_a_simulated_clock_jumps_forward_and_remembers_what_it_showed(tmp_path: Path) -> None:
    clock = SimulatedClock(tmp_path / "clock.json")
    before = machine_time()
    clock.jump_to(utc("2030-01-01 09:00"))
    assert timedelta() <= clock.now() - utc("2030-01-01 09:00") < timedelta(seconds=5)
    between = machine_time()
    clock.jump_to(utc("2030-02-01 09:00"))
    assert clock.at(between) < utc("2030-01-01 09:01")
    assert clock.at(before) < utc("2030-01-01 09:01")
    assert SimulatedClock(clock.path).now() >= utc("2030-02-01 09:00")
    with pytest.raises(ValueError, match="forward"):
        clock.jump_to(utc("2030-01-15 09:00"))
