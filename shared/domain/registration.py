"""A registration as callers submit it (`RegistrationInput`), as they get it (`Registration`), and as it is stored."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, NewType

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.domain.campaigns import Campaign
from shared.domain.contacts import Address, AlternateContact, Contact
from shared.domain.household import Household
from shared.domain.needs import Need, NeedInput, categories, refuse_repeated
from shared.domain.networks import NetworkState
from shared.domain.referral import Referral
from shared.domain.services import Services
from shared.domain.sharing import Sharing
from shared.domain.supply_points import SupplyPoint, SupplyPoints, SupplyPointsInput, supply_point_key
from shared.field_errors import refusal
from shared.model import Model

AccountId = NewType("AccountId", str)
#: A keyed UUID (see `shared.store.identity`).
RegistrationId = NewType("RegistrationId", str)

AccountIdField = Annotated[AccountId, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,34}$")]


class Status(StrEnum):
    """`pending` until the customer's needs are known; `withdrawn` and `ended` have no supply point."""

    PENDING = "pending"
    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"

    @property
    def live(self) -> bool:
        """Whether a registration of this status has its supply points."""
        return self in (Status.PENDING, Status.ACTIVE)

    def with_needs(self, *, known: bool) -> "Status":
        """The status by the needs: a live registration is active once they are known, and pending until then."""
        if not self.live:
            return self
        return Status.ACTIVE if known else Status.PENDING


class RegistrationInput(Model):
    """A caller's submission about an account. Unknown fields are errors."""

    account_id: AccountIdField
    status: Literal[Status.ACTIVE, Status.PENDING] = Status.ACTIVE
    supply_points: SupplyPointsInput
    premises: Address
    primary_contact: Contact
    alternate_contact: AlternateContact | None = None
    needs: Annotated[list[NeedInput], Field(max_length=len(categories())), AfterValidator(refuse_repeated)] = Field(
        default_factory=list
    )
    sharing: Sharing
    services: Services = Services()
    referral: Referral | None = None
    household: Household | None = None

    @model_validator(mode="after")
    def _is_coherent(self) -> "RegistrationInput":
        if self.status is Status.ACTIVE and not self.needs:
            raise refusal("needs_missing")
        if self.status is Status.PENDING and self.needs:
            raise refusal("needs_known")
        if self.services.nominee_receives_communications and self.alternate_contact is None:
            raise refusal("nominee_missing")
        return self


class AmendedInput(RegistrationInput):
    """A registration once it is amended. It can have no supply point, between two homes.

    How many it can have depends on how many it had: see `shared.domain.supply_points.refuse_too_many`.
    """

    supply_points: SupplyPoints = SupplyPoints()  # type: ignore[assignment]  # wider than at registration


class Notice(Model):
    """A warning: something accepted that a person should check (an unknown distributor, an unusual MPRN)."""

    pointer: str
    code: str


class Registration(Model):
    """The registration as the API answers it.

    `closes_on` is the account's last day, if it is announced; the registration ends after it. `unconfirmed_until`
    is the last day on which a referral can be confirmed; the registration ends after it, and is erased. `campaigns`
    have the newest attempts to contact the customer, by work and due date.
    """

    registration_id: RegistrationId
    account_id: AccountId
    status: Status
    version: int
    supply_points: SupplyPoints
    premises: Address
    primary_contact: Contact
    alternate_contact: AlternateContact | None
    needs: list[Need]
    sharing: Sharing
    services: Services
    household: Household | None = None
    created_at: datetime
    updated_at: datetime
    review_due_on: date
    follow_up_on: date | None
    closes_on: date | None = None
    referral: Referral | None = None
    unconfirmed_until: date | None = None
    campaigns: list[Campaign] = Field(default_factory=list)
    warnings: list[Notice]

    def assigned(self) -> dict[str, SupplyPoint]:
        """The supply points of this registration, by key."""
        return {supply_point_key(point): point for point in self.supply_points.all()}


class Fact(Model):
    """Where an aspect of a registration comes from. Facts are ordered by time, ties by source and id."""

    time: datetime
    source: str
    id: str

    def newer_than(self, other: "Fact | None") -> bool:
        """Whether this fact wins over another about the same aspect."""
        return other is None or (self.time, self.source, self.id) > (other.time, other.source, other.id)


class PointFact(Fact):
    """The fact that we serve a supply point for this account, or do not.

    While it is `waiting`, the account states that the supply point is its own, but another live registration has it by
    an older fact; this registration takes it when the message `parked_as` is applied after the release.
    """

    served: bool
    parked_as: str | None = None

    @property
    def waiting(self) -> bool:
        """Whether another registration has to release the supply point first."""
        return self.parked_as is not None


class Facts(Model):
    """The fact that each aspect comes from.

    `supply_points` is the newest statement that named all of them: it decides on every supply point for which `points`
    (by key) has nothing newer. `closing` is the newest statement about the account's last day; `review` is the newest
    statement that the customer reviewed the registration, or that somebody should. Both are None without one.
    """

    profile: Fact
    premises: Fact
    sharing: Fact
    status: Fact
    supply_points: Fact
    points: dict[str, PointFact]
    closing: Fact | None = None
    review: Fact | None = None


class FormerPeriod(Model):
    """A time on the register that ended before the account was registered again.

    Its history, up to `version`, is erased once its retention is over, even while the account is live. One that was
    erased before the account was registered again has the instant of that, `erased_at`: the rest of it is due now.
    """

    ended_on: date
    version: int
    erased_at: datetime | None = None


class RegistrationState(Model):
    """All that is stored of a registration.

    `networks` says what each network operator had and should have of each supply point; it goes with the supply point
    to its claim when it is released. `day` is the London day of the last change. `ended_on` is the London day on which
    the registration stopped being live: its retention counts from there, and later facts do not move it; None while it
    is live, and of a shell. `former` are earlier times on the register, oldest first. Since `erased_on` only a shell is
    left.
    """

    registration: Registration
    facts: Facts
    networks: dict[str, dict[str, NetworkState]]
    day: date
    ended_on: date | None = None
    former: list[FormerPeriod] = Field(default_factory=list)
    erased_on: date | None = None


def newly_assigned(known: RegistrationState | None, after: RegistrationState) -> dict[str, SupplyPoint]:
    """The supply points that a registration has after a change and did not have before, by key."""
    before = known.registration.assigned() if known else {}
    return {key: point for key, point in after.registration.assigned().items() if key not in before}
