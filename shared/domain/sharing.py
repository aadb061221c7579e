"""The sharing record: on which basis needs are shared with network operators (D0225 J2208), and the proof of it.

Sharing data about health needs an Article 6 basis and an Article 9 condition of the UK GDPR, and the condition
`substantial_public_interest` a paragraph of Schedule 1, Part 2 of the Data Protection Act 2018. A record that came
without the basis and the capture (from an old platform) says `not_recorded`: the register never guesses them.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AwareDatetime, Field, StringConstraints

from shared.domain.text import Name, Note
from shared.domain.wordings import WordingReference
from shared.model import Model


class Article9Condition(StrEnum):
    """UK GDPR Article 9(2)(a), (g), (c). `none`: nothing is shared."""

    EXPLICIT_CONSENT = "explicit_consent"
    SUBSTANTIAL_PUBLIC_INTEREST = "substantial_public_interest"
    VITAL_INTERESTS = "vital_interests"
    NONE = "none"


class Article6Basis(StrEnum):
    """UK GDPR Article 6(1)(a), (c), (d), (e), (f), (ea)."""

    CONSENT = "consent"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"
    RECOGNISED_LEGITIMATE_INTERESTS = "recognised_legitimate_interests"
    NOT_RECORDED = "not_recorded"


class Schedule1Paragraph(StrEnum):
    """Data Protection Act 2018, Schedule 1, Part 2, paragraphs 18 and 19."""

    SAFEGUARDING = "safeguarding_of_individuals_at_risk"
    ECONOMIC_WELL_BEING = "economic_well_being"


class CaptureChannel(StrEnum):
    """The channel through which somebody spoke with us."""

    PHONE = "phone"
    WEB = "web"
    APP = "app"
    PAPER = "paper"
    VISIT = "visit"
    NETWORK = "network"
    REFERRAL = "referral"


class SpeakerRole(StrEnum):
    """The customer, or somebody who spoke for the customer. An attorney has a lasting power or a court's order."""

    SELF = "self"
    ATTORNEY = "attorney"
    CARER = "carer"
    REFERRER = "referrer"


#: A staff number or a system's name. Not a person's name or address.
StaffOrSystem = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$"), Field(examples=["agent-117"])
]


class Speaker(Model):
    """The person who spoke. Anybody but the customer has a name, and a referrer an organisation."""

    role: SpeakerRole = SpeakerRole.SELF
    name: Name | None = None
    organisation: Name | None = None


class Capture(Model):
    """How the record was made: when, by which staff or system, through which channel, with which person, and in which
    words.
    """

    captured_at: AwareDatetime
    captured_by: StaffOrSystem
    channel: CaptureChannel
    speaker: Speaker = Speaker()
    wording: WordingReference | None = None


class SharingWithdrawal(Model):
    """The end of sharing, as the customer asked for it. `objection`: to a basis other than consent (Article 21)."""

    withdrawn_at: AwareDatetime
    captured_by: StaffOrSystem
    channel: CaptureChannel
    objection: bool = False


class Ground(NamedTuple):
    """The ground of sharing: an Article 6 basis and an Article 9 condition, which a recipient's row accepts or not."""

    article_6_basis: Article6Basis
    basis: Article9Condition


class Sharing(Model):
    """The sharing record. `basis` is the Article 9 condition; `evidence` says where the proof is (a call, a form).

    `cannot_consent_reason` says why the person cannot consent: without it nobody shares on vital interests alone.
    """

    basis: Article9Condition
    article_6_basis: Article6Basis = Article6Basis.NOT_RECORDED
    schedule_1_paragraph: Schedule1Paragraph | None = None
    cannot_consent_reason: Note | None = None
    recorded_on: date
    evidence: Note
    capture: Capture | None = None
    withdrawn: SharingWithdrawal | None = None

    @property
    def rests_on_vital_interests(self) -> bool:
        """Whether the basis or the condition is vital interests."""
        return "vital_interests" in (self.article_6_basis, self.basis)

    @property
    def effective_basis(self) -> Article9Condition:
        """The condition on which data may be shared routinely: none once it is withdrawn, or on vital interests without
        the reason why the person cannot consent.
        """
        if self.withdrawn or (self.rests_on_vital_interests and self.cannot_consent_reason is None):
            return Article9Condition.NONE
        return self.basis

    @property
    def ground(self) -> Ground:
        """The ground on which data may be shared routinely."""
        return Ground(self.article_6_basis, self.effective_basis)

    @property
    def complete(self) -> bool:
        """Whether the record proves its basis. One without a basis, or withdrawn, has nothing to prove."""
        if self.basis is Article9Condition.NONE or self.withdrawn:
            return True
        recorded = self.article_6_basis is not Article6Basis.NOT_RECORDED and self.capture is not None
        return recorded and self.effective_basis is not Article9Condition.NONE
