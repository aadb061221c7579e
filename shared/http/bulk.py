"""Many registrations at once, by supply point or postcode, for people who restore the supply.

An agent or back end sees every live registration. A network sees the same as the export sends it: supply points of its
area, with a lawful basis, and allowed codes. A customer sees their own account.
"""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from shared.domain.contacts import Address, AlternateContact, Contact
from shared.domain.feed import SharedNeed
from shared.domain.needs import Need, outage_tier
from shared.domain.protections import Protections, protections_of
from shared.domain.recipients import UNROUTABLE, allowed_needs, recipients_of, why_withheld
from shared.domain.registration import Registration, RegistrationId, Status
from shared.domain.supply_points import TOO_MANY, Mpan, Mprn, SupplyPoint
from shared.domain.text import sector_or_postcode
from shared.field_errors import refusal
from shared.http.callers import Caller
from shared.model import Model

_MOST_AT_ONCE = 1000
_PAGE_SIZE = 100


class SupplyPointList(Model):
    """Up to 1,000 supply points, without repetition."""

    mpans: list[Mpan] = Field(default_factory=list, json_schema_extra={"maxItems": _MOST_AT_ONCE})
    mprns: list[Mprn] = Field(default_factory=list, json_schema_extra={"maxItems": _MOST_AT_ONCE})

    @model_validator(mode="after")
    def _is_within_limits(self) -> Self:
        points = self.all()
        if not points:
            raise refusal("supply_point_missing")
        if len(points) > _MOST_AT_ONCE:
            raise refusal(TOO_MANY, most=f"{_MOST_AT_ONCE:,}")
        if len({*self.mpans}) + len({*self.mprns}) != len(points):
            raise refusal("supply_point_repeated")
        return self

    def all(self) -> list[SupplyPoint]:
        """MPANs, then MPRNs."""
        return [*self.mpans, *self.mprns]


class Area(Model):
    """A postcode (`BS1 4DJ`) or a postcode sector (`BS1 4`), and the page of the answer."""

    postcode: Annotated[
        str,
        StringConstraints(max_length=10),
        AfterValidator(sector_or_postcode),
        Field(json_schema_extra={"format": "postcode", "examples": ["BS1 4DJ", "BS1 4"]}),
    ]
    page_size: int = Field(_PAGE_SIZE, ge=1, le=500)
    page_token: str | None = Field(None, max_length=500)


class Summary(Model):
    """The details that matter in a power cut. `outage_tier`: 1 life-supporting equipment, 2 serious, 3 other.

    `protections` is null for networks, which get no facts about the household.
    """

    registration_id: RegistrationId
    status: Status
    outage_tier: int | None
    needs: list[SharedNeed]
    contact: Contact
    alternate_contact: AlternateContact | None
    premises: Address
    protections: Protections | None


class FoundAtMpan(Summary):
    """A registration that was found by its MPAN."""

    mpan: Mpan


class FoundAtMprn(Summary):
    """A registration that was found by its MPRN."""

    mprn: Mprn


class Batch(Model):
    """Registrations in the order of the request, and the supply points without one that the caller may see."""

    found: list[FoundAtMpan | FoundAtMprn]
    not_found: list[str]


class FoundInArea(Summary):
    """A registration, with those of its supply points that the caller may see."""

    mpans: list[Mpan]
    mprns: list[Mprn]


class AreaPage(Model):
    """Registrations in an area that the caller may see. Only the last page can be short; it has no token."""

    registrations: list[FoundInArea]
    next_page_token: str | None


def at_supply_point(
    caller: Caller, registration: Registration, point: SupplyPoint, day: date
) -> FoundAtMpan | FoundAtMprn | None:
    """A registration as a caller sees it on a day by one of its supply points; None if the caller may not see it."""
    needs = _needs_seen(caller, registration, point)
    if needs is None:
        return None
    summary = _summary(caller, registration, needs, day)
    return FoundAtMpan(**summary, mpan=point) if isinstance(point, Mpan) else FoundAtMprn(**summary, mprn=point)


def in_area(caller: Caller, registration: Registration, day: date) -> FoundInArea | None:
    """A registration as a caller sees it on a day by its premises; None if the caller may not see it."""
    seen = {
        point: needs
        for point in registration.supply_points.all()
        if (needs := _needs_seen(caller, registration, point)) is not None
    }
    own = _is_own(caller, registration)
    if not registration.status.live or not (seen or own):
        return None
    codes = {need.code: need for needs in seen.values() for need in needs}
    return FoundInArea(
        **_summary(caller, registration, registration.needs if own else list(codes.values()), day),
        mpans=[point for point in seen if isinstance(point, Mpan)],
        mprns=[point for point in seen if isinstance(point, Mprn)],
    )


def _is_own(caller: Caller, registration: Registration) -> bool:
    """Whether the caller may see the whole registration: any agent or back end, and the account's customer."""
    return caller.mpids is None and caller.account_id in (None, registration.account_id)


def _needs_seen(caller: Caller, registration: Registration, point: SupplyPoint) -> list[Need] | None:
    """The needs that a caller may see by a supply point; None if it may not see the registration at all."""
    if caller.mpids is None:
        return registration.needs if _is_own(caller, registration) else None
    allowed = [
        recipient
        for recipient in recipients_of(point, registration.premises.postcode)
        if recipient.recipient_id in caller.mpids - {UNROUTABLE} and why_withheld(registration, recipient) is None
    ]
    return allowed_needs(registration, allowed[0]) if allowed else None


def _summary(caller: Caller, registration: Registration, needs: list[Need], day: date) -> dict[str, Any]:
    own = _is_own(caller, registration)
    return {
        "registration_id": registration.registration_id,
        "status": registration.status,
        "outage_tier": outage_tier(need.code for need in needs),
        "needs": [SharedNeed(code=need.code, ends_on=need.ends_on, note=need.note) for need in needs],
        "contact": registration.primary_contact,
        "alternate_contact": registration.alternate_contact,
        "premises": registration.premises,
        "protections": protections_of(registration, day, explained=False) if own else None,
    }
