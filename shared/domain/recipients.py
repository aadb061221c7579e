"""Who is told about a supply point: recipient profiles (`shared/data/recipients.csv`) and the market's tables."""

from enum import StrEnum
from functools import cache
from typing import NamedTuple

from shared.data import rows
from shared.domain.needs import Need
from shared.domain.registration import Registration, Status
from shared.domain.sharing import LawfulBasis
from shared.domain.supply_points import Fuel, Mpan, SupplyPoint, distributors

#: Stands for the operator of a supply point whose distributor the table does not know.
UNROUTABLE = "unroutable"


class Withheld(StrEnum):
    """Why a recipient does not get a supply point's state."""

    NOT_ACTIVE = "not_active"
    NO_LAWFUL_BASIS = "no_lawful_basis"
    NO_ALLOWED_CODE = "no_allowed_code"
    RELEASED = "released"
    SUPPLY_LOST = "supply_lost"
    UNROUTABLE = "unroutable"


class Profile(NamedTuple):
    """What a kind of recipient gets, in which format. `codes` None means every live code."""

    profile: str
    purpose: str
    supply_points: Fuel
    route: str
    format: str
    codes: frozenset[str] | None
    lawful_bases: frozenset[LawfulBasis]


class Recipient(NamedTuple):
    """One organisation. `recipient_id` is its MPID; `file_code` two characters that are its own in file ids."""

    recipient_id: str
    file_code: str
    profile: Profile


@cache
def profiles() -> tuple[Profile, ...]:
    """Every row of the recipient table."""
    return tuple(
        Profile(
            profile=row["profile"],
            purpose=row["purpose"],
            supply_points=Fuel(row["supply_points"]),
            route=row["route"],
            format=row["format"],
            codes=None if row["codes"] == "all" else frozenset(row["codes"].split()),
            lawful_bases=frozenset(map(LawfulBasis, row["lawful_bases"].split())),
        )
        for row in rows("recipients.csv")
    )


@cache
def recipients() -> dict[str, Recipient]:
    """Every recipient by id. Each distributor is one of the electricity distributors' profile."""
    by_distributor = next(p for p in profiles() if p.route == "distributor")
    routable = {d.mpid: Recipient(d.mpid, d.distributor_id, by_distributor) for d in distributors().values()}
    return {**routable, UNROUTABLE: Recipient(UNROUTABLE, "00", by_distributor)}


def recipients_of(point: SupplyPoint) -> list[Recipient]:
    """Who is told about a supply point. The operator is derived each time: networks change hands."""
    if not isinstance(point, Mpan):
        return []
    distributor = distributors().get(point.distributor_id)
    return [recipients()[distributor.mpid if distributor else UNROUTABLE]]


def allowed_needs(registration: Registration, recipient: Recipient) -> list[Need]:
    """The needs that a recipient may know."""
    codes = recipient.profile.codes
    return [need for need in registration.needs if codes is None or need.code in codes]


def why_withheld(registration: Registration, recipient: Recipient) -> Withheld | None:
    """Why a recipient should have nothing of a registration; None if it should have it."""
    if registration.status is not Status.ACTIVE:
        return Withheld.NOT_ACTIVE
    if registration.sharing.basis not in recipient.profile.lawful_bases:
        return Withheld.NO_LAWFUL_BASIS
    if not allowed_needs(registration, recipient):
        return Withheld.NO_ALLOWED_CODE
    return None
