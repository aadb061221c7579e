"""The pages of customers: could this be for you, join, change, renew, refer somebody, and leave."""

from typing import NamedTuple

from starlette.responses import Response

from functions.pages import bodies
from functions.pages.acts import Act, Stamp, performed
from functions.pages.api import ApiProblem, is_shared, reference
from functions.pages.app import Page
from functions.pages.forms import Mistake, Option, mistakes_in, mistakes_of_api, read_values
from functions.pages.journeys import Journey, own_registration
from functions.pages.questions import AGREE, OF_CUSTOMERS, SITUATIONS, Asked, Question, applying, field, following
from functions.pages.visit import Visit
from functions.pages.words import Label

#: Problems after which the answers are shown again, with what happened.
_SHOWN_WITH_ANSWERS = {"already-registered", "version-stale", "unavailable", "idempotency-key-reused"}


class Row(NamedTuple):
    """An answer on a list of answers. `before`: what the register has, if that is another."""

    question: str
    value: list[Label]
    before: list[Label] | None = None


async def home(visit: Visit) -> Response:
    """Could this be for you? For somebody who is on the register: their registration. For agents: their desk."""
    if visit.session and visit.session.agent:
        return visit.redirect("desk")
    if visit.session and await own_registration(visit):
        return visit.redirect("registration")
    return visit.render("home.html", situations=list(SITUATIONS))


async def registration(visit: Visit) -> Response:
    """The customer's own registration, with a link to change each part."""
    found = await own_registration(visit)
    if found is None:
        return visit.redirect("home")
    codes = await reference()
    asked = Asked(visit.words, codes, bodies.values_of(found.body, codes))
    rows = [Row(one.name, one.answer(asked)) for one in applying(OF_CUSTOMERS, asked) if one.name != "password"]
    rows.append(Row("password", [Label(visit.words("registration.password"))]))
    return visit.render("registration.html", rows=rows, registration=found.body)


async def begin(visit: Visit) -> Response:
    """Begin or continue a journey."""
    journey = await Journey.begun(visit, visit.request.path_params["journey"])
    if journey.name == "join" and await own_registration(visit):
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
    values = asked.values if visit.given is None else read_values(fields, visit.given)
    mistakes: list[Mistake] = []
    if visit.posted:
        mistakes = mistakes_in(fields, values, visit.words)
        agreed = {"wording": f"{journey.wording['version']} {journey.wording['language']}"} if this is AGREE else {}
        journey.keep({**values, **agreed})
        if not mistakes and this is not AGREE:
            mistakes = await journey.mistakes(this)
        if not mistakes:
            return _onward(visit, journey, following(this, journey.kind.questions, journey.asked))
    return visit.render(
        "question.html",
        name=this.name,
        journey=journey,
        fields_here=this.fields(journey.asked),
        values={"language": visit.language, **values},
        mistakes=mistakes,
        wording=journey.wording if this is AGREE else None,
        back=_back(visit, journey, this),
    )


def _onward(visit: Visit, journey: Journey, onward: Question | None) -> Response:
    if onward is None:
        return visit.redirect("check", journey=journey.name)
    return visit.redirect("question", journey=journey.name, question=onward.name)


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
    if visit.posted and not journey.draft.values and visit.remembered("done") == journey.name:
        return visit.redirect("done", journey=journey.name)  # the form was sent twice
    if journey.unanswered:
        return _onward(visit, journey, journey.unanswered)
    mistakes, problem, status = list[Mistake](), None, 200
    if visit.posted and visit.one("key") == journey.draft.key:
        try:
            await journey.send(visit.one("etag"))
        except ApiProblem as error:
            if not error.errors and error.code not in _SHOWN_WITH_ANSWERS:
                raise
            mistakes, status = _mistakes_by_question(journey, error), error.status
            problem = None if mistakes else error.code
            if problem == "version-stale":
                journey = await Journey.begun(visit, journey.name)
            if problem == "idempotency-key-reused":
                journey.keep({})
        else:
            visit.cookies.delete("draft")
            visit.remember("done", journey.name)
            return visit.redirect("done", journey=journey.name)
    last = visit.url("question", journey=journey.name, question=journey.questions[-1].name)
    back = visit.url("registration") if journey.kind.changes else last
    shown = {"journey": journey, "rows": _rows(journey), "mistakes": mistakes, "problem": problem, "back": back}
    return visit.render("check.html", status, **shown)


def _rows(journey: Journey) -> list[Row]:
    """The answers; of a change only those that differ, with those that the register has now."""
    if not journey.kind.changes:
        return [Row(one.name, one.answer(journey.asked)) for one in journey.questions]
    stored = journey.asked._replace(values=journey.before)
    return [
        Row(one.name, one.answer(journey.asked), None if one is AGREE else one.answer(stored))
        for one in journey.questions
        if journey.changed(one)
    ]


def _mistakes_by_question(journey: Journey, problem: ApiProblem) -> list[Mistake]:
    """The API's errors, each linked to the row of its question."""
    words, asked = journey.visit.words, journey.asked
    found = [
        Mistake(f"row-{one.name}", mistake.text)
        for one in journey.questions
        for mistake in mistakes_of_api(problem.errors, one.fields(asked), words)
    ]
    return found or [Mistake("main", words("problem.other.detail")) for _ in problem.errors[:1]]


async def done(visit: Visit) -> Response:
    """The confirmation: the next steps, and the details that the networks get."""
    name = visit.request.path_params["journey"]
    found = await own_registration(visit)
    if visit.remembered("done") != name or (found is None and name != "refer"):
        return visit.redirect("home")
    return visit.render("done.html", name=name, registration=found.body if found else None)


async def leave(visit: Visit) -> Response:
    """Stop sharing, or leave the register. A second submit of the form has the outcome of the first."""
    found = await own_registration(visit)
    if found is None:
        return visit.redirect("left" if visit.posted else "home")
    words, path = visit.words, f"/v1/registrations/{found.body['registration_id']}"
    options = [
        Option(way, Label(words(f"leaving.{way}")), words(f"leaving.{way}_hint"))
        for way in ("sharing", "register")
        if way == "register" or visit.posted or is_shared(found.body)
    ]
    fields = [
        field(words, "leaving", "choice", options=options, required=True),
        field(words, "reason", "note", "/reason"),
    ]
    values = read_values(fields, visit.given)

    async def send(stamp: Stamp, etag: str) -> Response:
        if values["leaving"] == "register":
            reason = values["reason"] or "the customer asked on the pages"
            await visit.api.post(f"{path}:withdraw", {"reason": reason}, etag=etag, key=stamp.key)
            return visit.redirect("left")
        objection = found.body["sharing"]["basis"] != "explicit_consent"
        body = bodies.sharing_withdrawn(stamp.at, bodies.PAGES, "web", objection=objection)
        await visit.api.patch(path, body, etag=etag, key=stamp.key)
        return visit.redirect("registration")

    back = {"back": visit.url("registration")}
    return await performed(visit, Act("leave", "leave.html", fields, values, send, found, shown=back))


async def left(visit: Visit) -> Response:
    """The customer has left the register."""
    return visit.render("left.html")


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
