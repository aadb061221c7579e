"""The pages of customers: could this be for you, join, change, renew, refer somebody, and leave."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from starlette.responses import Response

from functions.pages import bodies
from functions.pages.api import ApiProblem, reference
from functions.pages.app import Page
from functions.pages.forms import Field, Mistake, Option, day_in, mistakes_in, mistakes_of_api, read_values
from functions.pages.journeys import Draft, Journey, own_registration
from functions.pages.questions import AGREE, OF_CUSTOMERS, SITUATIONS, Asked, Question, applying, field, following
from functions.pages.visit import Visit
from functions.pages.words import Label
from shared.clock import rfc3339

LIVE = ("active", "pending")
#: Problems after which the answers are shown again, with what happened.
_SHOWN_WITH_ANSWERS = {"already-registered", "version-stale", "unavailable", "idempotency-key-reused"}


class Row(NamedTuple):
    """An answer on a list of answers. `before`: what the register has, if that is another."""

    question: str
    value: list[Label]
    before: list[Label] | None


async def home(visit: Visit) -> Response:
    """Could this be for you? For somebody who is on the register: their registration. For agents: their desk."""
    if visit.session and visit.session.agent:
        return visit.redirect("desk")
    if visit.session and visit.session.account_id:
        found = await own_registration(visit)
        if found and found.body["status"] in LIVE:
            return visit.redirect("registration")
    return visit.render("home.html", situations=list(SITUATIONS))


async def registration(visit: Visit) -> Response:
    """The customer's own registration, with a link to change each part."""
    found = await own_registration(visit)
    if found is None or found.body["status"] not in LIVE:
        return visit.redirect("home")
    codes = await reference()
    asked = Asked(visit.words, codes, bodies.values_of(found.body, codes))
    rows = [Row(one.name, answer(one, asked), None) for one in applying(OF_CUSTOMERS, asked) if one.name != "password"]
    rows.append(Row("password", [Label(visit.words("registration.password"))], None))
    return visit.render("registration.html", rows=rows, registration=found.body)


async def begin(visit: Visit) -> Response:
    """Begin or continue a journey."""
    journey = await Journey.begun(visit, visit.request.path_params["journey"])
    if journey.name == "join":
        found = await own_registration(visit)
        if found and found.body["status"] in LIVE:
            return visit.redirect("registration")
    return _onward(visit, journey, journey.unanswered)


async def question(visit: Visit) -> Response:
    """One question. Its answer is kept until everything is sent."""
    journey = await Journey.begun(visit, visit.request.path_params["journey"])
    asked = journey.asked
    this = next((one for one in journey.questions if one.name == visit.request.path_params["question"]), None)
    if this is None:
        return _onward(visit, journey, journey.unanswered)
    fields = this.fields(asked)
    if not visit.posted:
        typed = visit.typed()
        return _shown(visit, journey, this, read_values(fields, typed) if typed else asked.values, [])
    values = read_values(fields, visit.form)
    mistakes = mistakes_in(fields, values, visit.words)
    if this is AGREE and not mistakes:
        values["wording"] = [journey.wording["version"], journey.wording["language"]]
    journey.keep(values)
    mistakes = mistakes or await journey.mistakes(this)
    if mistakes:
        return _shown(visit, journey, this, values, mistakes)
    return _onward(visit, journey, following(this, journey.kind.questions, journey.asked))


def _onward(visit: Visit, journey: Journey, onward: Question | None) -> Response:
    if onward is None:
        return visit.redirect("check", journey=journey.name)
    return visit.redirect("question", journey=journey.name, question=onward.name)


def _shown(
    visit: Visit, journey: Journey, this: Question, values: Mapping[str, Any], mistakes: list[Mistake]
) -> Response:
    return visit.render(
        "question.html",
        422 if mistakes else 200,
        name=this.name,
        journey=journey,
        fields_here=this.fields(journey.asked),
        values={"language": visit.language, **values},
        mistakes=mistakes,
        wording=journey.wording if this is AGREE else None,
        back=_back(visit, journey, this),
    )


def _back(visit: Visit, journey: Journey, this: Question) -> str:
    """The question before. A change goes back to the registration, unless the question before belongs to this one."""
    place = [one.name for one in journey.questions].index(this.name)
    before = journey.questions[place - 1] if place else None
    if before is None or (journey.kind.changes and not (before.chain and before.chain == this.chain)):
        return visit.url("home")
    return visit.url("question", journey=journey.name, question=before.name)


async def check(visit: Visit) -> Response:
    """All answers, before they are sent."""
    journey = await Journey.begun(visit, visit.request.path_params["journey"])
    if visit.posted and not journey.draft.values and visit.cookies.read("done") == journey.name:
        return visit.redirect("done", journey=journey.name)  # the form was sent twice
    if journey.unanswered:
        return _onward(visit, journey, journey.unanswered)
    if not visit.posted or visit.one("key") != journey.draft.key:
        return _answers(visit, journey)
    try:
        await journey.send(visit.one("etag"))
    except ApiProblem as problem:
        if problem.errors:
            return _answers(visit, journey, problem.status, mistakes=_mistakes_by_question(journey, problem))
        if problem.code not in _SHOWN_WITH_ANSWERS:
            raise
        return await _answers_again(visit, journey, problem)
    visit.cookies.delete("draft")
    visit.cookies.write("done", journey.name)
    return visit.redirect("done", journey=journey.name)


async def _answers_again(visit: Visit, journey: Journey, problem: ApiProblem) -> Response:
    """The answers with what happened. If somebody changed the registration meanwhile, with what it has now."""
    if problem.code == "version-stale":
        journey = await Journey.begun(visit, journey.name)
    if problem.code == "idempotency-key-reused":
        journey.keep({})
    return _answers(visit, journey, problem.status, problem=problem.code)


def _answers(
    visit: Visit,
    journey: Journey,
    status: int = 200,
    mistakes: list[Mistake] | None = None,
    problem: str | None = None,
) -> Response:
    last = journey.questions[-1].name
    back = visit.url("registration") if journey.kind.changes else None
    rows = [
        Row(one.name, answer(one, journey.asked), _before(journey, one))
        for one in journey.questions
        if not journey.kind.changes or journey.changed(one)
    ]
    return visit.render(
        "check.html",
        status,
        journey=journey,
        rows=rows,
        mistakes=mistakes or [],
        problem=problem,
        back=back or visit.url("question", journey=journey.name, question=last),
    )


def _before(journey: Journey, one: Question) -> list[Label] | None:
    if not journey.kind.changes or one is AGREE:
        return None
    return answer(one, journey.asked._replace(values=journey.before))


def _mistakes_by_question(journey: Journey, problem: ApiProblem) -> list[Mistake]:
    """The API's errors, each linked to the row of its question."""
    words, asked = journey.visit.words, journey.asked
    found = [
        Mistake(f"row-{one.name}", mistake.text)
        for one in journey.questions
        for mistake in mistakes_of_api(problem.errors, one.fields(asked), words)
    ]
    return found or [Mistake("main", words("problem.other.detail"))]


async def done(visit: Visit) -> Response:
    """The confirmation: the next steps, and the details that the networks get."""
    name = visit.request.path_params["journey"]
    if visit.cookies.read("done") != name:
        return visit.redirect("home")
    found = await own_registration(visit)
    return visit.render("done.html", name=name, registration=found.body if found else None)


async def leave(visit: Visit) -> Response:
    """Stop sharing, or leave the register. A second submit of the form has the outcome of the first."""
    found = await own_registration(visit)
    if found is None or found.body["status"] not in LIVE:
        return visit.redirect("left" if visit.posted else "home")
    record = found.body["sharing"]
    fields = _leaving(visit, shares=visit.posted or (record["basis"] != "none" and not record["withdrawn"]))
    values = read_values(fields, visit.form or visit.typed() or {})
    mistakes = mistakes_in(fields, values, visit.words) if visit.posted else []
    etag = str(found.etag)
    kept = visit.cookies.read("leaving")
    draft = Draft(*kept) if kept else None
    if not visit.posted or mistakes or draft is None or draft.key != visit.one("key"):
        return _leave_form(visit, fields, values, mistakes, etag)
    try:
        await _leave(visit, found.body, values, draft)
    except ApiProblem as problem:
        if problem.errors:
            mistakes = mistakes_of_api(problem.errors, fields, visit.words)
        elif problem.code == "version-stale":
            mistakes = [Mistake("leaving", visit.words("problem.version-stale.detail"))]
        else:
            raise
        return _leave_form(visit, fields, values, mistakes, etag, problem.status)
    visit.cookies.delete("leaving")
    return visit.redirect("left" if values["leaving"] == "register" else "registration")


def _leaving(visit: Visit, *, shares: bool) -> list[Field]:
    words = visit.words
    ways = ["sharing", "register"] if shares else ["register"]
    options = [Option(way, Label(words(f"leaving.{way}")), words(f"leaving.{way}_hint")) for way in ways]
    return [
        field(words, "leaving", "choice", options=options, required=True),
        field(words, "reason", "note", "/reason"),
    ]


def _leave_form(
    visit: Visit, fields: list[Field], values: Mapping[str, Any], mistakes: list[Mistake], etag: str, status: int = 422
) -> Response:
    draft = Draft.of(visit, "leave", {})
    visit.cookies.write("leaving", draft)
    return visit.render(
        "leave.html",
        status if mistakes else 200,
        fields_here=fields,
        values=values,
        mistakes=mistakes,
        etag=etag,
        key=draft.key,
        back=visit.url("registration"),
    )


async def _leave(visit: Visit, stored: Mapping[str, Any], values: Mapping[str, Any], draft: Draft) -> None:
    path, etag = f"/v1/registrations/{stored['registration_id']}", visit.one("etag")
    if values["leaving"] == "register":
        reason = values["reason"] or "the customer asked on the pages"
        await visit.api.post(f"{path}:withdraw", {"reason": reason}, etag=etag, key=draft.key)
    else:
        withdrawn = {
            "withdrawn_at": rfc3339(datetime.fromisoformat(draft.at)),
            "channel": "web",
            "captured_by": "psr-pages",
            "objection": stored["sharing"]["basis"] != "explicit_consent",
        }
        await visit.api.patch(path, {"sharing": {"withdrawn": withdrawn}}, etag=etag, key=draft.key)


async def left(visit: Visit) -> Response:
    """The customer has left the register."""
    return visit.render("left.html")


def answer(one: Question, asked: Asked) -> list[Label]:
    """The answer to a question as lines of text."""
    return [line for field in one.fields(asked) for line in answer_lines(field, asked)]


def answer_lines(field: Field, asked: Asked) -> list[Label]:
    """The answer in a field as lines of text."""
    value, words = asked.values.get(field.name), asked.words
    if not value:
        return []
    if field.kind == "switch":
        return [field.label]
    if field.kind in {"choice", "choices", "select"}:
        chosen = [value] if isinstance(value, str) else value
        return [option.label for option in field.options if option.value in chosen]
    text = words.date(day_in(value)) if field.kind == "date" else value
    if field.kind in {"date", "note"}:
        about = words.get(f"short.{field.name}") or field.label.text
        return [Label(f"{about}: {text}", field.label.language)]
    return [Label(line) for line in str(text).split("\n")]


#: A path that names no journey is no page.
_JOURNEY = "/{journey:journey}"
PAGES = (
    Page("/", home, public=True),
    Page("/registration", registration),
    Page("/leave", leave, posts=True),
    Page("/left", left, public=True),
    Page(_JOURNEY, begin),
    Page(f"{_JOURNEY}/check", check, posts=True),
    Page(f"{_JOURNEY}/done", done),
    Page(f"{_JOURNEY}/{{question}}", question, posts=True),
)
