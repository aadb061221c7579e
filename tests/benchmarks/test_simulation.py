"""The estimates of docs/scale.md: its tables are the simulation's, and the simulation has the limits of the code."""

import re

import pytest

from benchmarks import simulation
from benchmarks.simulation import BATCH, LOOKUP, MESSAGE, RETRIES_AFTER, scheduled, waits
from functions.lookup import main as lookup
from shared.domain.export_day import HIGHEST_PART
from shared.export.days import STOPS_AFTER_SECONDS
from tools.places import ROOT

PAGE = simulation.PAGE.read_text(encoding="utf-8")


def test_the_page_has_the_tables_of_the_simulation() -> None:
    assert simulation.page_with_tables(PAGE) == PAGE, "run `python -m benchmarks.simulation`"


def test_requests_at_once_are_those_of_the_functions() -> None:
    assert [one.concurrency for one in (MESSAGE, LOOKUP)] == [
        simulation.resources("consume_migration").concurrency,
        simulation.resources("lookup").concurrency,
    ]


def test_batches_at_once_are_those_that_lookup_accepts() -> None:
    assert BATCH.concurrency == lookup.BATCHES_ACCEPTED < LOOKUP.concurrency


def test_retries_are_those_of_cloud_scheduler() -> None:
    text = (ROOT / "terraform" / "scheduler.tf").read_text(encoding="utf-8")
    values = dict(re.findall(r'(retry_count|min_backoff_duration|max_backoff_duration) += "?(\d+)', text))
    count, first, most = (int(value) for value in values.values())
    assert tuple(min(first * 2**retry, most) for retry in range(count)) == RETRIES_AFTER


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        pytest.param(0, (1, 0), id="nothing"),
        pytest.param(480, (1, 480), id="a whole run"),
        pytest.param(481, (2, 511), id="the first retry, after 30 s"),
        pytest.param(4 * 480, (4, 4 * 480 + 210), id="the last retry of the hour"),
        pytest.param(4 * 480 + 10, (5, 3610), id="the next hour"),
        pytest.param(9 * 480, (9, 7200 + 480), id="the hour after"),
    ],
)
def test_work_continues_with_each_retry_and_in_the_next_hour(work: float, expected: tuple[int, float]) -> None:
    assert scheduled(work, 480) == expected


def test_ten_million_supply_points_of_a_recipient_need_several_runs_and_are_planned_before_five() -> None:
    runs, seconds = scheduled(10_000_000 / simulation.planned_a_second(), STOPS_AFTER_SECONDS)
    assert runs > 1
    assert seconds < (5 - 2) * 3600


def test_a_day_ends_at_the_parts_that_file_ids_can_number() -> None:
    millions = HIGHEST_PART * simulation.supply_points_a_part() / 1e6
    assert f"{HIGHEST_PART:,} by file id, {millions:.0f} million usual entries" in PAGE


def test_an_instance_with_few_batches_at_once_refuses_as_many_and_answers_far_sooner() -> None:
    few, many = (waits(BATCH._replace(concurrency=most), 50, 1) for most in (BATCH.concurrency, LOOKUP.concurrency))
    assert many.median > 7 * few.median
    assert few.refused == pytest.approx(many.refused, abs=0.05)
