"""The services that a registered customer gets."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.domain.services import CommunicationFormat, Services


def test_the_services_of_a_customer_who_asked_for_none() -> None:
    assert Services() == Services(
        caller_password=None,
        communication_format=CommunicationFormat.STANDARD,
        language="en",
        nominee_receives_communications=False,
        cannot_read_meter=False,
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"language": "EN"}, "string_pattern_mismatch", id="a language in capitals"),
        pytest.param({"language": "e"}, "string_pattern_mismatch", id="one letter"),
        pytest.param({"language": "engl"}, "string_pattern_mismatch", id="four letters"),
        pytest.param({"caller_password": "12345678901"}, "string_too_long", id="a password of 11 characters"),
        pytest.param({"communication_format": "morse"}, "enum", id="an unknown format"),
    ],
)
def test_services_that_cannot_be_are_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Services.model_validate(changes, strict=False)
    assert [error["type"] for error in refused.value.errors()] == [code]
