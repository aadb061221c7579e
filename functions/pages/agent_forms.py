"""The desk's forms: register for a caller, amend, withdraw, and note an attempt to contact the customer."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from starlette.responses import Response

from functions.pages.agent import desk_field, due_work, for_agents, form, registration_path
from functions.pages.api import ApiProblem, reference
from functions.pages.app import Page
from functions.pages.caller import Questions, Row, Stamp
from functions.pages.forms import Field, Mistake, Option, Values, mistakes_in, mistakes_of_api, read_values
from functions.pages.session import opened, sealed
from functions.pages.visit import Visit
from functions.pages.words import Label

_STALE = "version-stale"
#: Shown above the form. Others get a page of their own, which keeps what was typed.
_SHOWN_WITH_FORM = {_STALE, "idempotency-key-reused", "already-registered", "supply-point-held", "not-live"}


class Act(NamedTuple):
    """The act of a short form: its words, its path, the message afterwards, and the version that was read."""

    name: str
    path: str
    done: str
    etag: str | None = None


async def desk_register(visit: Visit) -> Response:
    """Register somebody who calls: the customers' questions on one page."""
    asked = Questions(visit, await reference(), None, visit.form or visit.typed())
    if visit.request.method == "GET":
        return _questions(visit, asked)
    mistakes = mistakes_in(asked.fields, asked.values, visit.words)
    if mistakes:
        return _questions(visit, asked, 422, mistakes)
    try:
        made = await visit.api.post("/v1/registrations", asked.body(), key=asked.stamp.key)
    except ApiProblem as problem:
        return _questions(visit, asked, problem.status, _mistakes(visit, asked.fields, problem), problem.code)
    return _done(visit, "registered", made.body["registration_id"])


async def desk_amend(visit: Visit) -> Response:
    """Amend a registration. If somebody else changed it meanwhile, both versions are shown, and nothing is stored."""
    stored = await visit.api.get(registration_path(visit))
    asked = Questions(visit, await reference(), stored, visit.form or visit.typed())
    if visit.request.method == "GET":
        return _questions(visit, asked)
    mistakes = mistakes_in(asked.fields, asked.values, visit.words)
    if mistakes:
        return _questions(visit, asked, 422, mistakes)
    body = asked.body()
    try:
        if body:
            await visit.api.patch(registration_path(visit), body, etag=visit.one("etag") or '"0"', key=asked.stamp.key)
    except ApiProblem as problem:
        rows = asked.merge(_read_before(visit)) if problem.code == _STALE else []
        return _questions(visit, asked, problem.status, _mistakes(visit, asked.fields, problem), problem.code, rows)
    return _done(visit, "amended" if body else "unchanged", stored.body["registration_id"])


def _read_before(visit: Visit) -> dict[str, Any]:
    """The answers that the form was first filled with."""
    return opened("read", visit.one("read")) or {}


def _questions(
    visit: Visit,
    asked: Questions,
    status: int = 200,
    mistakes: list[Mistake] | None = None,
    problem: str | None = None,
    rows: list[Row] | None = None,
) -> Response:
    hidden = Stamp.of(visit.typed()).hidden
    if asked.stored:
        # With mistakes, the form stays the one that was filled from the version that the agent read.
        kept = (visit.form or visit.typed() or {}) if problem != _STALE else {}
        hidden["etag"] = kept.get("etag", [str(asked.stored.etag)])[0]
        hidden["read"] = kept.get("read", [sealed("read", asked.now)])[0]
    name = "amend" if asked.stored else "register"
    return visit.render(
        "agent/questions.html",
        status,
        **form(name, [], asked.values, mistakes or [], hidden=hidden, problem=_above(problem)),
        parts=asked.parts,
        rows=rows or [],
        back=_to_registration(visit) if asked.stored else None,
    )


def _mistakes(visit: Visit, fields: list[Field], problem: ApiProblem) -> list[Mistake]:
    """The API's errors: at their fields, or above the form. Raises the problem if the form cannot show it."""
    if not problem.errors and problem.code not in _SHOWN_WITH_FORM:
        raise problem
    found = mistakes_of_api(problem.errors, fields, visit.words)
    return found or [Mistake("main", error.detail) for error in problem.errors]


def _above(problem: str | None) -> str | None:
    return problem if problem in _SHOWN_WITH_FORM else None


def _done(visit: Visit, what: str, registration_id: str) -> Response:
    """Back to the registration, which says once what was done."""
    visit.cookies.write("done", [visit.signed_in.form_token, what])
    return visit.redirect("desk_registration", registration_id=registration_id)


def _to_registration(visit: Visit) -> str:
    return visit.url("desk_registration", **visit.request.path_params)


async def desk_withdraw(visit: Visit) -> Response:
    """Take an account off the register, with a reason."""
    stored = await visit.api.get(registration_path(visit))
    fields = [desk_field(visit.words, "reason", "text", "/reason", required=True)]
    return await _sent(visit, Act("withdraw", ":withdraw", "withdrawn", stored.etag), fields, lambda values: values)


async def desk_attempt(visit: Visit) -> Response:
    """Note an attempt to contact the customer."""
    words = visit.words
    found = await visit.api.get(registration_path(visit))
    works = [
        Option(f"{work} {day}", Label(words(f"desk.due.{work}", day=words.date(day))))
        for work, day in due_work(found.body)
    ]
    fields = [
        desk_field(words, "due", "choice", "/due_on", "/work", options=works, required=True),
        desk_field(words, "contact", "choice", "/channel", options=_words_of(visit, "contact"), required=True),
        desk_field(words, "outcome", "choice", "/outcome", options=_words_of(visit, "outcome"), required=True),
    ]

    def body(values: Mapping[str, Any]) -> dict[str, Any]:
        work, _, day = values["due"].partition(" ")
        said = {"channel": values["contact"], "outcome": values["outcome"], "by": visit.signed_in.subject}
        return {"work": work, "due_on": day, **said}

    return await _sent(visit, Act("attempt", "/attempts", "noted"), fields, body)


def _words_of(visit: Visit, name: str) -> list[Option]:
    """The choices that the words have under a name: the API has no labels for them."""
    words, start = visit.words, f"desk.{name}."
    codes = [key.removeprefix(start) for key in words.texts if key.startswith(start)]
    return [Option(code, Label(words(f"desk.{name}.{code}"))) for code in codes]


async def _sent(visit: Visit, act: Act, fields: list[Field], body: Callable[[Values], Any]) -> Response:
    """The form of an act; once it was sent, the registration."""
    given = visit.form or visit.typed() or {}
    values, stamp, etag = read_values(fields, given), Stamp.of(given), given.get("etag", [act.etag])[0]
    posted, problem, status = visit.request.method == "POST", None, 200
    mistakes = mistakes_in(fields, values, visit.words) if posted else []
    if posted and not mistakes:
        try:
            await visit.api.post(registration_path(visit) + act.path, body(values), key=stamp.key, etag=etag)
        except ApiProblem as error:
            mistakes, problem, status = _mistakes(visit, fields, error), error.code, error.status
            etag = act.etag if problem == _STALE else etag
        else:
            return _done(visit, act.done, visit.request.path_params["registration_id"])
    hidden = (Stamp.of(None) if problem or mistakes else stamp).hidden | ({"etag": etag} if etag else {})
    shown = form(act.name, fields, values, mistakes, hidden=hidden, problem=_above(problem))
    return visit.render("agent/form.html", 422 if mistakes else status, **shown, back=_to_registration(visit))


PAGES = (
    Page("/desk/register", for_agents(desk_register), posts=True),
    Page("/desk/registrations/{registration_id}/amend", for_agents(desk_amend), posts=True),
    Page("/desk/registrations/{registration_id}/withdraw", for_agents(desk_withdraw), posts=True),
    Page("/desk/registrations/{registration_id}/attempts", for_agents(desk_attempt), posts=True),
)
