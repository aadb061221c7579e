"""Needs codes (DTC J1699): which are live, which need an end, and when code 29 ends."""

import json
from datetime import MAXYEAR, date

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from shared.domain.needs import (
    Need,
    NeedCode,
    NeedInput,
    birthday,
    categories,
    end_of,
    holds_on,
    labels,
    live_codes,
    medically_dependent,
    newly_retired,
    of_both,
    on_register,
    outage_tier,
    refuse_repeated,
)
from tests.support.registrations import submission

LIVE = [
    "01",
    "02",
    "03",
    "04",
    "08",
    "09",
    "12",
    "14",
    "15",
    "17",
    "18",
    "19",
    "20",
    "22",
    "23",
    "24",
    "25",
    "26",
    "27",
    "28",
    "29",
    "30",
    "31",
    "32",
    "33",
    "34",
    "35",
    "36",
    "37",
]
NEVER_USED = ["05", "06", "07", "11", "13", "16", "21"]
TEMPORARY = {"29", "32", "33", "34"}


def test_the_table_holds_the_codes_of_the_catalogue() -> None:
    assert list(categories()) == LIVE
    assert set(labels()) == set(LIVE)
    assert {code for code, category in categories().items() if category.temporary} == TEMPORARY
    assert {code for code, category in categories().items() if category.medically_dependent} == {
        *("01", "02", "03", "04", "12", "23", "24", "25")
    }


@pytest.mark.parametrize("code", LIVE)
def test_accepts_every_live_code(code: str) -> None:
    assert NeedCode.parse(code) == code


@pytest.mark.parametrize("code", [*NEVER_USED, "10", "00", "99", "1", "001", "", " 01", "०१", "A1"])
def test_refuses_code_10_the_gaps_and_text_that_is_no_code(code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NeedInput.model_validate({"code": code})
    assert [(e["loc"], e["type"]) for e in refused.value.errors()] == [(("code",), "need_code_unknown")]


@pytest.mark.parametrize("code", sorted(TEMPORARY - {"29"}))
def test_a_temporary_need_carries_its_end(code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NeedInput.model_validate({"code": code})
    assert refused.value.errors()[0]["type"] == "temporary_psr_does_not_have_end_date"
    need = NeedInput(code=NeedCode(code), ends_on=date(2027, 1, 31))
    assert end_of(need, young_child_until_birthday=6) == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("need", "code"),
    [
        pytest.param({"code": "29"}, "birth_date_missing", id="29 without a birth date"),
        pytest.param(
            {"code": "29", "youngest_child_born_on": "2024-05-01", "ends_on": "2030-05-01"},
            "end_is_computed",
            id="29 with an end of its own",
        ),
        pytest.param(
            {"code": "02", "youngest_child_born_on": "2024-05-01"}, "birth_date_not_wanted", id="02 with a birth date"
        ),
        pytest.param({"code": "02", "ends_on": "2024-02-30"}, "date_parsing", id="a day that is not"),
        pytest.param({"code": "02", "note": "two\nlines"}, "control_character", id="a line break in the note"),
        pytest.param({"code": "02", "note": "x" * 201}, "string_too_long", id="a note of 201 characters"),
        pytest.param({"code": "02", "until": "2027-01-31"}, "extra_forbidden", id="an unknown field"),
    ],
)
def test_refuses_a_need_that_breaks_a_rule(need: dict[str, str], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        NeedInput.model_validate_json(json.dumps(need))
    assert [e["type"] for e in refused.value.errors()] == [code]


def test_a_lasting_need_may_carry_an_end() -> None:
    assert NeedInput(code=NeedCode("22"), ends_on=date(2027, 1, 31)).ends_on == date(2027, 1, 31)


@pytest.mark.parametrize(
    ("born", "until", "ends"),
    [
        ("2024-05-01", 6, "2030-05-01"),
        ("2024-05-01", 5, "2029-05-01"),
        pytest.param("2024-02-29", 6, "2030-03-01", id="leap day, common year"),
        pytest.param("2022-02-28", 6, "2028-02-28", id="the day before, leap year"),
        pytest.param("2026-12-31", 5, "2031-12-31", id="New Year's Eve"),
    ],
)
def test_code_29_ends_on_the_birthday_that_is_set(born: str, until: int, ends: str) -> None:
    need = NeedInput(code=NeedCode("29"), youngest_child_born_on=date.fromisoformat(born))
    assert end_of(need, young_child_until_birthday=until) == date.fromisoformat(ends)


def test_a_leap_day_birthday_in_a_leap_year_is_the_leap_day() -> None:
    assert birthday(date(2024, 2, 29), 4) == date(2028, 2, 29)


@pytest.mark.parametrize(
    ("codes", "tier", "dependent"),
    [
        ([], None, False),
        (["14"], 3, False),
        (["14", "26"], 2, False),
        (["14", "25"], 2, True),
        (["14", "25", "02"], 1, True),
    ],
)
def test_the_most_urgent_need_decides(codes: list[str], tier: int | None, dependent: bool) -> None:  # noqa: FBT001
    needs = [NeedCode(code) for code in codes]
    assert (outage_tier(needs), medically_dependent(needs)) == (tier, dependent)


def test_a_need_as_submitted_leaves_out_a_computed_end() -> None:
    born = date(2024, 5, 1)
    need = Need(code=NeedCode("29"), starts_on=date(2026, 1, 1), ends_on=date(2030, 5, 1), youngest_child_born_on=born)
    assert need.submitted == NeedInput(code=NeedCode("29"), youngest_child_born_on=born)


def test_a_need_as_submitted_keeps_its_end_and_its_note() -> None:
    need = Need(code=NeedCode("33"), starts_on=date(2026, 1, 1), ends_on=date(2027, 1, 31), note="home from hospital")
    assert need.submitted == NeedInput(code=NeedCode("33"), ends_on=date(2027, 1, 31), note="home from hospital")
    young = Need(code=NeedCode("29"), starts_on=date(2026, 1, 1), youngest_child_born_on=date(2024, 5, 1), note="twins")
    assert young.submitted.note == "twins"


def test_a_category_is_the_row_of_its_code() -> None:
    category = NeedCode("02").category
    assert (category.code, category.temporary, category.medically_dependent, category.outage_tier) == (
        "02",
        False,
        True,
        1,
    )
    assert (category.relevant_to, category.retired) == (categories()["02"].relevant_to, False)
    assert category.relevant_to


def test_a_code_is_described_to_callers_by_the_live_codes() -> None:
    assert TypeAdapter(NeedCode).json_schema() == {"type": "string", "enum": LIVE}
    assert NeedInput.model_json_schema()["properties"]["code"] == {"type": "string", "enum": LIVE, "title": "Code"}


def test_a_code_that_is_unknown_or_occurs_twice_is_refused_with_a_reason() -> None:
    with pytest.raises(PydanticCustomError, match=r"^Choose a need from the Priority Services categories \(J1699\)$"):
        NeedCode.parse("10")
    with pytest.raises(PydanticCustomError, match=r"^Choose each need once$"):
        refuse_repeated([need("02"), need("08"), need("02", note="a")])
    assert refuse_repeated([need("02"), need("08")]) == [need("02"), need("08")]


def test_a_code_is_read_as_a_code() -> None:
    assert type(TypeAdapter(NeedCode).validate_python("02")) is NeedCode


def test_codes_are_read_strictly() -> None:
    for wrong in (2, None, b"02"):
        with pytest.raises(ValidationError):
            NeedInput.model_validate({"code": wrong})


@pytest.mark.usefixtures("retired")
def test_a_retired_code_is_valid_and_not_live() -> None:
    assert NeedCode.parse("08") == "08"
    assert live_codes() == [code for code in LIVE if code != "08"]


@pytest.mark.usefixtures("retired")
@pytest.mark.parametrize(
    ("codes", "before", "pointers"),
    [
        (["02"], [], []),
        (["08"], [], ["/needs/0/code"]),
        (["02", "08"], ["02"], ["/needs/1/code"]),
        (["02", "08"], ["08"], []),
    ],
)
def test_a_retired_code_cannot_be_added(codes: list[str], before: list[str], pointers: list[str]) -> None:
    submitted = [NeedInput(code=NeedCode(code)) for code in codes]
    known = [Need(code=NeedCode(code), starts_on=date(2026, 1, 1)) for code in before]
    errors = newly_retired(submitted, known)
    assert [error.pointer for error in errors] == pointers
    assert {(error.code, error.detail) for error in errors} <= {
        (
            "need_code_retired",
            "Choose another need: this code is retired, and only a registration that has it can keep it",
        )
    }


@pytest.mark.parametrize(
    ("born", "age", "expected"),
    [
        ("2024-02-29", 1, "2025-03-01"),
        ("2024-02-29", 4, "2028-02-29"),
        ("2024-05-01", 0, "2024-05-01"),
        pytest.param(f"{MAXYEAR - 6}-12-30", 6, f"{MAXYEAR}-12-30", id="in the calendar's last year"),
        pytest.param(f"{MAXYEAR - 5}-05-01", 6, f"{MAXYEAR}-12-31", id="beyond the calendar"),
    ],
)
def test_a_birthday_is_the_day_on_which_an_age_is_reached(born: str, age: int, expected: str) -> None:
    assert birthday(date.fromisoformat(born), age).isoformat() == expected


@pytest.mark.parametrize(
    ("ends_on", "holds"),
    [(None, True), (date(2026, 11, 22), False), (date(2026, 11, 23), True), (date(2026, 11, 24), True)],
)
def test_a_need_holds_until_its_last_day(ends_on: date | None, *, holds: bool) -> None:
    assert holds_on(ends_on, date(2026, 11, 23)) is holds


def need(code: str, **fields: str | None) -> NeedInput:
    return NeedInput.model_validate_json(json.dumps({"code": code, **fields}))


BORN = {"youngest_child_born_on": "2024-05-01"}


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        pytest.param([need("08")], [need("02")], [need("02"), need("08")], id="different codes, by code"),
        pytest.param(
            [need("33", ends_on="2027-01-31")],
            [need("33", ends_on="2027-01-30")],
            [need("33", ends_on="2027-01-31")],
            id="the later end",
        ),
        pytest.param([need("22", ends_on="2027-01-31")], [need("22")], [need("22")], id="no end"),
        pytest.param(
            [need("29", **BORN)],
            [need("29", youngest_child_born_on="2024-05-02")],
            [need("29", youngest_child_born_on="2024-05-02")],
            id="the younger child",
        ),
        pytest.param([need("08")], [need("08", note="A")], [need("08", note="A")], id="a note"),
        pytest.param([need("08", note="b")], [need("08", note="a")], [need("08", note="b")], id="the later note"),
        pytest.param([], [need("08")], [need("08")], id="none"),
    ],
)
def test_of_two_needs_with_one_code_the_one_that_holds_longer_stays(
    one: list[NeedInput], other: list[NeedInput], both: list[NeedInput]
) -> None:
    assert of_both(one, other) == of_both(other, one) == both


def test_needs_are_put_on_the_register_by_code() -> None:
    submitted = submission(
        needs=[{"code": "29", **BORN, "note": "twins"}, {"code": "33", "ends_on": "2027-01-31"}, {"code": "02"}]
    ).needs
    before = [Need(code=NeedCode("02"), starts_on=date(2025, 1, 1), note="older note")]
    today = date(2026, 11, 23)
    assert on_register(submitted, before, today, young_child_until_birthday=5) == [
        Need(code=NeedCode("02"), starts_on=date(2025, 1, 1)),
        Need(
            code=NeedCode("29"),
            starts_on=today,
            ends_on=date(2029, 5, 1),
            youngest_child_born_on=date(2024, 5, 1),
            note="twins",
        ),
        Need(code=NeedCode("33"), starts_on=today, ends_on=date(2027, 1, 31)),
    ]
