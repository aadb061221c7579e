"""The dates to act on, as fields of a stored registration that queries read, oldest first.

A value is `a|2027-01-31`: the first digit of the registration's id comes first, since an index that begins with a
rising value caps its collection at 500 writes a second. Once a date is noted on the registration as passed, its value
is `noted|a|2027-01-31`: the daily run does not read it again, and a report of due dates finds it.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import date
from enum import StrEnum
from typing import Self

from shared.domain.campaigns import Work
from shared.domain.notices import DATE_PASSED, due_date_of
from shared.domain.registration import Registration, RegistrationId, RegistrationState
from shared.store.documents import Collection, Documents, Stored
from shared.store.service import Service
from shared.store.values import Value

_DIGITS = "0123456789abcdef"
_NOTED = "noted|"
#: Of a registration that has ended: when to erase it.
ERASE_DUE = "erase_due"
#: Registrations a page: as many as one RPC can read.
_PAGE = 500


class DueDate(StrEnum):
    """The indexed fields: the account's last day if it is announced, the last day of the need that ends first, the
    next review, the follow-up while pending.
    """

    CLOSES = "closes"
    NEED_ENDS = "need_ends"
    REVIEW = "review_due"
    FOLLOW_UP = "follow_up_due"


#: The dates that are noted when they have passed.
_NOTABLE = (DueDate.REVIEW, DueDate.FOLLOW_UP)


def due_fields(registration: Registration) -> dict[str, Value]:
    """The fields of a registration; one that is not live has no date to act on. Few accounts have announced their
    last day: the others have no such field, and no index entry for it.
    """
    if not registration.status.live:
        return dict.fromkeys(name for name in DueDate if name is not DueDate.CLOSES)
    last_days = [day for day in (registration.closes_on, registration.unconfirmed_until) if day]
    noted = {notice.pointer for notice in registration.warnings if notice.code == DATE_PASSED}
    dates = {
        DueDate.CLOSES: (min(last_days, default=None), False),
        DueDate.NEED_ENDS: (due_date_of(Work.NEED_ENDING, registration), False),
        DueDate.REVIEW: (registration.review_due_on, "/review_due_on" in noted),
        DueDate.FOLLOW_UP: (registration.follow_up_on, "/follow_up_on" in noted),
    }
    digit = registration.registration_id[0]
    if not last_days:
        del dates[DueDate.CLOSES]
    return {name: f"{_range(digit, noted)}{day.isoformat()}" if day else None for name, (day, noted) in dates.items()}


def spread(registration_id: RegistrationId, day: date) -> str:
    """A date as `ERASE_DUE` holds it."""
    return f"{_range(registration_id[0], noted=False)}{day.isoformat()}"


class DueDates:
    """Asks for registrations by their dates."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(service.documents)

    async def pages(
        self, name: DueDate, until: date, *, noted: bool = False
    ) -> AsyncGenerator[list[RegistrationId], None]:
        """Registrations whose date is `until` or earlier, oldest first, at most 500 a page; noted ones or the others.

        Registrations may leave the index during the query. In memory are at most 16 pages of dates and ids.
        Raises `Unavailable`.
        """
        page: list[RegistrationId] = []
        async with aclosing(_merged([self._range(name, _range(digit, noted), until) for digit in _DIGITS])) as due:
            async for _, registration_id in due:
                page.append(registration_id)
                if len(page) == _PAGE:
                    yield page
                    page = []
        if page:
            yield page

    async def page(
        self, name: DueDate, until: date, *, after: tuple[str, str] | None, limit: int
    ) -> tuple[list[RegistrationState], tuple[str, str] | None]:
        """Registrations whose date is `until` or earlier, and where to continue. Noted ones come first.

        One RPC a page, two for the page at which the noted ones end. Within both, the order is by the id's first digit,
        then by date. Raises `Unavailable`.
        """
        found: list[Stored] = []
        past_noted = name not in _NOTABLE or (after is not None and not after[0].startswith(_NOTED))
        for noted in [False] if past_noted else [True, False]:
            ranges = [(prefix, f"{prefix}{until.isoformat()}") for prefix in (_range(d, noted) for d in _DIGITS)]
            start = after if after and after[0].startswith(_NOTED) == noted else None
            room = limit + 1 - len(found)
            found += await self._documents.page_in_ranges(
                Collection.REGISTRATIONS, name, ranges, after=start, limit=room
            )
            if len(found) > limit:
                break
        states = [RegistrationState.model_validate_json(one.state) for one in found[:limit]]
        last = found[limit - 1] if len(found) > limit else None
        return states, (str(last.fields[name]), last.document_id) if last else None

    async def count(self, name: DueDate, first: date, last: date, *, noted: bool = False) -> int:
        """How many registrations have a date between two days, both included. Raises `Unavailable`."""
        prefixes = [_range(digit, noted) for digit in _DIGITS]
        return sum(
            await asyncio.gather(
                *(
                    self._documents.count_between(Collection.REGISTRATIONS, name, f"{prefix}{first}", f"{prefix}{last}")
                    for prefix in prefixes
                )
            )
        )

    async def to_erase(self, until: date) -> AsyncGenerator[list[RegistrationId], None]:
        """Ended registrations to erase by `until`, in pages. Raises `Unavailable`."""
        for digit in _DIGITS:
            prefix = _range(digit, noted=False)
            bounds = prefix, f"{prefix}{until.isoformat()}"
            async for page in self._documents.pages_between(Collection.REGISTRATIONS, ERASE_DUE, *bounds):
                ids = [RegistrationId(stored.document_id) for stored in page]
                for start in range(0, len(ids), _PAGE):
                    yield ids[start : start + _PAGE]

    async def _range(self, name: DueDate, prefix: str, until: date) -> AsyncGenerator[tuple[str, RegistrationId], None]:
        """Date and id of what begins with `prefix`, oldest first."""
        pages = self._documents.pages_between(Collection.REGISTRATIONS, name, prefix, f"{prefix}{until.isoformat()}")
        async for page in pages:
            for stored in page:
                yield str(stored.fields[name]).removeprefix(prefix), RegistrationId(stored.document_id)


def _range(digit: str, noted: bool) -> str:  # noqa: FBT001 - named at each call
    return f"{_NOTED if noted else ''}{digit}|"


async def _merged(
    ordered: list[AsyncIterator[tuple[str, RegistrationId]]],
) -> AsyncGenerator[tuple[str, RegistrationId], None]:
    """Everything from iterators that are each in order, in order."""
    firsts = await asyncio.gather(*(anext(one, None) for one in ordered))
    heads = [(first, index) for index, first in enumerate(firsts) if first is not None]
    heapq.heapify(heads)
    while heads:
        smallest, index = heads[0]
        yield smallest
        following = await anext(ordered[index], None)
        if following is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (following, index))
