"""Forms that change something once: each shows its mistakes, keeps what was typed, and overwrites nobody's change."""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from starlette.responses import Response

from functions.pages.api import Answer, ApiProblem
from functions.pages.forms import Field, Mistake, mistakes_in, mistakes_of_api
from functions.pages.session import opened, sealed
from functions.pages.visit import Form, Visit
from shared.settings import settings

_STALE = "version-stale"
#: Shown above the form. Others get a page of their own, which keeps what was typed.
_SHOWN_WITH_FORM = {_STALE, "idempotency-key-reused", "already-registered", "supply-point-held", "not-live"}
#: Of no version: a form without an ETag changes nothing.
_NO_ETAG = '"0"'


class Stamp(NamedTuple):
    """The Idempotency-Key of a form, and when the form was first shown. It is sealed: records have its time."""

    key: str
    at: datetime

    @classmethod
    def of(cls, given: Form) -> Self:
        """The stamp of a form that was posted, or a new one."""
        kept = opened("stamp", given.get("stamp", [""])[0])
        key, at = kept or (str(uuid.uuid4()), settings().clock().now().isoformat())
        return cls(key, datetime.fromisoformat(at))


class Act(NamedTuple):
    """A form, and what it does. The words have its texts under its name.

    `send` calls the API with the ETag of the version that the person read, and answers the next page. `stored` is the
    registration to change, and `seen` is what the form shows of it. If somebody changed it meanwhile, `compare` makes
    the rows or differences to show from what the person had seen. `shown` has more values for the template.
    """

    name: str
    template: str
    fields: list[Field]
    values: dict[str, Any]
    send: Callable[[Stamp, str], Awaitable[Response]]
    stored: Answer | None = None
    seen: Any = None
    compare: Callable[[Any], Sequence[Any]] = lambda _: ()
    shown: Mapping[str, Any] = {}


async def performed(visit: Visit, act: Act) -> Response:
    """The form of an act; once it was sent, the next page. Raises `ApiProblem` if the form cannot show it."""
    given, status, problem = visit.given or {}, 200, None
    conflict: Sequence[Any] = ()
    mistakes = mistakes_in(act.fields, act.values, visit.words) if visit.posted else []
    if visit.posted and not mistakes:
        try:
            return await act.send(Stamp.of(given), visit.one("etag") or _NO_ETAG)
        except ApiProblem as error:
            mistakes, status = _mistakes(visit, act, error), error.status
            problem = error.code if error.code in _SHOWN_WITH_FORM else None
    if problem == _STALE:
        conflict = act.compare(opened(act.name, visit.one("read")) or {})
    return visit.render(
        act.template,
        status,
        name=act.name,
        fields_here=act.fields,
        values=act.values,
        mistakes=mistakes,
        hidden=_hidden(act, given, again=visit.posted, stale=problem == _STALE),
        problem=problem and visit.problem_name(problem),
        conflict=conflict,
        **act.shown,
    )


def _hidden(act: Act, given: Form, *, again: bool, stale: bool) -> dict[str, str]:
    """The form's hidden fields. With mistakes, it stays that of the version that was read, and gets another key."""
    key, at = Stamp.of({})
    fields = {"stamp": sealed("stamp", [key, at.isoformat()])}
    if act.stored:
        fields |= {"etag": str(act.stored.etag), "read": sealed(act.name, act.seen)}
    kept = () if stale else ("etag", "read") if again else ("stamp", "etag", "read")
    return {name: given[name][0] if name in kept and name in given else value for name, value in fields.items()}


def _mistakes(visit: Visit, act: Act, problem: ApiProblem) -> list[Mistake]:
    """The API's errors: at their fields, or above the form. Raises the problem if the form cannot show it."""
    if not problem.errors and problem.code not in _SHOWN_WITH_FORM:
        raise problem
    found = mistakes_of_api(problem.errors, act.fields, visit.words)
    return found or [Mistake("main", error.detail) for error in problem.errors]
