"""The audit log of the command line: each action of an operator on customers' data, with its reason.

Entries are only added. `operator_actions/<random id>` has the entry as `state`, and in `about` the record that it is
about, so that a record's history can be queried.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Self

from shared.errors import Unavailable
from shared.model import Model
from shared.store.commits import CommitConflict, CommitUnanswered
from shared.store.documents import Collection, Documents, Key
from shared.store.service import Service

_WRITES_PER_RPC = 500


class Action(StrEnum):
    """The actions of an operator on quarantined messages, lists of customers, and all data of one customer.

    `revealed` and `exported` show personal data, the others do not. `examined`: the doctor registered its probe.
    """

    LISTED = "listed"
    SHOWN = "shown"
    REVEALED = "revealed"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    EXPORTED = "exported"
    ERASED = "erased"
    EXAMINED = "examined"


class OperatorAction(Model):
    """One entry. `about` is the id of a quarantine record or a registration, None where many were listed.

    `operator` is who the machine says it is.
    """

    action: Action
    operator: str
    about: str | None
    reason: str | None
    at: datetime


class OperatorActions:
    """Writes and reads the log."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    @classmethod
    def of(cls, service: Service) -> Self:
        """Create the one of a process."""
        return cls(service.documents)

    async def note(self, action: Action, operator: str, about: Sequence[str | None], reason: str | None) -> None:
        """Add an entry for each of `about`, before it is done: nothing is done that is not noted.

        Raises `Unavailable`.
        """
        at = self._documents.clock.now()
        entries = [OperatorAction(action=action, operator=operator, about=one, reason=reason, at=at) for one in about]
        writes = [
            self._documents.create(
                Key(Collection.OPERATOR_ACTIONS, uuid.uuid4().hex),
                {"about": entry.about, "state": entry.model_dump_json()},
            )
            for entry in entries
        ]
        try:
            for start in range(0, len(writes), _WRITES_PER_RPC):
                await self._documents.commit(writes[start : start + _WRITES_PER_RPC])
        except (CommitConflict, CommitUnanswered) as error:
            raise Unavailable(retry_after=5) from error

    async def on(self, about: str) -> list[OperatorAction]:
        """Every entry about a quarantine record or a registration, oldest first. Raises `Unavailable`."""
        pages = self._documents.pages(Collection.OPERATOR_ACTIONS, equal=("about", about))
        found = [OperatorAction.model_validate_json(stored.state) async for page in pages for stored in page]
        return sorted(found, key=lambda action: action.at)
