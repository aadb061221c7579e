"""How a registration is answered: the same bytes for the same version, less what the caller's scopes do not cover."""

from shared.domain.registration import Registration
from shared.http.api import Answer
from shared.http.callers import Caller

_PASSWORD_SCOPE = "psr:caller_password"  # noqa: S105 - a scope's name


def registration_answer(
    registration: Registration, caller: Caller, status: int = 200, headers: dict[str, str] | None = None
) -> Answer:
    """A registration with its entity tag, the version."""
    hidden = {} if _PASSWORD_SCOPE in caller.scopes else {"services": {"caller_password"}}
    tagged = {"ETag": f'"{registration.version}"', **(headers or {})}
    return Answer(status, registration.model_dump_json(exclude=hidden), tagged)
