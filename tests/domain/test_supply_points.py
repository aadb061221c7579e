"""MPAN and MPRN: form, check digits, distributors. Values: the industry's rules applied to synthetic numbers."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from shared.domain.supply_points import (
    Distributor,
    Fuel,
    Mpan,
    Mprn,
    SupplyPoints,
    SupplyPointsInput,
    distributors,
    mpan_check_digit,
    mprn_check_digits,
    refuse_too_many,
    supply_point_key,
    supply_point_of,
)
from shared.errors import FieldError, InvalidContent
from tests.support.registrations import mpans

ONE_OF_EACH_DISTRIBUTOR = [
    "1000999001019",
    "1100999001110",
    "1200999001212",
    "1300999001314",
    "1400999001416",
    "1500999001518",
    "1600999001610",
    "1700999001711",
    "1800999001813",
    "1900999001915",
    "2000999002015",
    "2100999002117",
    "2200999002219",
    "2300999002310",
    "2400999002412",
    "2700999002718",
    "3800999003816",
]
PUBLISHED = ["1200023305967", "1591055549625", "2000024512368"]
REMAINDER_TEN = "1099900000070"


@pytest.mark.parametrize("number", [*ONE_OF_EACH_DISTRIBUTOR, *PUBLISHED, REMAINDER_TEN, "1234567890126"])
def test_accepts_an_mpan_with_the_right_check_digit(number: str) -> None:
    assert Mpan.parse(number) == number


@pytest.mark.parametrize("number", [*ONE_OF_EACH_DISTRIBUTOR, REMAINDER_TEN])
def test_refuses_every_other_check_digit(number: str) -> None:
    for digit in set("0123456789") - {number[12]}:
        with pytest.raises(ValueError, match="Check the MPAN"):
            Mpan.parse(number[:12] + digit)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param("1013044353631", "mpan_check_digit", id="published as wrong"),
        pytest.param("1234567890123", "mpan_check_digit", id="counting up"),
        pytest.param("100099900101", "mpan_malformed", id="12 digits"),
        pytest.param("10009990010190", "string_too_long", id="14 digits"),
        pytest.param("10009990010I9", "mpan_malformed", id="a letter"),
        pytest.param("", "mpan_malformed", id="empty"),
        pytest.param(" 100099900101", "mpan_malformed", id="a space"),
        pytest.param("١٠٠٠٩٩٩٠٠١٠١٩", "mpan_malformed", id="digits of another script"),
    ],
)
def test_refuses_text_that_is_no_mpan(number: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SupplyPoints.model_validate({"mpans": [number]})
    assert [(e["loc"], e["type"]) for e in refused.value.errors()] == [(("mpans", 0), code)]
    assert not number or number not in str(refused.value)


@pytest.mark.parametrize(
    "number",
    [
        *("3938424403", "3016362107", "3226987202"),  # published
        *("9900000104", "9900000205", "7400000108", "7500000104", "7600000100", "7700000107"),
        pytest.param("9900000710", id="remainder 10"),
        pytest.param("300001", id="6 digits"),
    ],
)
def test_accepts_an_mprn_with_the_right_check_digits(number: str) -> None:
    assert Mprn.parse(number).warning is None


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param("1234567890", "mprn_check_digit", id="10 digits, wrong check digits"),
        pytest.param("9900000105", "mprn_check_digit", id="10 digits, last digit wrong"),
        pytest.param("9900000114", "mprn_check_digit", id="10 digits, last but one wrong"),
        pytest.param("12345", "mprn_malformed", id="5 digits"),
        pytest.param("123456789012", "string_too_long", id="12 digits"),
        pytest.param("99000001O4", "mprn_malformed", id="a letter"),
    ],
)
def test_refuses_text_that_is_no_mprn(number: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SupplyPoints.model_validate({"mprns": [number]})
    assert [(e["loc"], e["type"]) for e in refused.value.errors()] == [(("mprns", 0), code)]


@pytest.mark.parametrize("number", ["300002", "12345678", "99000001040"])
def test_an_mprn_of_unusual_length_with_wrong_check_digits_is_only_a_warning(number: str) -> None:
    assert Mprn.parse(number).warning == "mprn_check_digit"


def test_the_table_has_14_dnos_and_15_idnos_with_distinct_market_participants() -> None:
    table = distributors()
    assert sorted(table) == [str(number) for number in range(10, 39)]
    assert len({row.mpid for row in table.values()}) == 29
    assert {row.distributor_id for row in table.values() if row.gsp_group} == {str(n) for n in range(10, 24)}
    assert {row.gsp_group for row in table.values() if row.gsp_group} == {f"_{c}" for c in "ABCDEFGHJKLMNP"}


def test_an_unknown_distributor_is_accepted_with_a_warning() -> None:
    body = "979990000100"
    assert Mpan.parse(f"{body}{mpan_check_digit(body + '0')}").warning == "distributor_unknown"
    assert Mpan.parse(ONE_OF_EACH_DISTRIBUTOR[0]).warning is None


@pytest.mark.parametrize(
    ("mpans", "mprns", "code", "place"),
    [
        pytest.param([], [], "supply_point_missing", (), id="none at all"),
        pytest.param(["1000999001019"] * 2, [], "supply_point_repeated", (), id="an MPAN twice"),
        pytest.param([], ["300001"] * 2, "supply_point_repeated", (), id="an MPRN twice"),
        pytest.param([], ["300001"] * 21, "supply_points_too_many", ("mprns",), id="21 of a fuel"),
    ],
)
def test_refuses_supply_points_that_cannot_be(
    mpans: list[str], mprns: list[str], code: str, place: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        SupplyPointsInput.model_validate({"mpans": mpans, "mprns": mprns})
    assert [(e["loc"], e["type"]) for e in refused.value.errors()] == [(place, code)]


def test_a_key_has_the_fuel_and_the_number() -> None:
    for point in (Mpan("1000999001019"), Mprn("300001")):
        assert supply_point_of(supply_point_key(point)) == point
        assert type(supply_point_of(supply_point_key(point))) is type(point)
    assert supply_point_key(Mpan("1000999001019")) == "mpan:1000999001019"


def test_check_digits_are_computed_from_the_other_digits() -> None:
    assert [mpan_check_digit(number) for number in (*PUBLISHED, REMAINDER_TEN)] == [7, 5, 8, 0]
    assert [mprn_check_digits(number) for number in ("3938424403", "9900000710", "300001")] == ["03", "10", "01"]


def test_a_number_has_the_fuel_of_its_kind() -> None:
    assert (Mpan("1000999001019").fuel, Mprn("300001").fuel) == (Fuel.ELECTRICITY, Fuel.GAS)
    assert Mpan("1000999001019").distributor_id == "10"


def test_a_distributor_is_its_row() -> None:
    assert distributors()["22"] == Distributor(
        "22", "SWEB", "_L", distributors()["22"].operator, distributors()["22"].area
    )
    assert distributors()["22"].operator


def test_numbers_are_described_to_callers() -> None:
    assert TypeAdapter(Mpan).json_schema() == {
        "type": "string",
        "format": "mpan",
        "pattern": "^[0-9]{13}$",
        "examples": ["1000999001019"],
    }
    assert TypeAdapter(Mprn).json_schema() == {
        "type": "string",
        "format": "mprn",
        "pattern": "^[0-9]{6,11}$",
        "examples": ["9900000104"],
    }


@pytest.mark.parametrize(
    ("kind", "given", "code"),
    [
        pytest.param(Mpan, "1000999001019", None, id="an MPAN"),
        pytest.param(Mprn, "9900000104", None, id="an MPRN"),
        pytest.param(Mprn, "99000001040", None, id="an MPRN of 11 digits"),
        pytest.param(Mpan, "1000999001010", "mpan_check_digit", id="an MPAN with a wrong check digit"),
        pytest.param(Mprn, "9900000105", "mprn_check_digit", id="an MPRN with a wrong check digit"),
        pytest.param(Mpan, "10009990010190", "string_too_long", id="14 digits"),
        pytest.param(Mprn, "990000010400", "string_too_long", id="12 digits"),
        pytest.param(Mpan, 1000999001019, "string_type", id="a number that is no text"),
    ],
)
def test_numbers_are_read_as_text_of_their_kind(kind: Any, given: Any, code: str | None) -> None:
    adapter = TypeAdapter(kind)
    if code is None:
        assert type(adapter.validate_python(given)) is kind
    else:
        with pytest.raises(ValidationError) as refused:
            adapter.validate_python(given)
        assert [error["type"] for error in refused.value.errors()] == [code]


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Mpan, "100099900101", "Enter the 13 digits of the MPAN core"),
        (Mpan, "1000999001010", "Check the MPAN: its last digit does not match the others"),
        (Mprn, "12345", "Enter the 6 to 11 digits of the MPRN"),
        (Mprn, "9900000105", "Check the MPRN: its last two digits do not match the others"),
    ],
)
def test_a_number_is_refused_with_a_reason(kind: type[Mpan | Mprn], given: str, message: str) -> None:
    with pytest.raises(PydanticCustomError, match=f"^{message}$"):
        kind.parse(given)


def test_a_parsed_number_is_of_its_kind() -> None:
    points = SupplyPoints.model_validate({"mpans": ["1000999001019"], "mprns": ["300001"]})
    assert (type(points.mpans[0]), type(points.mprns[0])) == (Mpan, Mprn)


def test_supply_points_are_mpans_and_then_mprns() -> None:
    keys = ["mprn:300001", "mpan:1000999001019", "mprn:9900000104", "mpan:2200999002219"]
    points = SupplyPoints.of_keys(keys)
    assert points == SupplyPoints(
        mpans=[Mpan("1000999001019"), Mpan("2200999002219")], mprns=[Mprn("300001"), Mprn("9900000104")]
    )
    assert points.all() == ["1000999001019", "2200999002219", "300001", "9900000104"]


@pytest.mark.parametrize(("mpans", "mprns"), [(["1000999001019"], []), ([], ["300001"])], ids=["MPAN", "MPRN"])
def test_one_supply_point_is_enough(mpans: list[str], mprns: list[str]) -> None:
    assert len(SupplyPointsInput.model_validate({"mpans": mpans, "mprns": mprns}).all()) == 1


def test_twenty_of_a_fuel_are_accepted() -> None:
    assert len(SupplyPointsInput.model_validate({"mpans": mpans(20)}).mpans) == 20
    with pytest.raises(ValidationError, match="Enter at most 20 supply points"):
        SupplyPointsInput.model_validate({"mpans": mpans(21)})


MPRNS = [f"{number:06d}" for number in range(100000, 100030)]


@pytest.mark.parametrize(
    ("before", "after", "fuels"),
    [
        pytest.param(range(20), range(21), ["mpans", "mprns"], id="21 instead of 20"),
        pytest.param(range(19), range(20), [], id="20"),
        pytest.param(range(25), range(25), [], id="25 stay"),
        pytest.param(range(25), range(23), [], id="25 become fewer"),
        pytest.param(range(25), range(1, 26), ["mpans", "mprns"], id="one of 25 is replaced"),
        pytest.param(range(25), range(1, 21), [], id="20 of 25 stay"),
        pytest.param(range(25), range(5, 25), [], id="20 with others"),
    ],
)
def test_a_registration_with_too_many_supply_points_gains_none(before: range, after: range, fuels: list[str]) -> None:
    numbers = mpans(30)

    def points(chosen: range) -> SupplyPoints:
        return SupplyPoints(mpans=[Mpan(numbers[n]) for n in chosen], mprns=[Mprn(MPRNS[n]) for n in chosen])

    problems: list[FieldError] = []
    try:
        refuse_too_many(points(before), points(after))
    except InvalidContent as refused:
        problems = list(refused.errors)
    assert problems == [
        (f"/supply_points/{fuel}", "supply_points_too_many", "Enter at most 20 supply points") for fuel in fuels
    ]
