"""The small world: accounts, supply points, areas, and submissions about them."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from tools.local.sample import mpan, mprn
from tools.synthetic import consent

#: Few, so that they meet often. One's number begins another's; one has a character that JSON may escape. All their ids
#: begin with one digit, so that what is queried by the first digit of the id is queried once (`tests.world.service`).
ACCOUNTS = ("A-4", "A-40", "C/1")
POINTS = (*(f"mpan:{mpan('10', number)}" for number in (1, 2)), f"mpan:{mpan('12', 4)}", f"mprn:{mprn(1)}")
#: The area partner gets homes in BS only.
AREAS = {"BS": "BS1 4DJ", "M": "M1 1AE"}
PHONE = "07700900123"

Need = tuple[str, date | None]


class Submission(NamedTuple):
    """A submission of a caller or a record about an account. `mark` is in each of its texts, and in no other's."""

    account: str
    points: tuple[str, ...]
    needs: tuple[Need, ...]
    basis: str
    area: str
    mark: str


def supply_points(points: Iterable[str]) -> dict[str, list[str]]:
    """Supply points as the API and the events take them."""
    numbers = [point.partition(":") for point in sorted(points)]
    return {f"{fuel}s": [number for kind, _, number in numbers if kind == fuel] for fuel in ("mpan", "mprn")}


def premises(area: str, mark: str) -> dict[str, object]:
    return {"address_lines": [f"1 {mark} Street"], "postcode": AREAS[area]}


def sharing(basis: str, recorded_on: date, mark: str) -> dict[str, Any]:
    """A sharing record as a whole, which can replace any other by a merge patch."""
    consented = consent(recorded_on.isoformat(), f"call {mark}") | {"cannot_consent_reason": None}
    if basis == "explicit_consent":
        return consented
    dying = {"article_6_basis": "vital_interests", "cannot_consent_reason": "unconscious"}
    other = dying if basis == "vital_interests" else {"article_6_basis": "not_recorded"}
    return consented | {"basis": basis, "capture": consented["capture"] | {"wording": None}} | other


def needs(needs: Iterable[Need]) -> list[dict[str, str]]:
    return [{"code": code} | ({"ends_on": ends_on.isoformat()} if ends_on else {}) for code, ends_on in needs]


def body(submission: Submission) -> dict[str, object]:
    """A registration as the API and the migration take it."""
    return {
        "account_id": submission.account,
        "status": "active" if submission.needs else "pending",
        "supply_points": supply_points(submission.points),
        "premises": premises(submission.area, submission.mark),
        "primary_contact": {"name": f"Mrs {submission.mark}", "phones": [PHONE]},
        "needs": needs(submission.needs),
        "sharing": sharing(submission.basis, date(2026, 1, 5), submission.mark),
    }


def in_words(when: datetime) -> str:
    return f"{when:%d %H:%M}"
