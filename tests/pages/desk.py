"""The desk in tests: agents with a browser or without, and registrations for them."""

from collections.abc import Mapping
from typing import Any

from tests.pages.person import ANSWERS, Person
from tests.pages.walk import Walker
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import registration

PURPOSE = "customer_contact"
_NOT_ON_ONE_PAGE = ("situations", "agree")


async def to_the_desk(walker: Walker, who: str = "agent") -> None:
    """Sign in as one of the sample's agents, and choose why to read."""
    await walker.open(f"/sign-in?next={walker.prefix}/desk")
    await walker.page.click(f"button[value={who}]")
    await walker.look("")
    await walker.fill({"purpose": PURPOSE})
    await walker.submit()
    await walker.look("")


async def find(walker: Walker, by: str, term: str) -> None:
    """Find a customer."""
    await walker.open("/desk")
    await walker.fill({"by": by, "term": term})
    await walker.submit()
    await walker.look(f"by {by}")


def agent(stack: Stack, who: str = "agent") -> Person:
    """An agent without a browser, who has chosen why to read."""
    person = Person(stack)
    person.sign_in(who)
    assert person.post("/desk/purpose", {"purpose": PURPOSE}).headers["location"] == "/desk"
    return person


def caller_answers(walker: Walker | Person, language: str = "en") -> dict[str, Any]:
    """The answers that an agent types to register a caller, in the order of the page."""
    answers: dict[str, Any] = {"account": walker.account_id, "mpan": walker.points[0], "mprn": walker.points[1]}
    of = {name: dict(fields) for name, fields in ANSWERS.items() if name not in _NOT_ON_ONE_PAGE}
    needs = of.pop("needs") | of.pop("dates") | of.pop("notes")
    for fields in (of.pop("name"), of.pop("phones"), of.pop("home")):
        answers |= fields
    return answers | needs | {name: value for fields in of.values() for name, value in fields.items()} | {
        "fact_can_top_up": "no",
        "basis": "explicit_consent",
        "wording": f"2026-1 {language}",
        "evidence": "call 4712",
    }  # fmt: skip


def stored(stack: Stack, **changed: Any) -> dict[str, Any]:
    """A registration that the API has just stored."""
    return created(Caller(stack, scope=ALL_SCOPES), registration(**changed))


def created(caller: Caller, body: Mapping[str, Any]) -> dict[str, Any]:
    """The registration of this body."""
    made = caller.create(body)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer
