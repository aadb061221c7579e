"""Events of the account system (moves, closures, bereavement, supply gained or lost, attempts to contact a customer),
and the statement of each.
"""

from abc import abstractmethod
from datetime import date
from typing import Literal

from shared.clock import london_day
from shared.domain.aspects import Statement
from shared.domain.campaigns import Attempt, ContactAttempt
from shared.domain.contacts import Address
from shared.domain.registration import Status
from shared.domain.sharing import Article9Condition, Sharing
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


class AccountEvent(CloudEvent):
    """An event of the account system. Each subclass is a type of event."""

    @abstractmethod
    def statement(self) -> Statement:
        """The statement of the event about the registration."""

    def points_named(self) -> list[SupplyPoint]:
        """The supply points that the event names."""
        return self.data.supply_points.all() if isinstance(self.data, SupplyData) else []


class AccountClosed(AccountEvent):
    """The account is closed, or will be: the registration ends, and the networks are asked to delete its data."""

    type: Literal["uk.psr.account.closed.v1"]
    data: AccountClosedData

    def statement(self) -> Statement:
        """The end, or its announcement."""
        if self.data.closed_on > london_day(self.time):
            return Statement(closes_on=self.data.closed_on)
        return Statement(status=Status.ENDED)


class AccountMovedHome(AccountEvent):
    """The customer has moved: the registration releases the old supply points and gets the new ones."""

    type: Literal["uk.psr.account.moved_home.v1"]
    data: MovedHomeData

    def statement(self) -> Statement:
        """The new home, and a review. Without confirmed sharing nothing is shared there."""
        unconfirmed = Sharing(
            basis=Article9Condition.NONE,
            recorded_on=london_day(self.time),
            evidence="moved home; sharing not confirmed for the new home yet",
        )
        return Statement(
            premises=self.data.premises,
            supply_points=self.data.supply_points,
            sharing=self.data.sharing or unconfirmed,
            review=True,
        )


class SupplyGained(AccountEvent):
    """The supplier has gained supply points of the account."""

    type: Literal["uk.psr.account.supply_gained.v1"]
    data: SupplyData

    def statement(self) -> Statement:
        """The supplier serves the supply points."""
        return Statement(served={supply_point_key(point): True for point in self.points_named()})


class SupplyLost(AccountEvent):
    """Another supplier serves these supply points now, and sends the networks their data. A delete could undo that."""

    type: Literal["uk.psr.account.supply_lost.v1"]
    data: SupplyData

    def statement(self) -> Statement:
        """The supplier no longer serves the supply points."""
        return Statement(served={supply_point_key(point): False for point in self.points_named()})


class CustomerDeceased(AccountEvent):
    """The customer has died."""

    type: Literal["uk.psr.customer.deceased.v1"]
    data: CustomerDeceasedData

    def statement(self) -> Statement:
        """The end, or a review with the people who still live there."""
        return Statement(review=True) if self.data.account_continues else Statement(status=Status.ENDED)


class ContactAttempted(AccountEvent):
    """Somebody tried to contact the customer at `time`. A confirmed review moves the next one."""

    type: Literal["uk.psr.customer.contact_attempted.v1"]
    data: Attempt

    def statement(self) -> Statement:
        """The attempt."""
        return Statement(attempt=ContactAttempt(**dict(self.data), at=self.time))


#: Every event of the account system.
ACCOUNT_EVENTS: tuple[type[AccountEvent], ...] = tuple(AccountEvent.__subclasses__())
