"""The services that a registered customer gets (licence condition 26), apart from what the networks do."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from shared.domain.text import CallerPassword
from shared.model import Model


class CommunicationFormat(StrEnum):
    """How letters and bills are sent."""

    STANDARD = "standard"
    LARGE_PRINT = "large_print"
    BRAILLE = "braille"
    AUDIO = "audio"
    READ_BY_PHONE = "read_by_phone"


class Services(Model):
    """`caller_password` identifies the supplier's visitors to the customer; it is shown to its own scope only."""

    caller_password: CallerPassword | None = None
    communication_format: CommunicationFormat = CommunicationFormat.STANDARD
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    nominee_receives_communications: bool = False
    cannot_read_meter: bool = False
