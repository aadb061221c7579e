"""A migration of 1,000 synthetic customers, the same every time, with its expected results.

Nobody in it exists: names are made of syllables, phones are from Ofcom's range for drama, MPANs and MPRNs follow the
test pattern 999 with right check digits. Among the customers: every distributor and two that the table does not know,
every needs code, every service, one fuel and both, people without a lawful basis, people whose needs are not yet
known, households for each answer about a prepayment meter.
Among the messages: duplicates, older versions that arrive late, and records that are wrong in each way of `_WRONG`.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from shared.clock import LONDON, rfc3339
from shared.domain.needs import YOUNG_CHILDREN, categories, live_codes
from shared.domain.recipients import UNROUTABLE
from shared.domain.services import CommunicationFormat, Service
from shared.domain.supply_points import distributors, mpan_check_digit, mprn_check_digits
from shared.domain.wordings import wordings
from tools.synthetic import consent

CUSTOMERS = 1000
DUPLICATES = CUSTOMERS * 5 // 100
LATE = CUSTOMERS * 5 // 100
WRONG = CUSTOMERS * 3 // 100
TYPE = "uk.psr.customer.migrated.v1"
SOURCE = "//old-platform.example/customers"

#: The gas shipper of `shared/data/recipients.csv`.
GAS_SHIPPER = "SHPR"

_SEED = 20_261_123
_MPAN_DIGITS = 13
_UNKNOWN_DISTRIBUTORS = ("39", "40")
_SYLLABLES = ("quill", "brack", "fen", "holm", "thorpe", "wick", "marl", "dray", "sedge", "combe", "lyth", "garth")
_GIVEN = ("Ada", "Siân", "Łukasz", "Noor", "Zoë", "Callum", "Aoife", "Ravi", "Grace", "Olu", "Mei", "José")
_AREAS = ("BS", "CF", "EH", "LS", "M", "NR", "PL", "SA", "SW", "YO")
_INWARD = "ABDEFGHJLNPQRSTUWXYZ"

Record = dict[str, Any]


class Expected(NamedTuple):
    """The expected results. `quarantined` is by reason; `sent` and `withheld` count supply points by recipient."""

    applied: int
    duplicates: int
    stale: int
    quarantined: Counter[str]
    sent: Counter[str]
    withheld: Counter[str]


class Sample(NamedTuple):
    """Message data in the order of publishing. `late` must be published once all of `first` is dealt with."""

    first: list[bytes]
    late: list[bytes]
    expected: Expected


def sample(day: date) -> Sample:
    """The sample as of the morning of a London day."""
    chance = random.Random(_SEED)
    everyone = list(customers(day, range(CUSTOMERS), chance))
    right = everyone[:-WRONG]
    ways = [_WRONG[index % len(_WRONG)] for index in range(WRONG)]
    wrong = [way.spoil(*pair) for way, *pair in zip(ways, everyone[-WRONG:], right, strict=False)]
    duplicates = chance.sample(right, DUPLICATES)
    older = [_older(event) for event in chance.sample(right, LATE)]
    first = [*right, *duplicates, *(event for event, way in zip(wrong, ways, strict=True) if not way.late)]
    chance.shuffle(first)
    late = [*older, *(event for event, way in zip(wrong, ways, strict=True) if way.late)]
    expected = Expected(
        applied=len(right),
        duplicates=DUPLICATES,
        stale=LATE,
        quarantined=Counter(way.reason for way in ways),
        sent=_supply_points(right, sent=True),
        withheld=_supply_points(right, sent=False),
    )
    return Sample([_encoded(event) for event in first], [_encoded(event) for event in late], expected)


def customers(day: date, numbers: range, chance: random.Random) -> Iterator[Record]:
    """The event of each customer. `sample` has those with the numbers below `CUSTOMERS`."""
    at = datetime.combine(day, time(7), LONDON)
    for number in numbers:
        yield _event(_customer(number, day, chance), at + timedelta(seconds=number))


def registration(number: int, day: date) -> Record:
    """A registration that is not part of the migration, for the HTTP API."""
    chance = random.Random(number)
    return {
        **_customer(CUSTOMERS + number, day, chance),
        "status": "active",
        "needs": [_need("02", day, chance)],
        # Callers submit the whole sharing record, which an old platform may not know.
        "sharing": consent(str(day - timedelta(days=1))),
    }


def recipient_of(number: str) -> str:
    """The recipient of an MPAN (its network operator) or of an MPRN (the gas shipper)."""
    if len(number) != _MPAN_DIGITS:
        return GAS_SHIPPER
    distributor = distributors().get(number[:2])
    return distributor.mpid if distributor else UNROUTABLE


def numbers_of(record: Record) -> list[str]:
    """The MPANs and MPRNs of a registration."""
    points = record["supply_points"]
    return [*points["mpans"], *points["mprns"]]


def mpan(distributor_id: str, number: int) -> str:
    """A synthetic MPAN of a distributor, by a number of at most five digits."""
    digits = f"{distributor_id}00999{number:05d}"
    return f"{digits}{mpan_check_digit(digits)}"


def mprn(number: int) -> str:
    """A synthetic MPRN, by a number of at most six digits."""
    digits = f"99{number:06d}"
    return digits + mprn_check_digits(digits + "00")


def _customer(number: int, day: date, chance: random.Random) -> Record:
    """Fuels, codes and distributors go round in cycles of different lengths, so that they meet in every combination."""
    known = list(distributors())
    distributor_id = chance.choice(_UNKNOWN_DISTRIBUTORS) if number % 200 == 101 else known[number % len(known)]
    electricity, gas = number % 10 != 9, number % 10 in (0, 1, 2, 3, 4, 9)
    codes = live_codes()
    wanted = {codes[number % len(codes)], *chance.sample(codes, chance.randrange(3))}
    pending = number % 40 == 17
    record: Record = {
        "account_id": f"S-{number:07d}",
        "status": "pending" if pending else "active",
        "supply_points": {
            "mpans": [mpan(distributor_id, 10_000 + number)] if electricity else [],
            "mprns": [mprn(100_000 + number)] if gas else [],
        },
        "premises": _premises(number, chance),
        "primary_contact": {"name": _name(chance), "phones": [_phone(number)]},
        "needs": [] if pending else [_need(code, day, chance) for code in sorted(wanted)],
        "sharing": _sharing(number, day, chance),
    }
    if number % 8 == 0:
        record["alternate_contact"] = {
            "name": _name(chance),
            "phones": [_phone(number + 500)],
            "relationship": chance.choice(["carer", "friend_or_family", "neighbour"]),
        }
    if number % 7 == 0:
        record["services"] = _services(number, day)
    if number % 3 == 0:
        record["household"] = _household(number, day)
    return record


def _household(number: int, day: date) -> Record:
    """Facts that decide each protection one way or another, and some that are missing."""
    ages = ([78, 81], [34, 1], [70, 12], [45])[number // 3 % 4]
    facts: Record = {
        "occupants": [{"birth_year": day.year - age} for age in ages],
        "supported": number % 2 == 0,
        "can_top_up": number % 5 != 0,
        "temporary_circumstances": [],
    }
    if number % 4:
        facts |= {"chronic_or_severe_illness": False, "warm_home_dependency": False}
    return facts


def _services(number: int, day: date) -> Record:
    """Each service and each format in turn; every fourth customer still waits for the service."""
    turn = number // 7
    arranged = {"service": list(Service)[turn % len(Service)].value, "requested_on": str(day - timedelta(days=40))}
    if turn % 4:
        arranged["delivered_on"] = str(day - timedelta(days=30))
    return {
        "communication_format": list(CommunicationFormat)[turn % len(CommunicationFormat)].value,
        "caller_password": f"PASS{number:04d}",
        "arranged": [arranged],
    }


def _need(code: str, day: date, chance: random.Random) -> Record:
    if code == YOUNG_CHILDREN:
        born = day - timedelta(days=chance.randrange(30, 1500))
        return {"code": code, "youngest_child_born_on": born.isoformat()}
    if categories()[code].temporary:
        return {"code": code, "ends_on": (day + timedelta(days=chance.randrange(30, 300))).isoformat()}
    return {"code": code}


def _premises(number: int, chance: random.Random) -> Record:
    postcode = f"{chance.choice(_AREAS)}{chance.randrange(1, 20)} {chance.randrange(1, 10)}"
    return {
        "address_lines": [f"{number % 90 + 1} {_word(chance)} Lane", _word(chance)],
        "postcode": postcode + "".join(chance.choices(_INWARD, k=2)),
    }


def _name(chance: random.Random) -> str:
    return f"{chance.choice(_GIVEN)} {_word(chance)}"


def _word(chance: random.Random) -> str:
    return "".join(chance.sample(_SYLLABLES, 3)).capitalize()


def _phone(number: int) -> str:
    return f"07700900{number % 1000:03d}"


def _event(data: Record, at: datetime) -> Record:
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": SOURCE,
        "id": f"{data['account_id']}/1",
        "time": rfc3339(at),
        "subject": data["account_id"],
        "datacontenttype": "application/json",
        "data": data,
    }


def _older(event: Record) -> Record:
    """The old platform's record of a day earlier: the same needs, another phone."""
    data = {**event["data"], "primary_contact": {**event["data"]["primary_contact"], "phones": ["07700900999"]}}
    before = datetime.fromisoformat(event["time"]) - timedelta(days=1)
    return {**event, "id": f"{data['account_id']}/0", "time": rfc3339(before), "data": data}


def _sharing(number: int, day: date, chance: random.Random) -> Record:
    """A consent; one from before the wordings had versions is as an old platform says it."""
    recorded_on = (day - timedelta(days=chance.randrange(1000))).isoformat()
    record = consent(recorded_on, f"call {chance.randrange(10_000)}")
    if number % 25 == 21 or recorded_on < min(wording.valid_from for wording in wordings()).isoformat():
        basis = "none" if number % 25 == 21 else "explicit_consent"
        return {"basis": basis, "recorded_on": recorded_on, "evidence": record["evidence"]}
    return record


def _encoded(event: Record) -> bytes:
    """The event as JSON, or the text that replaces it."""
    return event["text"].encode() if "text" in event else json.dumps(event, ensure_ascii=False).encode()


def _supply_points(events: list[Record], *, sent: bool) -> Counter[str]:
    """Supply points by recipient, of the customers that the export sends, or of the others."""
    return Counter(
        recipient_of(number)
        for event in events
        for number in numbers_of(event["data"])
        if _is_sent(event["data"], number) == sent
    )


def _is_sent(data: Record, number: str) -> bool:
    lawful = data["sharing"]["basis"] != "none"
    return data["status"] == "active" and lawful and recipient_of(number) != UNROUTABLE


class Way(NamedTuple):
    """A way to be wrong: what it makes of an event (given one that is right), and the reason it is quarantined for."""

    reason: str
    spoil: Callable[[Record, Record], Record]
    late: bool = False


def _with_data(event: Record, **changed: Any) -> Record:
    return {**event, "data": {**event["data"], **changed}}


def _wrong_check_digit(event: Record, _right: Record) -> Record:
    number = mpan("10", 90_000)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    return _with_data(event, supply_points={"mpans": [wrong], "mprns": []})


def _from_tomorrow(event: Record, _right: Record) -> Record:
    return {**event, "time": rfc3339(datetime.fromisoformat(event["time"]) + timedelta(days=1))}


def _id_used_before(event: Record, right: Record) -> Record:
    other = {**right["data"], "primary_contact": event["data"]["primary_contact"]}
    return {**right, "data": other}


def _points_of_another(event: Record, right: Record) -> Record:
    return _with_data(event, status="active", needs=[{"code": "08"}], supply_points=right["data"]["supply_points"])


_WRONG = (
    Way("malformed-json", lambda event, _: {"text": json.dumps(event)[:-1]}),
    Way("invalid-content unknown_field", lambda event, _: _with_data(event, favourite_colour="blue")),
    Way("invalid-content mpan_check_digit", _wrong_check_digit),
    Way("invalid-content need_code_unknown", lambda event, _: _with_data(event, needs=[{"code": "10"}])),
    Way(
        "invalid-content temporary_psr_does_not_have_end_date",
        lambda event, _: _with_data(event, needs=[{"code": "33"}]),
    ),
    Way(
        "invalid-content supply_point_missing",
        lambda event, _: _with_data(event, supply_points={"mpans": [], "mprns": []}),
    ),
    Way("unknown-event-type", lambda event, _: {**event, "type": "uk.psr.customer.migrated.v9"}),
    Way("invalid-content subject_differs", lambda event, _: {**event, "subject": "S-9999999"}),
    Way("invalid-content missing", lambda event, _: {**event, "data": {"account_id": event["subject"]}}),
    Way("invalid-content needs_missing", lambda event, _: _with_data(event, status="active", needs=[])),
    Way("event-from-the-future", _from_tomorrow),
    Way("idempotency-key-reused", _id_used_before, late=True),
    Way("supply-point-held", _points_of_another, late=True),
)
