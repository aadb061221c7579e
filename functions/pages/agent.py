"""The desk of agents: find and read registrations, and work through what is due. `agent_forms.py` changes them."""

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from functions.pages.acts import Act, performed
from functions.pages.api import Answer, ApiProblem, is_live, reference
from functions.pages.app import Handler, Page
from functions.pages.forms import (
    Field,
    Kind,
    Option,
    Values,
    day_in,
    mistakes_in,
    mistakes_of_api,
    options_of,
    read_values,
    typed_day,
)
from functions.pages.overview import Overview
from functions.pages.visit import Visit, own_path
from functions.pages.words import Label, Words
from shared.clock import london_day
from shared.settings import settings

WORKS = ("review", "need_ending", "follow_up")
_LOOK_AHEAD = timedelta(days=7)
_PASSWORD, _SEARCH = "psr:caller_password", "psr:bulk"
#: The keys by which the API finds a customer.
_KEYS = ("account_id", "mpan", "mprn")
_NOBODY = {404: "unknown", 410: "erased"}
_MOST_PAGES = 10


def for_agents(handler: Handler) -> Handler:
    """Only agents see the page, and only once they have chosen why they read."""

    @wraps(handler)
    async def page(visit: Visit) -> Response:
        if not visit.signed_in.agent:
            return visit.problem("insufficient-scope", 403)
        if visit.purpose is None and handler is not purpose:
            visit.keep_typed()
            return RedirectResponse(f"{visit.url('purpose')}?{urlencode({'next': visit.path})}", 303)
        return await handler(visit)

    return page


def desk_field(words: Words, name: str, kind: Kind, *pointers: str, **more: Any) -> Field:
    """A field with the label and the hint that the desk has for its name."""
    label, hint = Label(words(f"desk.field.{name}")), words.get(f"desk.hint.{name}")
    return Field(name, kind, label, hint, pointers=pointers, **more)


async def purpose(visit: Visit) -> Response:
    """Why the agent reads: asked once a session, and sent along with each call."""
    options = options_of((await reference())["purposes"], visit.words)
    fields = [desk_field(visit.words, "purpose", "choice", options=options, required=True)]
    values = read_values(fields, visit.form or {"purpose": [visit.purpose or ""]})

    async def send(*_: Any) -> Response:
        visit.remember("purpose", values["purpose"])
        return RedirectResponse(own_path(visit.request.query_params.get("next", "")) or visit.url("desk"), 303)

    return await performed(visit, Act("purpose", "agent/form.html", fields, values, send))


async def desk(visit: Visit) -> Response:
    """Find a customer. The form is posted, so that no address has personal data."""
    words = visit.words
    keys = [*_KEYS, *(["postcode"] if _SEARCH in visit.signed_in.scopes else [])]
    options = [Option(key, Label(words(f"desk.by.{key}"))) for key in keys]
    fields = [
        desk_field(words, "by", "select", options=options, required=True),
        desk_field(words, "term", "text", *(f"/{key}" for key in keys), required=True),
    ]
    values = read_values(fields, visit.given)
    mistakes = mistakes_in(fields, values, words) if visit.posted else []
    status, found, nobody = 200, None, None
    if visit.posted and not mistakes:
        try:
            found = await _found(visit, values)
        except ApiProblem as problem:
            status, nobody = problem.status, _NOBODY.get(problem.status)
            mistakes = mistakes_of_api(problem.errors, fields, words)
            if not mistakes and not nobody:
                raise
    if found and "registration_id" in found:
        return visit.redirect("desk_registration", registration_id=found["registration_id"])
    return visit.render(
        "agent/desk.html",
        status,
        fields_here=fields,
        values=values,
        mistakes=mistakes,
        found=found,
        nobody=nobody,
        show=Overview(words, await reference()),
    )


async def _found(visit: Visit, values: Values) -> Any:
    """A registration, or a page of those with a postcode. Raises `ApiProblem`."""
    path, key = "/v1/registrations:lookup", {values["by"]: values["term"]}
    if values["by"] == "postcode":
        path, token = "/v1/registrations:search", visit.one("page_token")
        key |= {"page_token": token} if token else {}
    return (await visit.api.post(path, key)).body


def registration_path(visit: Visit) -> str:
    """Where the API has the registration of this page."""
    return f"/v1/registrations/{quote(visit.request.path_params['registration_id'], safe='')}"


async def desk_password(visit: Visit) -> Response:
    """The registration with its password, for agents who may see it, and only when they ask."""
    if not visit.posted:
        return visit.redirect("desk_registration", **visit.request.path_params)
    if _PASSWORD not in visit.signed_in.scopes:
        return visit.problem("insufficient-scope", 403)
    return await desk_registration(visit, password=True)


async def desk_registration(visit: Visit, *, password: bool = False) -> Response:
    """A registration on one screen, with its sharing records and its history."""
    path, scopes = registration_path(visit), visit.signed_in.scopes
    reads = [visit.api.get(path)]
    if "psr:history" in scopes:
        reads += [visit.api.get(f"{path}/sharing"), _changes(visit, path)]
    (found, *rest), codes = await asyncio.gather(asyncio.gather(*reads), reference())
    sharing, changes = (answer.body for answer in rest) if rest else (None, None)
    show, done = Overview(visit.words, codes), visit.remembered("done")
    visit.cookies.delete("done")
    return visit.render(
        "agent/registration.html",
        registration=found.body,
        show=show,
        topics=show.topics(found.body),
        periods=sharing["periods"] if sharing else None,
        timeline=show.timeline(changes) if changes else None,
        password=found.body["services"].get("caller_password") if password else None,
        may_see_password=_PASSWORD in scopes and not password,
        password_asked=password,
        done=done,
        works=due_work(found.body),
        today=today().isoformat(),
    )


async def _changes(visit: Visit, path: str) -> Answer:
    """The history, oldest first."""
    changes: list[Any] = []
    query = ""
    for _ in range(_MOST_PAGES):
        page = (await visit.api.get(f"{path}/changes{query}")).body
        changes += page["changes"]
        if page["next_page_token"] is None:
            break
        query = "?" + urlencode({"page_token": page["next_page_token"]})
    return Answer(changes, None)


def due_work(registration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The work about a registration, and the day on which each is due."""
    if not is_live(registration):
        return []
    ends = sorted({need["ends_on"] for need in registration["needs"] if need["ends_on"]})
    dated = [("follow_up", registration["follow_up_on"]), ("review", registration["review_due_on"])]
    return [(work, day) for work, day in dated if day] + [("need_ending", day) for day in ends]


def today() -> date:
    """The day in London."""
    return london_day(settings().clock().now())


async def desk_work(visit: Visit) -> Response:
    """A list of customers to contact, page by page. The address has a day and a token that nobody can read."""
    words, query = visit.words, visit.request.query_params
    work = visit.request.path_params["work"]
    if work not in WORKS:
        return visit.problem("no-page", 404)
    fields = [desk_field(words, "until", "date", required=True), desk_field(words, "escalated", "switch")]
    given = {name: query.getlist(name) for name in query}
    values = read_values(fields, given)
    values["until"] = values["until"] or typed_day((today() + _LOOK_AHEAD).isoformat())
    mistakes = mistakes_in(fields, values, words)
    asked = {"work": work, "until": str(day_in(values["until"])), "escalated": values["escalated"] == "yes"}
    token = {"page_token": query["page"]} if query.get("page") else {}
    page: dict[str, Any] = {"items": [], "next_page_token": None}
    if not mistakes:
        page = (await visit.api.post("/v1/registrations:dueWork", {**asked, **token})).body
    onward = page["next_page_token"]
    return visit.render(
        "agent/work.html",
        work=work,
        fields_here=fields,
        values=values,
        mistakes=mistakes,
        items=page["items"],
        onward=urlencode([*((n, v) for n, v in query.items() if n != "page"), ("page", onward)]) if onward else None,
        show=Overview(words, await reference()),
        today=today().isoformat(),
    )


PAGES = (
    Page("/desk", for_agents(desk), posts=True),
    Page("/desk/purpose", for_agents(purpose), posts=True),
    Page("/desk/due/{work}", for_agents(desk_work)),
    Page("/desk/registrations/{registration_id}", for_agents(desk_registration)),
    Page("/desk/registrations/{registration_id}/password", for_agents(desk_password), posts=True),
)
