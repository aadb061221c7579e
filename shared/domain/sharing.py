"""The lawful basis on which needs are shared with network operators (D0225 J2208). Not a boolean, not only consent."""

from datetime import date
from enum import StrEnum

from shared.domain.text import Note
from shared.errors import FieldError
from shared.field_errors import field_error
from shared.model import Model


class LawfulBasis(StrEnum):
    """UK GDPR Article 9(2) and Data Protection Act 2018, Schedule 1, Part 2."""

    EXPLICIT_CONSENT = "explicit_consent"
    SUBSTANTIAL_PUBLIC_INTEREST = "substantial_public_interest"
    VITAL_INTERESTS = "vital_interests"
    NONE = "none"


class Sharing(Model):
    """The lawful basis record: which basis, since when, and where the evidence is (a call, a form)."""

    basis: LawfulBasis
    recorded_on: date
    evidence: Note


def recorded_in_future(sharing: Sharing, day: date) -> list[FieldError]:
    """The error of a lawful basis that is recorded for a day after `day`; empty if there is none."""
    if sharing.recorded_on <= day:
        return []
    return [field_error("/sharing/recorded_on", "date_in_future")]
