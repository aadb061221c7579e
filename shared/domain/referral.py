"""Referrals: somebody else puts a person forward who may need the register's services."""

from datetime import date
from enum import StrEnum

from shared.domain.text import Name, Phone
from shared.model import Model


class Referrer(StrEnum):
    """The kind of person or organisation that put the person forward."""

    CARER = "carer"
    CHARITY = "charity"
    NETWORK = "network"
    HEALTH_SERVICE = "health_service"
    OTHER = "other"


class Referral(Model):
    """A referral. The registration is pending until the person confirms it or another lawful basis is recorded."""

    referrer: Referrer
    name: Name
    organisation: Name | None = None
    phone: Phone | None = None
    referred_on: date
