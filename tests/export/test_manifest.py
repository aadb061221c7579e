"""Parts, file ids, the manifest: what adds up is written, what does not stops the day."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain import export_day as plans
from shared.domain.contacts import Address, AlternateContact, Contact, Relationship
from shared.domain.export_day import Cut, ExportStopped, Part, Sums, file_id
from shared.domain.feed import FeedEntry, SharedNeed, SharedState, size_of
from shared.domain.needs import NeedCode, categories
from shared.domain.recipients import UNROUTABLE, Withheld
from shared.domain.sharing import Article9Condition
from shared.export.gate import anomaly_in
from tests.export.samples import SETTINGS, deleted, export_day, manifest, sent, withheld
from tests.support.register_world import World


def cut(sizes: list[int]) -> list[tuple[str | None, str | None, int]]:
    whole = Cut("EELC")
    parts = [whole.add(f"{number:02}", size) for number, size in enumerate(sizes)]
    return [(part.from_id, part.before_id, part.counted) for part in [*parts, whole.end()] if part]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param([1], [(None, None, 1)], id="one"),
        pytest.param([1, 1, 1], [(None, None, 3)], id="just full by number"),
        pytest.param([1, 1, 1, 1], [(None, "03", 3), ("03", None, 1)], id="one too many"),
        pytest.param([40, 60], [(None, None, 2)], id="just full by bytes"),
        pytest.param([40, 61], [(None, "01", 1), ("01", None, 1)], id="a byte too many"),
        pytest.param([101], [(None, None, 1)], id="one that is too large stands alone"),
        pytest.param([1] * 7, [(None, "03", 3), ("03", "06", 3), ("06", None, 1)], id="three parts"),
    ],
)
def test_parts_hold_everyone_once_within_their_limits(
    sizes: list[int], parts: list[tuple[str | None, str | None, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "PART_SUPPLY_POINTS", 3)
    monkeypatch.setattr(plans, "PART_BYTES", 100)
    assert cut(sizes) == parts


def test_cutting_continues_after_the_last_part_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "PART_SUPPLY_POINTS", 3)
    first, *others = _parts(Cut("EELC"), range(8))
    assert others == _parts(Cut("EELC", first), range(3, 8))


def _parts(whole: Cut, numbers: range) -> list[Part]:
    ended = [whole.add(f"{number:02}", 1) for number in numbers]
    return [part for part in [*ended, whole.end()] if part]


def test_a_part_is_at_most_20000_supply_points_and_under_8_mib() -> None:
    assert [count for _, _, count in cut([400] * 45_000)] == [20_000, 20_000, 5_000]
    assert [count for _, _, count in cut([4_000_000] * 5)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("day", "code", "part", "revision", "written"),
    [
        pytest.param(date(2026, 11, 23), "10", 1, 1, "1XY1000101", id="first"),
        pytest.param(date(2026, 11, 23), "10", 36, 1, "1XY1001001", id="the 36th part"),
        pytest.param(date(2026, 11, 23), "10", 46_655, 1, "1XY10ZZZ01", id="the last part"),
        pytest.param(date(2026, 11, 23), "10", 10, 1_295, "1XY1000AZZ", id="the last revision"),
        pytest.param(date(2028, 2, 29), "GS", 1, 2, "2ATGS00102", id="leap day, gas"),
        pytest.param(date(2020, 1, 1), "10", 1, 1, "0001000101", id="the first day"),
        pytest.param(date(2147, 9, 27), "10", 1, 1, "ZZZ1000101", id="the last day"),
    ],
)
def test_a_file_id_has_ten_characters_that_no_other_file_has(
    day: date, code: str, part: int, revision: int, written: str
) -> None:
    assert file_id(day, code, part, revision) == written


@pytest.mark.parametrize(
    ("day", "part", "revision"),
    [
        pytest.param(date(2026, 11, 23), 46_656, 1, id="a part too many"),
        pytest.param(date(2026, 11, 23), 1, 1_296, id="a revision too many"),
        pytest.param(date(2147, 9, 28), 1, 1, id="a day too late"),
        pytest.param(date(2019, 12, 31), 1, 1, id="a day too early"),
    ],
)
def test_a_file_id_without_room_is_refused(day: date, part: int, revision: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        file_id(day, "10", part, revision)


def test_the_manifest_adds_up() -> None:
    plan, parts, _ = export_day(
        [sent(1), deleted(2), withheld(3, Withheld.NO_LAWFUL_BASIS), withheld(4, Withheld.NOT_ACTIVE)],
        [withheld(5, Withheld.NOT_ACTIVE)],
        [sent(6, "SHPR")],
        [sent(7, UNROUTABLE), deleted(8, UNROUTABLE), withheld(9, Withheld.NOT_ACTIVE, UNROUTABLE)],
    )
    whole = manifest(plan, parts)
    rows = {row.recipient: row for row in whole.recipients if row.counted}
    assert (whole.counted, whole.written, whole.sets, whole.deletes, whole.withheld) == (9, 3, 2, 1, 6)
    assert {name: (row.counted, row.written, dict(row.withheld)) for name, row in rows.items()} == {
        "EELC": (5, 2, {Withheld.NO_LAWFUL_BASIS: 1, Withheld.NOT_ACTIVE: 2}),
        "SHPR": (1, 1, {}),
        UNROUTABLE: (3, 0, {Withheld.NOT_ACTIVE: 1, Withheld.RELEASED: 1, Withheld.UNROUTABLE: 1}),
    }
    assert [(file.path, file.supply_points, file.rows) for file in rows["EELC"].files] == [("D0225/EELC-1.txt", 2, 3)]
    assert rows[UNROUTABLE].files == []
    assert manifest(plan, parts).text() == whole.text()


@pytest.mark.parametrize(
    ("plan_changes", "part_changes", "sentence"),
    [
        pytest.param(
            {"counted": 3},
            {},
            "the whole day has 3 supply points, but its recipients together have 2. Nothing is released. Look for feed "
            "entries that the queries for the recipients do not find",
            id="the day has more",
        ),
        pytest.param(
            {"counted": 5},
            {"counted": 5},
            "EELC has 5 supply points, but 1 were written and 1 withheld. Nothing is released. This is a defect of the "
            "renderer: report it to the developers",
            id="the recipient has more",
        ),
        pytest.param(
            {}, {"result": None}, "EELC-1 is not written. Wait for the next run of the schedule", id="a part is missing"
        ),
    ],
)
def test_a_day_whose_counts_differ_is_not_released(
    plan_changes: dict[str, Any], part_changes: dict[str, Any], sentence: str
) -> None:
    plan, (part,), _ = export_day([sent(1), withheld(2, Withheld.NOT_ACTIVE)])
    with pytest.raises(ExportStopped) as stopped:
        manifest(plan.model_copy(update=plan_changes), [part.model_copy(update=part_changes)])
    assert stopped.value.sentence == sentence


def totals(supply_points: int, deletes: int) -> Sums:
    return Sums(files=1, sets=supply_points - deletes, deletes=deletes, unroutable=0)


LIMITS = SETTINGS.model_copy(update={"hold_multiple": 3, "hold_supply_points": 100, "hold_deletes": 10})
USUAL = [totals(200, 4), totals(100, 6), totals(150, 5)]


@pytest.mark.parametrize(
    ("today", "before", "held"),
    [
        pytest.param(totals(150, 5), USUAL, None, id="a usual day"),
        pytest.param(totals(450, 15), USUAL, None, id="exactly three times the usual"),
        pytest.param(
            totals(451, 15),
            USUAL,
            "451 supply points, more than 3 times the usual 150 (median of the 3 days before)",
            id="more supply points",
        ),
        pytest.param(
            totals(450, 16),
            USUAL,
            "16 deletes, more than 3 times the usual 5 (median of the 3 days before)",
            id="deletes",
        ),
        pytest.param(totals(10**6, 10**6), [], None, id="the first day"),
        pytest.param(totals(99, 9), [totals(0, 0)] * 3, None, id="after quiet days, too few to hold"),
        pytest.param(
            totals(99, 10),
            [totals(0, 0)] * 3,
            "10 deletes, more than 3 times the usual 0 (median of the 3 days before)",
            id="after quiet days, enough deletes",
        ),
        pytest.param(
            totals(900, 0),
            [totals(10**6, 0), totals(200, 0), totals(200, 0)],
            "900 supply points, more than 3 times the usual 200 (median of the 3 days before)",
            id="a great day before does not raise the bar",
        ),
    ],
)
def test_a_day_unlike_those_before_it_is_held(today: Sums, before: list[Sums], held: str | None) -> None:
    found = anomaly_in(today, before, LIMITS)
    assert (found.sentence if found else None) == held


#: Characters that grow: when romanised (25 letters for 4 bytes, 20 for 3), when quoted, when doubled.
_GROWING = "\U0001f9d1\U0001f3e0\u3300\ufdfa\u4e00|\"',=-"
_CHARACTERS = st.sampled_from(_GROWING) | st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
_NAMES = st.text(_CHARACTERS, min_size=1, max_size=50)
_LINES = st.lists(st.text(_CHARACTERS, max_size=40), max_size=9)
_NOTES = st.none() | st.text(_CHARACTERS, max_size=200)


def _state(name: str, lines: list[str], notes: list[str | None], *, nominee: bool) -> SharedState:
    address = Address.model_construct(address_lines=lines, postcode="BS1 4DJ")
    phones = ["07700900123 0123456", "+44 7700 900123 0000"]
    return SharedState.model_construct(
        basis=Article9Condition.EXPLICIT_CONSENT,
        primary_contact=Contact.model_construct(name=name, phones=phones, address=address),
        alternate_contact=AlternateContact.model_construct(name=name, phones=phones, relationship=Relationship.CARER)
        if nominee
        else None,
        premises=address,
        needs=[
            SharedNeed.model_construct(code=NeedCode(code), ends_on=date(2027, 1, 31), note=note)
            for code, note in zip(sorted(categories()), notes, strict=False)
        ],
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.builds(_state, _NAMES, _LINES, st.lists(_NOTES, min_size=1, max_size=29), nominee=st.booleans()),
    st.sampled_from(["EELC", "SHPR"]),
)
def test_an_entrys_size_bounds_its_lines_in_any_file(state: SharedState, recipient: str) -> None:
    entry = FeedEntry.model_construct(**{**dict(sent(1, recipient)), "state": state})
    assert _lines_bytes(entry) < size_of(entry, entry.model_dump_json(warnings=False))


@pytest.mark.parametrize("recipient", ["EELC", "SHPR"])
@pytest.mark.parametrize("character", _GROWING)
def test_an_entry_full_of_what_grows_is_no_longer_than_its_size(character: str, recipient: str) -> None:
    state = _state(character * 50, [character * 40] * 9, [character * 200] * 29, nominee=True)
    entry = FeedEntry.model_construct(**{**dict(sent(1, recipient)), "state": state})
    assert _lines_bytes(entry) < size_of(entry, entry.model_dump_json(warnings=False))


def test_the_size_of_plain_text_is_that_of_its_json() -> None:
    entry = sent(1)
    assert size_of(entry, entry.model_dump_json()) == len(entry.model_dump_json())


async def test_a_part_of_people_with_long_emoji_notes_stays_under_8_mib(world: World) -> None:
    notes = [{"code": code, "note": "\U0001f9d1" * 200} for code, row in categories().items() if not row.temporary]
    await world.submit(1, needs=notes)
    (stored,) = await world.documents.page("export_feed")
    size = stored.fields["size"]
    assert isinstance(size, int)
    whole = Cut("EELC")
    part = next(part for number in range(3_000) if (part := whole.add(f"{number:05}", size)))
    entry = FeedEntry.model_validate_json(stored.state)
    assert part.counted * _lines_bytes(entry) < 8 * 1024 * 1024


def _lines_bytes(entry: FeedEntry) -> int:
    """How much longer a file is with an entry."""
    empty, one = (_file_bytes([deleted(9, entry.recipient), *more]) for more in ([], [entry]))
    return one - empty


def _file_bytes(entries: list[FeedEntry]) -> int:
    (content,) = export_day(entries)[2].values()
    return len(content)


@pytest.mark.parametrize("recipient", ["EELC", "SHPR"])
def test_a_deletes_json_is_longer_than_its_line(recipient: str) -> None:
    entry = deleted(2, recipient)
    assert _lines_bytes(entry) < size_of(entry, entry.model_dump_json())


def test_a_part_without_sets_and_deletes_has_no_file() -> None:
    _, (part,), files = export_day([withheld(1, Withheld.NOT_ACTIVE)])
    assert files == {}
    assert part.result is not None
    assert (part.result.path, part.result.sha256, part.result.bytes, part.result.rows) == (None, None, 0, 0)
