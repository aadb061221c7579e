"""Contacts and addresses, within the limits of D0225."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.contacts import Address, AlternateContact, Contact
from shared.model import Model

LINE, PHONE = "1 Test Street", "07700900123"


@pytest.mark.parametrize(
    ("model", "fields", "code"),
    [
        pytest.param(Address, {"address_lines": [], "postcode": "BS1 4DJ"}, "too_short", id="no address line"),
        pytest.param(Address, {"address_lines": [LINE] * 10, "postcode": "BS1 4DJ"}, "too_long", id="ten lines"),
        pytest.param(Contact, {"name": "A", "phones": [PHONE] * 3}, "too_long", id="three phones"),
        pytest.param(Contact, {"name": ""}, "string_too_short", id="no name"),
        pytest.param(
            AlternateContact,
            {"name": "A", "phones": [PHONE] * 3, "relationship": "carer"},
            "too_long",
            id="three phones of a nominee",
        ),
        pytest.param(AlternateContact, {"name": "A", "relationship": "boss"}, "enum", id="an unknown relationship"),
    ],
)
def test_more_than_the_layout_has_room_for_is_refused(model: type[Model], fields: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(fields, strict=False)
    assert [error["type"] for error in refused.value.errors()] == [code]


def test_as_much_as_the_layout_has_room_for_is_accepted() -> None:
    address = Address(address_lines=[LINE] * 9, postcode="BS1 4DJ")
    assert Contact(name="A", phones=[PHONE] * 2, address=address).address == address
    assert Contact(name="A") == Contact(name="A", phones=[], address=None)
