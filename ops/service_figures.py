"""The regulator's figures about services: accounts that asked for, were offered, got or declined each in a period."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from shared.clock import london_day
from shared.domain.changes import Change
from shared.domain.registration import Registration, Status
from shared.domain.services import STEPS, Service, given_services, services
from shared.domain.supply_points import Fuel

#: Stands for all services of an item.
ANY = ""
_RECEIVING = "receiving"

#: Fuel, item of the regulator, and service (or `ANY`).
_Key = tuple[Fuel, str, str]


class ServiceFigures(NamedTuple):
    """A row, in accounts: those with a step in the period, and those that receive the service at its end."""

    fuel: str
    item: str
    service: str
    label: str
    requested: int
    offered: int
    delivered: int
    declined: int
    receiving: int


class ServiceTally:
    """Adds accounts up one by one, in constant memory."""

    def __init__(self, first: date, last: date) -> None:
        self._first = first
        self._last = last
        self._counts = {column: Counter[_Key]() for column in (*STEPS, _RECEIVING)}

    def add(self, versions: Sequence[Change]) -> None:
        """Count one account by its changes that made versions, in their order.

        A step counts on the day on which the register learnt of it. One from before the account was registered does not
        count.
        """
        seen: set[tuple[Service, str, date]] = set()
        counted: dict[str, set[_Key]] = {column: set() for column in self._counts}
        for change in versions:
            if change.day > self._last:
                break
            registration = change.state.registration
            counted[_RECEIVING] = _keys(registration, given_services(registration.services))
            new = _steps(registration) - seen
            seen |= new
            for service, step, on in new:
                if change.day >= self._first and on >= london_day(registration.created_at):
                    counted[step] |= _keys(registration, {service})
        for column, keys in counted.items():
            self._counts[column].update(keys)

    def rows(self) -> list[ServiceFigures]:
        """For each fuel: each service, and each item of several services."""
        items: dict[str, list[Service]] = {}
        for service, row in services().items():
            items.setdefault(row.item, []).append(service)
        return [
            self._row(fuel, item, service)
            for fuel in Fuel
            for item, of_item in items.items()
            for service in ([ANY] if len(of_item) > 1 else []) + [one.value for one in of_item]
            if fuel is Fuel.GAS or not services()[of_item[0]].gas_only
        ]

    def _row(self, fuel: Fuel, item: str, service: str) -> ServiceFigures:
        label = services()[Service(service)].english if service else "all"
        counts = [counter[fuel, item, service] for counter in self._counts.values()]
        return ServiceFigures(fuel.name.lower(), item, service, label, *counts)


def _steps(registration: Registration) -> set[tuple[Service, str, date]]:
    """Every step of every service of a registration."""
    return {
        (one.service, step, on)
        for one in registration.services.arranged
        for step in STEPS
        if (on := getattr(one, step)) is not None
    }


def _keys(registration: Registration, chosen: set[Service]) -> set[_Key]:
    """The rows that services of an account count in: for each fuel that it is on the register for."""
    if registration.status is not Status.ACTIVE:
        return set()
    fuels = {point.fuel for point in registration.supply_points.all()}
    return {
        (fuel, services()[service].item, key)
        for service in chosen
        for fuel in fuels
        if fuel is Fuel.GAS or not services()[service].gas_only
        for key in (ANY, service.value)
    }
