"""The desk's forms: register for a caller, amend, withdraw, and note an attempt to contact the customer.

A form has an Idempotency-Key and a time from when it was first shown, so that a double submit has one outcome; and the
ETag of what was read, so that nothing is overwritten that the agent has not seen.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Self

from starlette.responses import Response

from functions.pages import bodies
from functions.pages.agent import desk_field, due_work, for_agents, form, registration_path
from functions.pages.api import Answer, ApiProblem, reference
from functions.pages.app import Page
from functions.pages.customer import answer
from functions.pages.forms import Field, Mistake, Option, Values, mistakes_in, mistakes_of_api, options_of, read_values
from functions.pages.overview import Overview
from functions.pages.questions import (
    OF_CUSTOMERS,
    OF_REFERRALS,
    SITUATIONS,
    YOUNG_CHILDREN,
    Asked,
    applying,
)
from functions.pages.visit import Form, Visit
from functions.pages.words import Label
from shared.clock import london_day, rfc3339
from shared.settings import settings

_STALE, _REUSED = "version-stale", "idempotency-key-reused"
#: Shown above the form. Others get a page of their own, which keeps what was typed.
_SHOWN_WITH_FORM = {_STALE, _REUSED, "already-registered", "supply-point-held", "not-live"}
_QUESTIONS = [question for question in OF_REFERRALS if question.name == "account"] + OF_CUSTOMERS
_NEEDS = ("situations", "needs", "dates", "notes")


class Stamp(NamedTuple):
    """The Idempotency-Key of a form, and when the form was first shown."""

    key: str
    at: datetime

    @classmethod
    def of(cls, given: Form | None) -> Self:
        """The stamp of a form that was posted, or a new one."""
        try:
            at = datetime.fromisoformat((given or {})["at"][0])
            return cls(str(uuid.UUID((given or {})["key"][0])), at if at.tzinfo else at.astimezone())
        except (KeyError, ValueError):
            return cls(str(uuid.uuid4()), settings().clock().now())

    @property
    def hidden(self) -> dict[str, str]:
        """The fields that keep it."""
        return {"key": self.key, "at": self.at.isoformat()}


class Part(NamedTuple):
    """A field, and the fields that a choice of it reveals."""

    field: Field
    reveals: Mapping[str, list[Field]]


class Row(NamedTuple):
    """A question that somebody else answered meanwhile, or the agent: as read, as it is now, as typed."""

    question: str
    read: list[Label]
    now: list[Label]
    typed: list[Label]


class Act(NamedTuple):
    """What a short form does: its words, where it is sent, what it leaves, and the version that it is about."""

    name: str
    path: str
    done: str
    etag: str | None = None


class Questions:
    """The customers' questions on one page, with those about sharing. `stored`: the registration to amend."""

    def __init__(self, visit: Visit, codes: Mapping[str, Any], stored: Answer | None, given: Form | None) -> None:
        self.visit = visit
        self.stored = stored
        self.stamp = Stamp.of(given)
        self.now = bodies.values_of(stored.body, codes) if stored else {}
        self._codes = codes
        self.values: dict[str, Any] = self._read(given) if given else {**self.now}

    @property
    def asked(self) -> Asked:
        """The answers."""
        return self._asked(self.values)

    def _asked(self, values: Mapping[str, Any]) -> Asked:
        return Asked(self.visit.words, self._codes, values, knows_account=self.stored is not None)

    @property
    def _everything(self) -> Asked:
        """As if every situation and every need applied: the page has a field for each."""
        asked = self._asked(self.now)
        needs = {f"needs_{name}": codes for name, codes in asked.situations().items()}
        return asked._replace(values={"situations": list(SITUATIONS), "nominee": "yes", **needs})

    def _read(self, given: Form) -> dict[str, Any]:
        everything = self._everything
        values = read_values([f for one in _QUESTIONS for f in one.fields(everything)] + self.sharing_fields, given)
        values["situations"] = [name for name in SITUATIONS if values.get(f"needs_{name}")]
        values["nominee"] = values["nominee"] or "no"
        return values

    @property
    def records_sharing(self) -> bool:
        """Whether the agent records on what basis needs are shared."""
        return self.stored is None or self.values.get("new_basis") == "yes"

    @property
    def fields(self) -> list[Field]:
        """The fields that must be right, given the answers."""
        asked = self.asked
        answered = [one for one in applying(_QUESTIONS, asked) if one.name != "situations"]
        return [f for one in answered for f in one.fields(asked)] + (
            self.sharing_fields if self.records_sharing else []
        )

    @property
    def sharing_fields(self) -> list[Field]:
        """The basis, the wording that was read out, and who spoke."""
        words, codes = self.visit.words, self._codes

        def listed(name: str) -> list[Option]:
            return options_of(codes[name], words)

        show, none = Overview(words, codes), [Option("", Label(words("form.none")))]
        wordings = [
            Option(f"{one['version']} {one['language']}", show.label("languages", one["language"]), one["text"])
            for one in codes["wordings"]
        ]
        capture, f = "/sharing/capture", desk_field
        return [
            *([f(words, "new_basis", "switch")] if self.stored else []),
            f(words, "basis", "choice", "/sharing/basis", options=listed("lawful_bases"), required=True),
            f(words, "wording", "choice", f"{capture}/wording", capture, options=wordings),
            f(words, "evidence", "text", "/sharing/evidence", required=True),
            f(words, "channel", "select", f"{capture}/channel", options=listed("capture_channels"), required=True),
            f(words, "speaker", "select", f"{capture}/speaker/role", options=listed("speakers"), required=True),
            f(words, "speaker_name", "text", f"{capture}/speaker/name"),
            f(words, "speaker_organisation", "text", f"{capture}/speaker/organisation"),
            f(
                words,
                "article_6",
                "select",
                "/sharing/article_6_basis",
                options=listed("article_6_bases"),
                required=True,
            ),
            f(
                words,
                "paragraph",
                "select",
                "/sharing/schedule_1_paragraph",
                options=none + listed("schedule_1_paragraphs"),
            ),
            f(words, "cannot_consent", "text", "/sharing/cannot_consent_reason"),
        ]

    @property
    def parts(self) -> dict[str, list[Part]]:
        """The page: its sections, in order."""
        everything = self._everything
        of = {one.name: one.fields(everything) for one in _QUESTIONS}
        nominee = of["nominee"][0]._replace(kind="switch")
        account = {} if self.stored else {"account": _parts(of["account"])}
        return account | {
            "customer": _parts(of["name"] + of["phones"] + of["home"]),
            "needs": [Part(self._needs(field), self._details(field, of)) for field in of["needs"]],
            "services": _parts(of["services"])
            + _parts([field._replace(kind="select") for field in of["format"] + of["language"]])
            + [Part(nominee, {"yes": of["nominee_details"]})]
            + _parts(of["password"]),
            "sharing": _parts(self.sharing_fields),
        }

    def _needs(self, needs: Field) -> Field:
        """The choice of needs in a situation, under the situation's own name."""
        words = self.visit.words
        return needs._replace(label=Label(words(f"situation.{needs.name.removeprefix('needs_')}.title")))

    def _details(self, needs: Field, of: Mapping[str, list[Field]]) -> dict[str, list[Field]]:
        """The date and the note of each need."""
        words = self.visit.words
        labels = {"born": "born", "ends": "ends", "note": "note"}
        details: dict[str, list[Field]] = {option.value: [] for option in needs.options}
        for field in of["dates"] + of["notes"]:
            kind, _, code = field.name.partition("_")
            label = Label(words(f"desk.detail.{labels[kind]}"))
            if (code or YOUNG_CHILDREN) in details:
                details[code or YOUNG_CHILDREN].append(field._replace(label=label, hint="", kind=_short(field.kind)))
        return details

    def body(self) -> dict[str, Any]:
        """A new registration, or the merge patch of one."""
        arranged = self.stored.body["services"]["arranged"] if self.stored else []
        wanted = bodies.customer_body(self.asked, arranged, self.stamp.at)
        sharing = {"sharing": self._sharing()} if self.records_sharing else {}
        if self.stored is None:
            return bodies.new_body(self.asked, self.visit.signed_in) | wanted | sharing
        return bodies.patch(wanted, bodies.customer_body(self._asked(self.now), arranged, self.stamp.at)) | sharing

    def _sharing(self) -> dict[str, Any]:
        """The whole record: a merge patch keeps what it does not name."""
        values = self.values
        version, _, language = values["wording"].partition(" ")
        names = {"role": "speaker", "name": "speaker_name", "organisation": "speaker_organisation"}
        return {
            "basis": values["basis"],
            "article_6_basis": values["article_6"],
            "schedule_1_paragraph": values["paragraph"] or None,
            "cannot_consent_reason": values["cannot_consent"] or None,
            "recorded_on": london_day(self.stamp.at).isoformat(),
            "evidence": values["evidence"],
            "capture": {
                "captured_at": rfc3339(self.stamp.at),
                "captured_by": self.visit.signed_in.subject,
                "channel": values["channel"],
                "speaker": {name: values[field] or None for name, field in names.items()},
                "wording": {"version": version, "language": language} if version else None,
            },
            "withdrawn": None,
        }

    def merge(self, read: Mapping[str, Any]) -> list[Row]:
        """Take over what somebody else changed since `read`, unless the agent changed it too. All that differs."""
        typed = {**self.values}
        for name, value in self.now.items():
            if typed.get(name) == read.get(name):
                self.values[name] = value
        versions = [self._asked(values) for values in (read, self.now, typed)]
        rows = [Row(one.name, *(answer(one, asked) for asked in versions)) for one in _QUESTIONS[1:]]
        return [row for row in rows if not row.read == row.now == row.typed]


def _short(kind: Any) -> Any:
    return "text" if kind == "note" else kind


def _parts(fields: list[Field]) -> list[Part]:
    return [Part(field, {}) for field in fields]


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
    try:
        read = json.loads(visit.one("read"))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


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
        hidden["read"] = kept.get("read", [json.dumps(asked.now)])[0]
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
