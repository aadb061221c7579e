"""Text that people write: kept exactly, or refused."""

import unicodedata
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from shared.domain.text import (
    AddressLine,
    CallerPassword,
    Name,
    Note,
    Phone,
    Postcode,
    is_sector,
    postcode_sector,
    sector_or_postcode,
)
from shared.model import SUBMITTED

NAMES = {
    "Latin with accents": "Siân Ní Dhomhnaill-Łukaszewicz",
    "composed the other way": unicodedata.normalize("NFD", "Siân Ó Briain"),
    "Arabic": "السيدة فاطمة الزهراء",
    "Chinese": "王小明",
    "Hindi with joiners": "क्‍ष श्री",
    "Hebrew with a mark": "\u200fשרה לוי",
    "beyond the basic plane": "𠮷野家 👩‍👩‍👧",
    "Urdu with a non-joiner": "می\u200cخواهم",
    "apostrophes and quotes": "O'Neill “Bob” d’Arcy",
    "pipes and ampersands": "Smith | Jones & Sons <x>",
    "50 characters": "n" * 50,
    "50 of four bytes each": "𠮷" * 50,
    "spaces at the ends": "  Mrs A  ",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_in_any_script_is_kept_exactly(name: str) -> None:
    assert TypeAdapter(Name).validate_python(name, context=SUBMITTED) == name


@pytest.mark.parametrize("character", [*map(chr, [*range(0x20), *range(0x7F, 0xA0)]), *"\u2028\u2029\u202e\u2066"])
def test_control_characters_are_refused(character: str) -> None:
    for kind in (Name, AddressLine, Note, CallerPassword):
        with pytest.raises(ValidationError, match="control characters"):
            TypeAdapter(kind).validate_python(f"a{character}b")


INVISIBLE = {
    "zero-width spaces": "\u200b\u2060\ufeff",
    "joiners and a direction": "\u200c\u200d\u200e",
    "soft hyphens between spaces": " \u00ad\u00a0\u00ad ",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "marks without a letter": "\u034f\ufe0f\u0301",
    "an empty Braille pattern": "\u2800",
    "tags": "\U000e0041\U000e007f",
}


@pytest.mark.parametrize("kind", [Name, AddressLine, Note, CallerPassword])
@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_text_that_is_submitted_needs_a_visible_character(kind: Any, text: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    with pytest.raises(ValidationError, match="visible character"):
        adapter.validate_python(text, context=SUBMITTED)
    for visible in ("a", ".", "王", "👩", "\u0b95"):
        assert adapter.validate_python(f"{text}{visible}", context=SUBMITTED) == f"{text}{visible}"


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_text_that_was_stored_before_it_needed_one_can_be_read(text: str) -> None:
    assert TypeAdapter(Note).validate_python(text) == text


@pytest.mark.parametrize(("kind", "limit"), [(Name, 50), (AddressLine, 40), (Note, 200), (CallerPassword, 10)])
def test_every_text_has_its_limit(kind: Any, limit: int) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python("é" * limit) == "é" * limit
    for text in ("é" * (limit + 1), "", "   ", "\u00a0"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("BS1 4DJ", "BS1 4DJ"),
        ("bs14dj", "BS1 4DJ"),
        ("EC1A1BB", "EC1A 1BB"),
        ("W1A 0AX", "W1A 0AX"),
        ("M1 1AE", "M1 1AE"),
        ("GIR 0AA", "GIR 0AA"),
    ],
)
def test_a_postcode_is_kept_in_one_form(given: str, kept: str) -> None:
    assert TypeAdapter(Postcode).validate_python(given) == kept
    assert kept.startswith(postcode_sector(kept))


def test_the_sector_is_the_outward_code_and_one_digit() -> None:
    assert [postcode_sector(code) for code in ("BS1 4DJ", "EC1A 1BB")] == ["BS1 4", "EC1A 1"]


@pytest.mark.parametrize("given", ["ZZ99 9ZZ", "BS1 4D", "BS1", "", "QS1 4DJ", "BS1 4CV", "BS1-4DJ", "\u017fw1a 0ax"])
def test_text_that_is_no_postcode_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Postcode).validate_python(given)


@pytest.mark.parametrize("given", ["07700900123", "+44 7700 900123", "(0117) 496-0123", "+447700900123"])
def test_a_phone_number_is_kept_as_written(given: str) -> None:
    assert TypeAdapter(Phone).validate_python(given) == given


@pytest.mark.parametrize(
    "given", ["", "123456", "0770090012345678", "ring the bell", "07700 900 123 x4", "٠٧٧٠٠٩٠٠١٢٣", "1" * 21]
)
def test_text_that_is_no_phone_number_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Phone).validate_python(given)


@pytest.mark.parametrize("given", ["0770090", "077009001234567"], ids=["7 digits", "15 digits"])
def test_the_shortest_and_the_longest_phone_number_are_accepted(given: str) -> None:
    assert TypeAdapter(Phone).validate_python(given) == given


@pytest.mark.parametrize(
    ("kind", "text", "code", "message"),
    [
        (Name, "a\nb", "control_character", "Remove line breaks and other control characters"),
        (Name, "  ", "blank", "Enter at least one visible character"),
        (Postcode, "BS1", "postcode_malformed", "Enter a postcode such as BS1 4DJ"),
        (Phone, "12", "phone_malformed", "Enter a phone number of 7 to 15 digits such as 07700 900123"),
    ],
)
def test_text_is_refused_with_a_reason(kind: Any, text: str, code: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(text)
    assert [(error["type"], error["msg"]) for error in refused.value.errors()] == [(code, message)]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("BS1 4DJ", "BS1 4DJ"),
        ("bs14dj", "BS1 4DJ"),
        (" BS1 4DJ ", "BS1 4DJ"),
        ("BS1 4", "BS1 4"),
        ("bs1  4", "BS1 4"),
        (" BS1 4 ", "BS1 4"),
        ("EC1A 1", "EC1A 1"),
        pytest.param("E1 1", "E1 1", id="a sector that is an outward code without its space"),
        pytest.param("EC1A1", "EC1A 1", id="a sector that no outward code is like"),
    ],
)
def test_an_area_is_a_postcode_or_a_sector(given: str, kept: str) -> None:
    assert sector_or_postcode(given) == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param("E11", "outward_code", id="an outward code, or a sector without its space"),
        pytest.param("bs1", "outward_code", id="in small letters"),
        pytest.param("EC1A", "outward_code", id="with a letter at its end"),
        pytest.param("B S1", "outward_code", id="with a space within"),
        ("nowhere", "postcode_malformed"),
        ("QS1 4", "postcode_malformed"),
        pytest.param("\tBS1 4DJ", "postcode_malformed", id="a tab before it"),
        pytest.param("XBS1 4DJ", "postcode_malformed", id="a letter before it"),
        ("", "postcode_malformed"),
    ],
)
def test_text_that_is_neither_postcode_nor_sector_is_refused(given: str, code: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        sector_or_postcode(given)
    assert refused.value.type == code


def test_an_outward_code_is_refused_with_advice() -> None:
    with pytest.raises(PydanticCustomError) as refused:
        sector_or_postcode("E11")
    assert refused.value.message() == ("Enter a postcode such as BS1 4DJ, or a sector with its space such as BS1 4")


@pytest.mark.parametrize(("text", "sector"), [("BS1 4", True), ("BS1 4 ", True), ("BS1 4DJ", False), ("", False)])
def test_a_sector_ends_with_a_digit(text: str, *, sector: bool) -> None:
    assert is_sector(text) is sector
