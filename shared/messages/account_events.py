"""Events of the account system (moves, closures, bereavement, supply gained or lost), and the statement of each."""

from datetime import date
from typing import Literal, assert_never, get_args

from shared.clock import london_day
from shared.domain.aspects import Statement
from shared.domain.contacts import Address
from shared.domain.registration import Status
from shared.domain.sharing import LawfulBasis, Sharing
from shared.domain.supply_points import SupplyPoint, SupplyPointsInput, supply_point_key
from shared.messages.events import CloudEvent
from shared.model import Model


class AccountClosedData(Model):
    """`closed_on` is the account's last London day. If it is in the future, the registration ends after that day."""

    closed_on: date


class SupplyData(Model):
    """The supply points that the supplier has gained or lost."""

    supply_points: SupplyPointsInput


class MovedHomeData(SupplyData):
    """The new home. Nothing is shared with its networks until the customer confirms `sharing` for it."""

    premises: Address
    sharing: Sharing | None = None


class CustomerDeceasedData(Model):
    """`account_continues` if other people live there: the registration stays live, and is reviewed with them."""

    account_continues: bool


class AccountClosed(CloudEvent):
    """The account is closed, or will be: the registration ends, and the networks are asked to delete its data."""

    type: Literal["uk.psr.account.closed.v1"]
    data: AccountClosedData


class AccountMovedHome(CloudEvent):
    """The customer has moved: the registration releases the old supply points and gets the new ones."""

    type: Literal["uk.psr.account.moved_home.v1"]
    data: MovedHomeData


class SupplyGained(CloudEvent):
    """The supplier has gained supply points of the account."""

    type: Literal["uk.psr.account.supply_gained.v1"]
    data: SupplyData


class SupplyLost(CloudEvent):
    """Another supplier serves these supply points now, and sends the networks their data. A delete could undo that."""

    type: Literal["uk.psr.account.supply_lost.v1"]
    data: SupplyData


class CustomerDeceased(CloudEvent):
    """The customer has died."""

    type: Literal["uk.psr.customer.deceased.v1"]
    data: CustomerDeceasedData


#: Every event of the account system.
AccountEvent = AccountClosed | AccountMovedHome | SupplyGained | SupplyLost | CustomerDeceased
ACCOUNT_EVENTS: tuple[type[AccountEvent], ...] = get_args(AccountEvent)


def statement_of(event: AccountEvent) -> Statement:
    """The statement of an event about the registration."""
    match event:
        case AccountMovedHome(data=data):
            unconfirmed = Sharing(
                basis=LawfulBasis.NONE,
                recorded_on=london_day(event.time),
                evidence="moved home; sharing not confirmed for the new home yet",
            )
            return Statement(
                premises=data.premises,
                supply_points=data.supply_points,
                sharing=data.sharing or unconfirmed,
                review=True,
            )
        case SupplyGained(data=data):
            return Statement(served={supply_point_key(point): True for point in data.supply_points.all()})
        case SupplyLost(data=data):
            return Statement(served={supply_point_key(point): False for point in data.supply_points.all()})
        case AccountClosed(data=data) if data.closed_on > london_day(event.time):
            return Statement(closes_on=data.closed_on)
        case CustomerDeceased(data=data) if data.account_continues:
            return Statement(review=True)
        case AccountClosed() | CustomerDeceased():
            return Statement(status=Status.ENDED)
        case _:
            assert_never(event)


def points_named(event: AccountEvent) -> list[SupplyPoint]:
    """The supply points that an event names."""
    return event.data.supply_points.all() if isinstance(event.data, SupplyData) else []
