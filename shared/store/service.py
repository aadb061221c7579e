"""One process: its settings, and its parts, each made once and when it is first needed.

A part is made inside the first request, since gRPC does not survive a fork.
"""

from functools import cache, cached_property
from typing import Any, Protocol, Self, TypeVar

from shared.clock import Clock
from shared.settings import Settings, settings
from shared.store.documents import Documents
from shared.store.identity import Identity


class Part(Protocol):
    """A class of which a process has one instance."""

    @classmethod
    def of(cls, service: "Service") -> Self:
        """Make the part from the parts and settings of a process."""


_Part = TypeVar("_Part", bound=Part)


class Service:
    """Wires one process under its settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._parts: dict[type, Any] = {}

    @cached_property
    def clock(self) -> Clock:
        """The clock that everything in this process uses."""
        return self.settings.clock()

    @cached_property
    def identity(self) -> Identity:
        """Document ids under this process's key."""
        return Identity.of(self.settings)

    @cached_property
    def documents(self) -> Documents:
        """The documents of this process's database."""
        of = self.settings
        return Documents(of.project, of.database, self.clock, single_threaded_streams=of.single_threaded_streams)

    def part(self, kind: type[_Part]) -> _Part:
        """The one `kind` of this process."""
        if kind not in self._parts:
            self._parts[kind] = kind.of(self)
        part: _Part = self._parts[kind]
        return part


@cache
def service() -> Service:
    """The service of this process, under the settings of its environment."""
    return Service(settings())


async def reach_firestore() -> None:
    """See whether Firestore answers. Raises what reading raises."""
    await service().documents.reach()
