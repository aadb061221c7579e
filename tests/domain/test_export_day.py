"""The plan of a day's export: its parts, its stages, its file ids."""

from datetime import UTC, date, datetime, timedelta

import pytest

from shared.domain import export_day
from shared.domain.export_day import (
    HIGHEST_PART,
    HIGHEST_REVISION,
    PART_BYTES,
    PART_SUPPLY_POINTS,
    RENDERER_VERSION,
    Cut,
    ExportDay,
    ExportStopped,
    Part,
    PartResult,
    Stage,
    Sums,
    configuration_of,
    file_id,
    folder,
)

DAY = date(2026, 11, 23)


def plan(stage: Stage = Stage.PLANNED, renderer: int = RENDERER_VERSION, configuration: str = "c") -> ExportDay:
    now = datetime(2026, 11, 24, 2, tzinfo=UTC)
    return ExportDay(
        day=DAY,
        revision=1,
        created_at=now,
        closed_at=now,
        renderer=renderer,
        configuration=configuration,
        counted=0,
        recipients=[],
        stage=stage,
    )


@pytest.mark.parametrize(
    ("stage", "planned", "decided", "made_like"),
    [
        (Stage.UNPLANNED, False, False, False),
        (Stage.PLANNING, False, False, True),
        (Stage.PLANNED, True, False, True),
        (Stage.HELD, True, False, True),
        (Stage.REVISED, False, False, False),
        (Stage.RELEASING, True, True, True),
        (Stage.RELEASED, True, True, True),
    ],
)
def test_a_stage_says_how_far_a_day_is(stage: Stage, *, planned: bool, decided: bool, made_like: bool) -> None:
    one = plan(stage)
    assert (one.planned, one.decided, one.made_like("c")) == (planned, decided, made_like)


def test_files_are_made_again_for_another_renderer_or_configuration() -> None:
    assert plan().made_like("c")
    assert not plan().made_like("d")
    assert not plan(renderer=RENDERER_VERSION + 1).made_like("c")


def test_the_supply_points_in_a_file_are_sets_and_deletes() -> None:
    result = PartResult(sets=3, deletes=4, withheld={}, rows=9, bytes=1, path=None, sha256=None, md5=None)
    assert result.written == 7
    assert Sums(files=1, sets=3, deletes=4, unroutable=9).written == 7


def test_a_day_that_stops_says_why() -> None:
    stopped = ExportStopped(DAY, "A late change was stored.")
    assert (stopped.day, stopped.sentence, stopped.code) == (DAY, "A late change was stored.", "export-stopped")


def part(number: int, from_id: str | None, before_id: str | None, counted: int) -> Part:
    return Part(recipient="EELC", number=number, from_id=from_id, before_id=before_id, counted=counted)


def cut(sizes: list[int], last: Part | None = None) -> list[Part]:
    """The parts of entries named a, b, c, … of these sizes."""
    cutter = Cut("EELC", last)
    found = [cutter.add(name, size) for name, size in zip("abcdefgh", sizes, strict=False)]
    return [one for one in [*found, cutter.end()] if one is not None]


def test_no_entries_make_no_part() -> None:
    assert cut([]) == []


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        pytest.param([1], [part(1, None, None, 1)], id="one entry"),
        pytest.param([4, 6], [part(1, None, None, 2)], id="as many bytes as a part has"),
        pytest.param([5, 6], [part(1, None, "b", 1), part(2, "b", None, 1)], id="a byte more"),
        pytest.param([11], [part(1, None, None, 1)], id="an entry that is larger than a part"),
        pytest.param([11, 1], [part(1, None, "b", 1), part(2, "b", None, 1)], id="and one more"),
        pytest.param([1, 1, 1], [part(1, None, None, 3)], id="as many entries as a part has"),
        pytest.param([1, 1, 1, 1], [part(1, None, "d", 3), part(2, "d", None, 1)], id="an entry more"),
        pytest.param(
            [1, 1, 1, 1, 1, 9, 1],
            [part(1, None, "d", 3), part(2, "d", "f", 2), part(3, "f", None, 2)],
            id="both limits, counted from the part's beginning",
        ),
    ],
)
def test_entries_are_cut_into_parts_within_both_limits(
    sizes: list[int], parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_day, "PART_SUPPLY_POINTS", 3)
    monkeypatch.setattr(export_day, "PART_BYTES", 10)
    assert cut(sizes) == parts


def test_cutting_continues_after_the_last_part_that_is_known() -> None:
    assert cut([1], part(7, "x", "y", 5)) == [part(8, "y", None, 1)]


def test_the_limits_of_a_part() -> None:
    assert (PART_SUPPLY_POINTS, PART_BYTES) == (20_000, 8_384_512)
    cutter = Cut("EELC")
    assert cutter.add("a", PART_BYTES) is None
    assert cutter.add("b", 1) == part(1, None, "b", 1)


@pytest.mark.parametrize(
    ("day", "number", "revision", "expected"),
    [
        (DAY, 1, 1, "1XY1000101"),
        (date(2020, 1, 1), 0, 0, "0001000000"),
        (date(2020, 1, 2), 35, 36, "0011000Z10"),
        (DAY, HIGHEST_PART, HIGHEST_REVISION, "1XY10ZZZZZ"),
    ],
)
def test_a_file_id_has_the_day_the_recipient_the_part_and_the_revision(
    day: date, number: int, revision: int, expected: str
) -> None:
    assert file_id(day, "10", number, revision) == expected


@pytest.mark.parametrize(
    ("day", "number", "revision"),
    [
        (DAY, HIGHEST_PART + 1, 1),
        (DAY, 1, HIGHEST_REVISION + 1),
        (date(2020, 1, 1) + timedelta(days=36**3), 1, 1),
    ],
    ids=["part", "revision", "day"],
)
def test_a_number_that_a_file_id_has_no_room_for_is_refused(day: date, number: int, revision: int) -> None:
    with pytest.raises(ValueError, match=r"^does not fit into [23] base 36 digits$"):
        file_id(day, "10", number, revision)


def test_a_revision_has_a_folder() -> None:
    assert folder(DAY, 2) == "2026-11-23/r2"


def test_the_configuration_is_the_tables_and_the_suppliers_name() -> None:
    ours = configuration_of("SUPP", "OPER")
    assert configuration_of("SUPP", "OPER") == ours
    assert (
        len({ours, configuration_of("OTHR", "OPER"), configuration_of("SUPP", "TR01"), configuration_of(None, "OPER")})
        == 4
    )


def test_the_configuration_changes_with_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = configuration_of("SUPP", "OPER")
    monkeypatch.setattr(export_day, "tables", lambda: "others")
    assert configuration_of("SUPP", "OPER") != ours
