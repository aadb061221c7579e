"""Recipients of data about a supply point: the recipient table (`shared/data/recipients.csv`).

A row says for which purpose a recipient gets data, of which supply points (fuel and route), which needs codes it may
know, on which lawful bases, and in which format. A new recipient is a new row. The former name of a network whose MPID
has changed keeps a row of the route `former`: it gets deletes only.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from itertools import takewhile
from typing import NamedTuple

from shared.data import TableError, rows, text
from shared.digest import digest
from shared.domain.needs import Need, NeedCode
from shared.domain.registration import Registration, Status
from shared.domain.sharing import Article6Basis, Article9Condition, Ground
from shared.domain.supply_points import Fuel, Mpan, SupplyPoint, distributors

#: Stands for the operator of a supply point whose distributor the table does not know.
UNROUTABLE = "unroutable"

_DISTRIBUTOR = "distributor"
_EVERY = "every"
_POSTCODE_AREAS = "postcode_areas"
_FORMER = "former"


class Withheld(StrEnum):
    """Why a recipient does not get a supply point's state."""

    NOT_ACTIVE = "not_active"
    NO_LAWFUL_BASIS = "no_lawful_basis"
    NO_ALLOWED_CODE = "no_allowed_code"
    NOT_ITS_AREA = "not_its_area"
    RELEASED = "released"
    SUPPLY_LOST = "supply_lost"
    UNROUTABLE = "unroutable"


class Route(NamedTuple):
    """Which supply points of its fuel are a recipient's: of its own distribution area, every one, by postcode area, or
    none (`former`).
    """

    kind: str
    areas: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Route":
        """`distributor`, `every`, `postcode_areas BS BA`, or `former`."""
        kind, *areas = text.split() or [""]
        if kind not in (_DISTRIBUTOR, _EVERY, _POSTCODE_AREAS, _FORMER) or bool(areas) != (kind == _POSTCODE_AREAS):
            raise ValueError("a route is `distributor`, `every`, `postcode_areas` and their names, or `former`")
        return cls(kind, frozenset(areas))


class Profile(NamedTuple):
    """A kind of recipient: the data that it gets, and the folder and format of its files. `codes` None: every code."""

    profile: str
    purpose: str
    supply_points: Fuel
    route: Route
    folder: str
    format: str
    codes: frozenset[str] | None
    lawful_bases: frozenset[Ground]


class Recipient(NamedTuple):
    """One organisation. `recipient_id` is its MPID; `file_code` two characters that are its own in file ids."""

    recipient_id: str
    file_code: str
    profile: Profile


def tables() -> str:
    """A fingerprint of the tables that say which recipient gets what."""
    return digest(text("recipients.csv"), text("distributors.csv"))


@cache
def recipients() -> dict[str, Recipient]:
    """Every recipient by id: one a row, but for the row of the distributors, which stands for each of them."""
    found: list[Recipient] = []
    for row in rows("recipients.csv"):
        profile = _profile(row)
        if profile.route.kind == _DISTRIBUTOR:
            found += [Recipient(d.mpid, d.distributor_id, profile) for d in distributors().values()]
            found.append(Recipient(UNROUTABLE, "00", profile))
        else:
            found.append(Recipient(row["recipient_id"], row["file_code"], profile))
    by_id = {recipient.recipient_id: recipient for recipient in found}
    codes = {recipient.file_code for recipient in found}
    if not len(by_id) == len(codes) == len(found) or {len(code) for code in codes} != {2}:
        raise TableError("recipients.csv: ids and file codes must differ, and a file code has two characters")
    return by_id


def recipients_of(point: SupplyPoint, postcode: str) -> list[Recipient]:
    """The recipients of data about a supply point at a postcode. Derived each time: networks change hands."""
    by_area = [recipient for recipient in _by_area() if _covers(recipient, point, postcode)]
    operator = _operator(point)
    return [recipients()[operator], *by_area] if operator else by_area


def may_know(code: NeedCode, recipient: Recipient) -> bool:
    """Whether a recipient may know that someone has a need."""
    return recipient.profile.codes is None or code in recipient.profile.codes


def allowed_needs(registration: Registration, recipient: Recipient) -> list[Need]:
    """The needs that a recipient may know."""
    return [need for need in registration.needs if may_know(need.code, recipient)]


def why_withheld(registration: Registration, recipient: Recipient) -> Withheld | None:
    """Why a recipient should have nothing of a registration; None if it should have it."""
    if registration.status is not Status.ACTIVE:
        return Withheld.NOT_ACTIVE
    return why_not_allowed(registration.sharing.ground, (need.code for need in registration.needs), recipient)


def why_not_allowed(ground: Ground, codes: Iterable[NeedCode], recipient: Recipient) -> Withheld | None:
    """Why a recipient's row does not allow it to have needs that are shared on a ground; None if it does."""
    if ground not in recipient.profile.lawful_bases:
        return Withheld.NO_LAWFUL_BASIS
    if not any(may_know(code, recipient) for code in codes):
        return Withheld.NO_ALLOWED_CODE
    return None


@cache
def _by_area() -> tuple[Recipient, ...]:
    """The recipients that are not found by an MPAN's distributor."""
    return tuple(r for r in recipients().values() if r.profile.route.kind != _DISTRIBUTOR)


def _covers(recipient: Recipient, point: SupplyPoint, postcode: str) -> bool:
    profile = recipient.profile
    if point.fuel is not profile.supply_points or profile.route.kind == _FORMER:
        return False
    return profile.route.kind == _EVERY or _area(postcode) in profile.route.areas


def _area(postcode: str) -> str:
    """`BS` of `BS1 4DJ`: the letters that a postcode begins with."""
    return "".join(takewhile(str.isalpha, postcode))


def _operator(point: SupplyPoint) -> str | None:
    if not isinstance(point, Mpan):
        return None
    distributor = distributors().get(point.distributor_id)
    return distributor.mpid if distributor else UNROUTABLE


def _profile(row: dict[str, str]) -> Profile:
    """Raises `TableError`, which names the row."""
    place = f"recipients.csv, {row['profile']}"
    if row["route"] == _FORMER and (row["codes"] or row["lawful_bases"]):
        raise TableError(f"{place}: a former recipient may know no codes, on no lawful basis")
    try:
        return Profile(
            profile=row["profile"],
            purpose=row["purpose"],
            supply_points=Fuel(row["supply_points"]),
            route=Route.parse(row["route"]),
            folder=row["folder"],
            format=row["format"],
            codes=None if row["codes"] == "all" else frozenset(map(NeedCode.parse, row["codes"].split())),
            lawful_bases=frozenset(ground for term in row["lawful_bases"].split() for ground in _grounds(term)),
        )
    except ValueError as fault:
        raise TableError(f"{place}: {fault}") from None


def _grounds(term: str) -> Iterator[Ground]:
    """`explicit_consent` with every Article 6 basis, or `consent+explicit_consent` only. Raises `ValueError`."""
    *article_6, basis = term.split("+")
    for article_6_basis in map(Article6Basis, article_6 or Article6Basis):
        yield Ground(article_6_basis, Article9Condition(basis))
