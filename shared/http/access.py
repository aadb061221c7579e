"""The access log: who saw which registrations, which fields and for which purpose; and who was refused.

`shared.http.api` writes an entry when it sends an answer. Each answer must name what it shows, so no operation can omit
the entry. This includes writes, whose answers show the registration.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Self

from shared.domain.registration import RegistrationId
from shared.errors import MalformedHeader, Problem
from shared.field_errors import field_error
from shared.http.callers import Caller
from shared.log import Event, log
from shared.store.service import service

#: The header for the purpose of reading, for tokens without the claim `purpose`.
PURPOSE_HEADER = "Psr-Purpose"
REGISTRATION_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REFUSALS = (401, 403, 404, 410)


class Purpose(StrEnum):
    """Purposes of reading. The list is fixed, because free text could hold personal data."""

    CUSTOMER_CONTACT = "customer_contact"
    OUTAGE = "outage"
    VISIT = "visit"
    REVIEW = "review"
    COMPLAINT = "complaint"
    SUPPORT = "support"


class Shows(StrEnum):
    """Classes of fields that an answer can show."""

    VERSION = "version"
    SUMMARY = "summary"
    REGISTRATION = "registration"
    REGISTRATION_AND_PASSWORD = "registration_and_password"  # noqa: S105 - a class of fields
    HISTORY = "history"
    HISTORY_AND_PASSWORD = "history_and_password"  # noqa: S105 - another


class Shown(NamedTuple):
    """The fields that an answer shows, and of which registrations."""

    fields: Shows
    registration_ids: Sequence[RegistrationId]


class AccessEntry:
    """The entry of one request: filled in while the request is read, written at the end of a `with` block.

    An answered request must set `shown` before that. A request that fails, or is refused for a reason other than the
    caller's rights, has no entry, because it shows nothing.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self.caller: Caller | None = None
        self.purpose: str | None = None
        self.requested: Sequence[RegistrationId] = ()
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
                registration_ids=list(self.requested),
            )


def purpose_of(caller: Caller, header: str | None) -> str:
    """The caller's purpose: its token's claim, else the header, else `not_given`. Raises `MalformedHeader`."""
    if caller.purpose is not None:
        return caller.purpose if caller.purpose in set(Purpose) else "other"
    if header is None:
        return "not_given"
    if header not in set(Purpose):
        raise MalformedHeader((field_error(PURPOSE_HEADER, "header_malformed", purposes=", ".join(Purpose)),))
    return header


def requested_ids(path: Mapping[str, str], body: object) -> Sequence[RegistrationId]:
    """The registrations that a request names, by id or account, whether they exist or not."""
    account_id = getattr(body, "account_id", None)
    registration_id = service().identity.registration_id(account_id) if account_id else path.get("registration_id", "")
    return [RegistrationId(registration_id)] if REGISTRATION_ID.fullmatch(registration_id) else []
