"""The access log: who was shown which registrations, how much of them, for what; and who was refused.

It is written where answers are sent (`shared.http.api`), from what each answer must say that it shows, so that no
operation can forget it. Reads and writes alike: a write's answer shows the registration.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

from shared.domain.registration import RegistrationId
from shared.errors import FieldError, MalformedHeader, Problem
from shared.http.callers import Caller
from shared.log import Event, log
from shared.store.service import service

#: Says what a caller reads for, where its token does not (claim `purpose`).
PURPOSE_HEADER = "Psr-Purpose"
REGISTRATION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REFUSALS = (401, 403, 404, 410)


class Purpose(StrEnum):
    """What a caller can read for. A fixed list: free text would end up holding what it should not."""

    CUSTOMER_CONTACT = "customer_contact"
    OUTAGE = "outage"
    VISIT = "visit"
    REVIEW = "review"
    COMPLAINT = "complaint"
    SUPPORT = "support"


class Shows(StrEnum):
    """Which class of fields an answer shows."""

    VERSION = "version"
    SUMMARY = "summary"
    REGISTRATION = "registration"
    REGISTRATION_AND_PASSWORD = "registration_and_password"  # noqa: S105 - a class of fields
    HISTORY = "history"
    HISTORY_AND_PASSWORD = "history_and_password"  # noqa: S105 - another


class Shown(NamedTuple):
    """What an answer shows of which registrations."""

    fields: Shows
    registration_ids: Sequence[RegistrationId]


class AccessEntry:
    """The entry of one request, filled in as the request is understood; written at the end of a `with` block.

    `shown` must be set by then if the request is answered. A request that fails, or is refused for something else than
    the caller's rights, leaves no entry: nothing was shown.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self.caller: Caller | None = None
        self.purpose: str | None = None
        self.asked: Sequence[RegistrationId] = ()
        self.shown: Shown | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, problem: BaseException | None, _traceback: object) -> None:
        caller = self.caller.subject if self.caller else None
        caller_kind = self.caller.kind if self.caller else None
        if self.shown is not None:
            log(
                Event.REGISTRATIONS_READ,
                operation=self._operation,
                caller=caller,
                caller_group=self.caller.group if self.caller else None,
                caller_kind=caller_kind,
                purpose=self.purpose,
                shown=self.shown.fields,
                registrations=len(self.shown.registration_ids),
                registration_ids=list(self.shown.registration_ids),
            )
        elif isinstance(problem, Problem) and problem.status in _REFUSALS:
            log(
                Event.ACCESS_REFUSED,
                operation=self._operation,
                caller=caller,
                caller_kind=caller_kind,
                purpose=self.purpose,
                problem=problem.code,
                registration_ids=list(self.asked),
            )


def purpose_of(caller: Caller, header: str | None) -> str:
    """What a caller reads for: its token's claim, else the header, else `not_given`. Raises `MalformedHeader`."""
    if caller.purpose is not None:
        return caller.purpose if caller.purpose in set(Purpose) else "other"
    if header is None:
        return "not_given"
    if header not in set(Purpose):
        raise MalformedHeader((FieldError(PURPOSE_HEADER, "header_form", f"one of {', '.join(Purpose)}"),))
    return header


def asked_for(path: Mapping[str, str], body: object) -> Sequence[RegistrationId]:
    """The registrations that a request names, by id or account, whether they are there or not."""
    account_id = getattr(body, "account_id", None)
    named = service().identity.registration_id(account_id) if account_id else path.get("registration_id", "")
    return [RegistrationId(named)] if REGISTRATION_ID.fullmatch(named) else []
