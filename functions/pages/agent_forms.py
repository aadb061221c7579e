"""The desk's forms: register a caller, amend, withdraw, stop sharing, and note an attempt to contact the customer."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from functions.pages import bodies
from functions.pages.acts import Act, Stamp, performed
from functions.pages.agent import desk_field, due_work, for_agents, registration_path
from functions.pages.api import Answer, is_shared, reference
from functions.pages.app import Page
from functions.pages.caller import Questions
from functions.pages.forms import Field, Option, Values, options_of, read_values
from functions.pages.overview import Difference, Overview, differences
from functions.pages.visit import Visit
from functions.pages.words import Label


async def desk_register(visit: Visit) -> Response:
    """Register somebody who calls: the customers' questions on one page."""
    return await _questions(visit, "register", None)


async def desk_amend(visit: Visit) -> Response:
    """Amend a registration. If somebody else changed it meanwhile, both versions are shown, and nothing is stored."""
    return await _questions(visit, "amend", await visit.api.get(registration_path(visit)))


async def _questions(visit: Visit, name: str, stored: Answer | None) -> Response:
    asked = Questions(visit, await reference(), stored)

    async def send(stamp: Stamp, etag: str) -> Response:
        body = asked.body(stamp.at)
        if stored is None:
            made = await visit.api.post("/v1/registrations", body, key=stamp.key)
            return _done(visit, name, made.body["registration_id"])
        if body:
            await visit.api.patch(registration_path(visit), body, etag=etag, key=stamp.key)
        second_submit = etag != stored.etag  # and the register has all of it already
        return _done(visit, name if body or second_submit else "unchanged", stored.body["registration_id"])

    shown = {"asked": asked, "back": _registration(visit) if stored else None}
    act = Act(name, "agent/questions.html", asked.fields, asked.values, send, stored, asked.now, asked.merge, shown)
    return await performed(visit, act)


async def desk_withdraw(visit: Visit) -> Response:
    """Take an account off the register, with a reason."""
    path = registration_path(visit)
    fields = [desk_field(visit.words, "reason", "text", "/reason", required=True)]

    async def call(values: Values, stamp: Stamp, etag: str) -> Answer:
        return await visit.api.post(f"{path}:withdraw", values, etag=etag, key=stamp.key)

    return await _short(visit, "withdraw", fields, call, await visit.api.get(path))


async def desk_stop_sharing(visit: Visit) -> Response:
    """End the sharing, as the customer asks for it. They stay on the register."""
    path, words, codes = registration_path(visit), visit.words, await reference()
    stored = await visit.api.get(path)
    # A form of the version that shared can be a second submit: it has the outcome of the first.
    if not is_shared(stored.body) and visit.one("etag") in {"", stored.etag}:
        return RedirectResponse(_registration(visit), 303)
    channels = options_of(codes["capture_channels"], words)
    fields = [
        desk_field(words, "ending", "choice", options=_words_of(visit, "ending"), required=True),
        desk_field(words, "channel", "select", "/sharing/withdrawn/channel", options=channels, required=True),
    ]

    async def call(values: Values, stamp: Stamp, etag: str) -> Answer:
        objection = values["ending"] == "objection"
        body = bodies.sharing_withdrawn(stamp.at, visit.signed_in.subject, values["channel"], objection=objection)
        return await visit.api.patch(path, body, etag=etag, key=stamp.key)

    return await _short(visit, "stop_sharing", fields, call, stored)


async def desk_attempt(visit: Visit) -> Response:
    """Note an attempt to contact the customer."""
    words, path = visit.words, registration_path(visit)
    works = [
        Option(f"{work} {day}", Label(words(f"desk.due.{work}", day=words.date(day))))
        for work, day in due_work((await visit.api.get(path)).body)
    ]
    fields = [
        desk_field(words, "due", "choice", "/due_on", "/work", options=works, required=True),
        desk_field(words, "contact", "choice", "/channel", options=_words_of(visit, "contact"), required=True),
        desk_field(words, "outcome", "choice", "/outcome", options=_words_of(visit, "outcome"), required=True),
    ]

    async def call(values: Values, stamp: Stamp, _: str) -> Answer:
        work, _, day = values["due"].partition(" ")
        said = {"channel": values["contact"], "outcome": values["outcome"], "by": visit.signed_in.subject}
        return await visit.api.post(f"{path}/attempts", {"work": work, "due_on": day, **said}, key=stamp.key)

    return await _short(visit, "attempt", fields, call)


async def _short(
    visit: Visit,
    name: str,
    fields: list[Field],
    call: Callable[[Values, Stamp, str], Awaitable[Answer]],
    stored: Answer | None = None,
) -> Response:
    """A form of a few fields. After a conflict it shows what somebody changed meanwhile."""
    values = read_values(fields, visit.given)
    seen = Overview(visit.words, await reference()).topics(stored.body) if stored else {}

    async def send(stamp: Stamp, etag: str) -> Response:
        await call(values, stamp, etag)
        return _done(visit, name, visit.request.path_params["registration_id"])

    def compare(read: Mapping[str, Any]) -> list[Difference]:
        before = {topic: [tuple(Label(*part) for part in line) for line in lines] for topic, lines in read.items()}
        return differences(before, seen)

    shown = {"back": _registration(visit)}
    return await performed(visit, Act(name, "agent/form.html", fields, values, send, stored, seen, compare, shown))


def _words_of(visit: Visit, name: str) -> list[Option]:
    """The choices that the words have under a name: the API has no labels for them."""
    words, start = visit.words, f"desk.{name}."
    codes = [key.removeprefix(start) for key in words.texts if key.startswith(start)]
    return [Option(code, Label(words(f"desk.{name}.{code}"))) for code in codes]


def _registration(visit: Visit) -> str:
    return visit.url("desk_registration", **visit.request.path_params)


def _done(visit: Visit, what: str, registration_id: str) -> Response:
    """Back to the registration, which says once what was done."""
    visit.remember("done", what)
    return visit.redirect("desk_registration", registration_id=registration_id)


_ONE = "/desk/registrations/{registration_id}"
PAGES = (
    Page("/desk/register", for_agents(desk_register), posts=True),
    Page(f"{_ONE}/amend", for_agents(desk_amend), posts=True),
    Page(f"{_ONE}/withdraw", for_agents(desk_withdraw), posts=True),
    Page(f"{_ONE}/stop-sharing", for_agents(desk_stop_sharing), posts=True),
    Page(f"{_ONE}/attempts", for_agents(desk_attempt), posts=True),
)
