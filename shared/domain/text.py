"""Text that people write: kept exactly as given, in any script, within the lengths of the industry's layouts."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo

from shared.field_errors import refusal
from shared.model import SUBMITTED

#: Controls, line and paragraph separators, and the overrides that make text read differently from what it is.
_FORBIDDEN = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
_FORBIDDEN_ANYWHERE = re.compile(f"[{_FORBIDDEN}]")
#: Separators, controls, format characters and marks show nothing without another character.
_INVISIBLE_CATEGORIES = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Me"})
#: Fillers and the empty Braille pattern show nothing either, though Unicode calls them letters, symbols or unassigned
#: (DerivedCoreProperties, Default_Ignorable_Code_Point).
_FILLER = re.compile("[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]")
_OUTWARD = r"[A-PR-UWYZ]([0-9]{1,2}|[A-HK-Y][0-9]([0-9]|[ABEHMNPRV-Y])?|[0-9][A-HJKPS-UW])"
_POSTCODE = re.compile(rf"(GIR ?0AA|{_OUTWARD} ?[0-9][ABD-HJLNP-UW-Z]{{2}})")
_OUTWARD_CODE = re.compile(_OUTWARD)
#: `BS1 4`: the outward code is the part before the space, even if it could be another without the space.
_SPACED_SECTOR = re.compile(r"\S+ +[0-9]")
_PHONE = re.compile(r"[+(]?[0-9][0-9 ()-]*")
_PHONE_DIGITS = range(7, 16)


def _printable(text: str, info: ValidationInfo) -> str:
    if _FORBIDDEN_ANYWHERE.search(text):
        raise refusal("control_character")
    if not text.strip() or (info.context is SUBMITTED and not any(map(_is_visible, text))):
        raise refusal("blank")
    return text


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in _INVISIBLE_CATEGORIES and not _FILLER.match(character)


def _postcode(text: str) -> str:
    compact = text.upper().replace(" ", "")
    if not text.isascii() or not _POSTCODE.fullmatch(compact):
        raise refusal("postcode_malformed")
    return f"{compact[:-3]} {compact[-3:]}"


def _phone(text: str) -> str:
    if not _PHONE.fullmatch(text) or sum(c.isdigit() for c in text) not in _PHONE_DIGITS:
        raise refusal("phone_malformed")
    return text


_PRINTABLE = Field(json_schema_extra={"pattern": f"^[^{_FORBIDDEN}]*$"})

#: D0225 J1884, J1719 (names), J1874 to J1882 (address lines), J0012 (additional information).
NAME_LENGTH, LINE_LENGTH, NOTE_LENGTH = 50, 40, 200
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH), AfterValidator(_printable), _PRINTABLE]
AddressLine = Annotated[
    str, StringConstraints(min_length=1, max_length=LINE_LENGTH), AfterValidator(_printable), _PRINTABLE
]
Note = Annotated[str, StringConstraints(min_length=1, max_length=NOTE_LENGTH), AfterValidator(_printable), _PRINTABLE]

#: DTC J1720, CHAR(20).
Phone = Annotated[
    str,
    StringConstraints(max_length=20),
    AfterValidator(_phone),
    Field(json_schema_extra={"format": "phone", "examples": ["07700900123"]}),
]
#: Upper case with one space before the last three characters.
Postcode = Annotated[
    str,
    StringConstraints(max_length=10),
    AfterValidator(_postcode),
    Field(json_schema_extra={"format": "postcode", "examples": ["BS1 4DJ"]}),
]
#: DTC J0693, CHAR(10).
CallerPassword = Annotated[str, StringConstraints(min_length=1, max_length=10), AfterValidator(_printable), _PRINTABLE]


def sector_or_postcode(text: str) -> str:
    """A postcode or a postcode sector in the form that registrations keep.

    `E11` is the outward code of one area and, without its space, a sector of another (`E1 1`): it is neither here.
    Raises `PydanticCustomError`.
    """
    text = text.strip(" ")
    if _OUTWARD_CODE.fullmatch(text.upper().replace(" ", "")) and not _SPACED_SECTOR.fullmatch(text):
        raise refusal("outward_code")
    return postcode_sector(_postcode(f"{text}AA")) if is_sector(text) else _postcode(text)


def is_sector(text: str) -> bool:
    """Whether a postcode lacks its last two letters."""
    return text.rstrip()[-1:].isdigit()


def postcode_sector(postcode: str) -> str:
    """`BS1 4` of `BS1 4DJ`."""
    return postcode[:-2]
