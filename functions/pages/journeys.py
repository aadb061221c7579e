"""The journeys of customers: which questions they have, what is kept between pages, and what they send in the end."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from functions.pages import bodies
from functions.pages.api import Answer, ApiProblem, is_live, reference
from functions.pages.forms import Mistake, Values, mistakes_of_api
from functions.pages.questions import AGREE, OF_CUSTOMERS, OF_REFERRALS, Asked, Question, applying, newest_wordings
from functions.pages.visit import Visit
from shared.clock import london_day
from shared.settings import settings

UNAUTHENTICATED, NOT_FOUND, GONE = 401, 404, 410


class Kind(NamedTuple):
    """A kind of journey. `changes`: it starts from the customer's registration, and amends it."""

    questions: Sequence[Question]
    changes: bool = False


KINDS: Mapping[str, Kind] = {
    "join": Kind([*OF_CUSTOMERS, AGREE]),
    "confirm": Kind([*OF_CUSTOMERS, AGREE], changes=True),
    "change": Kind(OF_CUSTOMERS, changes=True),
    "renew": Kind([AGREE], changes=True),
    "refer": Kind(OF_REFERRALS),
}


class _KindConvertor(StringConvertor):
    regex = "|".join(KINDS)


register_url_convertor("journey", _KindConvertor())


class Draft(NamedTuple):
    """Answers that somebody has given and not sent yet. A new answer needs a new Idempotency-Key."""

    journey: str
    by: str
    values: dict[str, Any]
    key: str
    at: str

    @classmethod
    def of(cls, visit: Visit, journey: str, values: dict[str, Any]) -> Self:
        """These answers, given now."""
        now = settings().clock().now().isoformat()
        return cls(journey, visit.signed_in.subject, values, str(uuid.uuid4()), now)


class Journey:
    """A person's way through one kind of journey, as far as they are."""

    def __init__(self, visit: Visit, name: str, codes: Mapping[str, Any], stored: Answer | None) -> None:
        self.visit = visit
        self.name = name
        self.kind = KINDS[name]
        self.stored = stored
        self._reference = codes
        kept = visit.cookies.read("draft")
        draft = Draft(*kept) if kept else None
        mine = draft is not None and (draft.journey, draft.by) == (name, visit.signed_in.subject)
        self.draft = draft if draft and mine else Draft.of(visit, name, {})
        self.before: Values = bodies.values_of(stored.body, codes) if stored else {}

    @classmethod
    async def begun(cls, visit: Visit, name: str) -> Self:
        """A journey as it is. Raises `HTTPException` if it is not for this person, `ApiProblem`."""
        if visit.signed_in.account_id is None and name != "refer":
            raise HTTPException(NOT_FOUND)
        codes = await reference()
        stored = await own_registration(visit) if KINDS[name].changes else None
        if KINDS[name].changes and stored is None:
            raise HTTPException(NOT_FOUND)
        return cls(visit, name, codes, stored)

    @property
    def asked(self) -> Asked:
        """The words, codes and answers that the questions depend on."""
        knows = self.visit.signed_in.account_id is not None
        return Asked(self.visit.words, self._reference, {**self.before, **self.draft.values}, knows)

    @property
    def questions(self) -> list[Question]:
        """The questions that apply now."""
        return applying(self.kind.questions, self.asked)

    @property
    def unanswered(self) -> Question | None:
        """The first question without an answer."""
        return next((question for question in self.questions if question.unanswered(self.asked)), None)

    def changed(self, question: Question) -> bool:
        """Whether an answer differs from the register's."""
        names = [field.name for field in question.fields(self.asked)]
        return any(self.asked.values.get(name) != self.before.get(name) for name in names)

    def keep(self, values: dict[str, Any]) -> None:
        """Keep answers in the draft. Raises `TooLong`."""
        self.draft = Draft.of(self.visit, self.name, {**self.draft.values, **values})
        self.visit.cookies.write("draft", self.draft)

    @property
    def wording(self) -> Mapping[str, Any]:
        """The newest wording in the person's language, else in English."""
        newest = newest_wordings(self._reference, london_day(self._at))
        return newest.get(self.visit.language) or newest["en"]

    async def mistakes(self, question: Question) -> list[Mistake]:
        """The mistakes that the API finds in the answers to a question.

        The body lacks the sharing record, without which the API registers nobody. So this only checks.
        """
        body = bodies.new_body(self.asked, self.visit.signed_in) | self._customer_body(self.asked)
        try:
            await self.visit.api.post("/v1/registrations", body)
        except ApiProblem as problem:
            if problem.status == UNAUTHENTICATED:
                raise
            return mistakes_of_api(problem.errors, question.fields(self.asked), self.visit.words)
        return []

    async def send(self, etag: str) -> None:
        """Register or amend with the answers. `etag` is that of the shown registration. Raises `ApiProblem`."""
        api, key = self.visit.api, self.draft.key
        if not self.kind.changes:
            body = bodies.new_body(self.asked, self.visit.signed_in)
            refers = self.name == "refer"
            rest = bodies.referral(self.asked.values, self._at) if refers else self._customer_body(self.asked)
            await api.post("/v1/registrations", {**body, **rest, **self._sharing()}, key=key)
        elif self.stored:
            before = self._customer_body(self.asked._replace(values=self.before))
            changes = bodies.patch(self._customer_body(self.asked), before) | self._sharing()
            path = f"/v1/registrations/{self.stored.body['registration_id']}"
            await api.patch(path, changes, etag=etag, key=key)

    @property
    def _at(self) -> datetime:
        return datetime.fromisoformat(self.draft.at)

    def _customer_body(self, asked: Asked) -> dict[str, Any]:
        return bodies.customer_body(asked, self.stored, self._at)

    def _sharing(self) -> dict[str, Any]:
        if AGREE not in self.kind.questions:
            return {}
        agreed = {"basis": "explicit_consent", "article_6": "consent", "wording": self.asked.values["wording"]}
        said = {**agreed, "evidence": f"web form {self.draft.key}", "channel": "web", "speaker": "self"}
        return {"sharing": bodies.sharing(said, self._at, bodies.PAGES)}


async def own_registration(visit: Visit) -> Answer | None:
    """The customer's registration; None if they are not on the register. Raises `ApiProblem`."""
    account = visit.signed_in.account_id
    if account is None:
        return None
    try:
        found = await visit.api.post("/v1/registrations:lookup", {"account_id": account})
    except ApiProblem as problem:
        if problem.status in {NOT_FOUND, GONE}:
            return None
        raise
    return found if is_live(found.body) else None
