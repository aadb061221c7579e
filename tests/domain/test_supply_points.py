"""MPAN and MPRN: form, check digits, distributors. Values: the industry's rules applied to synthetic numbers."""

import pytest
from pydantic import ValidationError

from shared.domain.supply_points import (
    Mpan,
    Mprn,
    SupplyPoints,
    SupplyPointsInput,
    distributors,
    mpan_check_digit,
    supply_point_key,
    supply_point_of,
)

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
        with pytest.raises(ValueError, match="check digit"):
            Mpan.parse(number[:12] + digit)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param("1013044353631", "mpan_check_digit", id="published as wrong"),
        pytest.param("1234567890123", "mpan_check_digit", id="counting up"),
        pytest.param("100099900101", "mpan_form", id="12 digits"),
        pytest.param("10009990010190", "string_too_long", id="14 digits"),
        pytest.param("10009990010I9", "mpan_form", id="a letter"),
        pytest.param("", "mpan_form", id="empty"),
        pytest.param(" 100099900101", "mpan_form", id="a space"),
        pytest.param("١٠٠٠٩٩٩٠٠١٠١٩", "mpan_form", id="digits of another script"),
    ],
)
def test_refuses_what_is_no_mpan(number: str, code: str) -> None:
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
        pytest.param("12345", "mprn_form", id="5 digits"),
        pytest.param("123456789012", "string_too_long", id="12 digits"),
        pytest.param("99000001O4", "mprn_form", id="a letter"),
    ],
)
def test_refuses_what_is_no_mprn(number: str, code: str) -> None:
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


def test_a_key_tells_the_fuel_and_the_number() -> None:
    for point in (Mpan("1000999001019"), Mprn("300001")):
        assert supply_point_of(supply_point_key(point)) == point
        assert type(supply_point_of(supply_point_key(point))) is type(point)
    assert supply_point_key(Mpan("1000999001019")) == "mpan:1000999001019"
