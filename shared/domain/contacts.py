"""People and places: contacts, nominee, addresses."""

from enum import StrEnum

from pydantic import Field

from shared.domain.text import AddressLine, Name, Phone, Postcode
from shared.model import Model


class Address(Model):
    """D0225 takes nine lines and a postcode."""

    address_lines: list[AddressLine] = Field(min_length=1, max_length=9)
    postcode: Postcode


class Contact(Model):
    """The customer: D0225 takes a name, two phones and an address other than the premises'."""

    name: Name
    phones: list[Phone] = Field(default_factory=list, max_length=2)
    address: Address | None = None


class Relationship(StrEnum):
    """The alternate contact's relationship to the customer."""

    POWER_OF_ATTORNEY = "power_of_attorney"
    CARER = "carer"
    FRIEND_OR_FAMILY = "friend_or_family"
    NEIGHBOUR = "neighbour"
    EXECUTOR = "executor"
    OTHER = "other"


class AlternateContact(Model):
    """The nominee. The customer has this person's permission to name them."""

    name: Name
    phones: list[Phone] = Field(default_factory=list, max_length=2)
    relationship: Relationship
