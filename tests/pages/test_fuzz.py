"""Every form that the pages serve, sent with odd values by four kinds of people, and by somebody without a session.

Each person explores the pages as a browser shows them: they send each form that they find with odd values, then with
good ones, and follow the answer to the next page. At the end, the others send the same forms. No page fails, nobody
sees or changes another's data, and what was typed is in no log, header, address or cookie in the clear.
"""

import random
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import pytest
from rich.console import Console

from tests.pages import desk
from tests.pages.person import ANSWERS, Person
from tests.pages.served import Field, Form, Served
from tests.support.markers import MarkedPerson
from tools.api_client import ALL_SCOPES, Caller
from tools.local.stack import Stack
from tools.synthetic import new_account, new_mpan, new_mprn, registration

SEED = 18
AGENTS = ("agent", "senior")
#: Good answers by field. A choice without one takes its first value.
GOOD = {name: value for answers in ANSWERS.values() for name, value in answers.items()} | {
    "purpose": desk.PURPOSE,
    "by": "account_id",
    "basis": "explicit_consent",
    "wording": "2026-1 en",
    "evidence": "call 4712",
    "referrer_name": "Ms C Helper",
    "leaving": "sharing",
    "reason": "asked",
    "until-day": "1",
    "until-month": "1",
    "until-year": "2099",
}
#: Pages that take away what other pages need come last.
ENDS = re.compile(r"/(leave|withdraw)$")
NOT_OURS = ("/sign-in", "/cy/sign-in", "/sign-out", "/cy/sign-out", "/static")
ID = re.compile(r"(?<=/registrations/)[^/?]+")
MOST_VISITS = 2
Fields = list[tuple[str, Any]]


class Fuzzer:
    """A person who sends each form that they find `rounds` times with odd values, and notes what must not be."""

    def __init__(self, stack: Stack, name: str, own: Mapping[str, Any], victim: Mapping[str, Any], rounds: int) -> None:
        self.name, self.rounds, self.person, self.marked = name, rounds, Person(stack), MarkedPerson()
        self.person.account_id = own["account_id"]
        self.person.points = [point for points in own["supply_points"].values() for point in points]
        self.id = own.get("registration_id", "none")
        self.others: list[MarkedPerson] = []
        self.forms: dict[str, Form] = {}
        self.answers: Counter[int] = Counter()
        self.findings: set[str] = set()
        self._victim = victim
        self._random = random.Random(f"{SEED} {name}")
        self._prefix = "/cy" if name in {"new", "senior"} else ""
        self._visits: Counter[str] = Counter()
        self._good = GOOD | {
            "term": own["account_id"],
            "account": new_account(),
            "mpan": new_mpan(),
            "mprn": new_mprn(),
        }

    def explore(self) -> None:
        """Every page that can be reached from the first."""
        self.sign_in()
        pages, signing_out = [self._prefix or "/"], list[Form]()
        while pages:
            pages.sort(key=lambda path: bool(ENDS.search(path)))
            path = pages.pop(0)
            name = ID.sub("ID", urlsplit(path).path)
            if self._visits[name] < MOST_VISITS and (*ID.findall(path), self.id)[0] == self.id:
                self._visits[name] += 1
                page = self._read(path)
                signing_out += [form for form in page.forms if "/sign-out" in form.action]
                forms = [form for form in page.forms if "/sign-out" not in form.action]
                onward = [*filter(None, map(self._send_oddly_and_well, forms)), *pages, *page.links]
                pages = [path for path in onward if path.startswith("/cy") == bool(self._prefix)]
                for _ in range(self.rounds):
                    self._checked(self.person.get(self._odd_address(path)))
        self._send_oddly_and_well(signing_out[0])

    def sign_in(self) -> None:
        """As one of the sample's agents, or as the customer of an account. A stranger signs in never."""
        if self.name == "stranger":
            return
        self.person.sign_in(self.name if self.name in AGENTS else "customer", language=self._prefix)

    def send(self, form: Form, fields: Fields) -> httpx.Response:
        """Send a form, and look at the answer."""
        if form.method == "get":
            return self._checked(self.person.get(f"{form.action}?{urlencode(fields)[:6000]}"))
        content = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields)
        answer = self._checked(self.person.post_content(form.action, content))
        if "/sign-out" in form.action:
            self.sign_in()
        return answer

    def _odd_address(self, path: str) -> str:
        """The address of a page with another last part, and with parameters that it does not expect."""
        last, *parameters = (quote_plus(self._value()[:200]) for _ in range(3))
        return f"{path.partition('?')[0].rpartition('/')[0]}/{last}?next={parameters[0]}&return_to={parameters[1]}"

    def _read(self, path: str) -> Served:
        """A page, after its redirects."""
        for _ in range(5):
            if not path.startswith("/") or path.startswith(NOT_OURS):
                return Served("/", "")
            answer = self._checked(self.person.get(path))
            if "location" not in answer.headers:
                return Served(path, answer.text)
            path = answer.headers["location"]
        raise AssertionError(f"{path}: redirected too often")

    def _send_oddly_and_well(self, form: Form) -> str | None:
        """Send a form with odd values, then with good ones. Answers the address of the page after it."""
        name = f"{ID.sub('ID', form.action)} {' '.join(sorted(form.fields))}"
        for number in range(self.rounds if name not in self.forms else 0):
            self.send(form, self._odd(form, self._random.randrange(6) if number else 0))
        self.forms[name] = form
        onward: str | None = self.send(form, self._filled(form)).headers.get("location")
        return onward

    def _filled(self, form: Form) -> Fields:
        filled = dict(form.filled)
        for name, field in form.fields.items():
            if name in self._good and field.kind != "hidden":
                value = self._good[name]
                filled[name] = value if isinstance(value, list) else [value]
            elif field.values and not field.given:
                filled[name] = field.values[:1]
        return [(name, value) for name, values in filled.items() for value in values]

    def _odd(self, form: Form, way: int) -> Fields:
        """The fields of a form with something wrong: values, missing, repeated or unknown fields, the form's token."""
        sent = self._filled(form)
        name = self._random.choice([name for name in form.fields if name != "form_token"] or ["none"])
        kept = [(one, value) for one, value in sent if one != name]
        odd = self._value
        match way:
            case 0:
                return [(one, value if one == "form_token" else odd(form.fields[one])) for one, value in sent]
            case 1:
                return [*kept, (name, odd(form.fields.get(name)))]
            case 2:
                return kept
            case 3:
                return [*sent, (name, odd()), (name, odd())]
            case 4:
                return [*kept, (f"{name}[]", odd()), (str(odd()), ""), (name.upper(), "x")]
            case _:
                return [(one, odd() if one == "form_token" else value) for one, value in sent]

    def _value(self, field: Field | None = None) -> str | bytes:
        mark, victim = self.marked.mark, self._victim
        odd: list[str | bytes] = [
            *(f"{mark}\x00\x07", f"\u202e{mark}", f"{mark}\ud800".encode("utf-8", "surrogatepass"), b"\xff\xfe\x00"),
            *(mark * 1000, "[" * 10_000, "😀" * 2_500, "\r\n" * 500, "", " ", "\u200b"),
            *(f"<script>{mark}</script>", f"\"'><img src=x onerror={mark}>", "{{7*7}}{% raw %}", "'; DROP --"),
            *(f"{mark}\r\nSet-Cookie: {mark}=1", f"https://evil.example/{mark}", f"//evil.example/{mark}", "../../x"),
            *(victim["account_id"], victim["registration_id"], *victim["supply_points"]["mpans"]),
            *('"1"', 'W/"1"', '"99"', "*", '"1", "2"', "1", "null", "true", "[]", "{}", '{"needs_equipment": 5}'),
            *("-1", "0", "1e309", "NaN", "9" * 40, "٣", "½", "2024-02-30", "T", "0001-01-01T00:00:00Z"),
            *(self.marked.phones[0], self.marked.postcode, self.marked.born),
        ]
        return self._random.choice(odd + list(field.values if field else []))

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        self.answers[answer.status_code] += 1
        page, posted = answer.text, answer.request.method == "POST"
        # From an address with a slash at its end, people are sent to the same one without: with their own parameters.
        headers = str(answer.headers.multi_items()) if answer.status_code != 307 else ""
        wrong = [f"status {answer.status_code}"] if answer.status_code >= 500 else []
        for marked in (self.marked, *self.others):
            wrong += [f"{mark} in a header" for mark in in_the_clear(marked, headers)]
        wrong += [f"{tag} as it was typed" for tag in ("<script>", "<img ") if tag in page]
        addresses = re.findall(r'(?:href|action|src)="([^"]*)"', page) if posted else []
        wrong += [f"{mark} in an address" for mark in in_the_clear(self.marked, "\n".join(addresses))]
        if self.name not in AGENTS:
            wrong += ["another's data" for other in self.others if {"text", "phone"} & {*other.found_in(page)}]
        if not (self.name == "senior" and posted and answer.request.url.path.endswith("/password")):
            wrong += ["a password"] * (self._victim["services"]["caller_password"] in page)
        self.findings |= {f"{self.name} {answer.request.method} {answer.request.url.path}: {one}" for one in wrong}
        return answer


def in_the_clear(marked: MarkedPerson, text: str) -> list[str]:
    """The markers in a text, also in Base64. A postcode is so short that encrypted text holds it by chance."""
    both = text + text.replace("-", "+").replace("_", "/")
    return [name for name in marked.found_in(both) if name != "postcode"]


def fuzz(stack: Stack, rounds: int) -> list[Fuzzer]:
    """Let everybody explore the pages, then send the forms that the others found. Check what is stored in the end."""
    api = Caller(stack, scope=ALL_SCOPES)
    password = f"P{secrets.token_hex(4)}"
    hidden = MarkedPerson()
    own = {"account_id": new_account(), "services": {"caller_password": password}}
    victim = desk.created(api, hidden.registration(**own)) | {"services": {"caller_password": password}}
    nobody = {"account_id": new_account(), "supply_points": {"mpans": [new_mpan()], "mprns": [new_mprn()]}}
    referred = desk.created(api, _referred())
    owned = {"referred": referred, "new": nobody, **{name: desk.created(api, registration()) for name in AGENTS}}
    people = [Fuzzer(stack, name, own, victim, rounds) for name, own in owned.items()]
    for one in people:
        one.others = [hidden, *(other.marked for other in people if other is not one)]
    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(Fuzzer.explore, people))
    stranger = Fuzzer(stack, "stranger", nobody, victim, rounds)
    stranger.others = [hidden, *(one.marked for one in people)]
    _swap([*people[:2], stranger], people)
    assert api.get(victim["registration_id"]).json()["version"] == victim["version"]
    for person in people[:2]:
        stored = api.look_up(account_id=person.person.account_id).json()
        changes = api.changes(stored["registration_id"]).json()["changes"]
        assert len(changes) > 2
        assert {change["actor"] for change in changes[1:]} == {f"customer-{person.person.account_id}"}
    for log in stack.logs.glob("*.log"):
        text = log.read_text()
        assert [mark for one in stranger.others for mark in in_the_clear(one, text)] == [], log.name
    return [*people, stranger]


def _referred() -> dict[str, Any]:
    """A registration that waits for the customer to confirm it."""
    referral = {"referrer": "charity", "name": "Ms C Helper", "referred_on": "2026-01-05"}
    sharing = {"basis": "none", "recorded_on": "2026-01-05", "evidence": "letter"}
    return registration(status="pending", needs=[], referral=referral, sharing=sharing)


def _swap(intruders: Iterable[Fuzzer], people: Iterable[Fuzzer]) -> None:
    """Send each form that somebody else found: with their ids, and once with their token, once with one's own."""
    for intruder in intruders:
        for form in (form for person in people if person is not intruder for form in person.forms.values()):
            fields = [(name, value) for name, values in form.filled.items() for value in values]
            intruder.send(form, fields)
            if intruder.name != "stranger":
                own = [(name, intruder.person.form_token if name == "form_token" else value) for name, value in fields]
                intruder.send(form, own)


def _report(people: list[Fuzzer]) -> str:
    statuses = sum((one.answers for one in people), Counter[int]())
    each = ", ".join(f"{one.name} {one.answers.total()} with {len(one.forms)} forms" for one in people)
    return f"{statuses.total()} requests ({each}); by status {dict(sorted(statuses.items()))}"


@pytest.mark.parametrize("rounds", [1, pytest.param(60, marks=pytest.mark.soak)])
def test_no_form_fails_and_nobody_sees_or_changes_anothers_data(
    stack: Stack, capsys: pytest.CaptureFixture[str], rounds: int
) -> None:
    people = fuzz(stack, rounds)
    with capsys.disabled():
        Console(width=200).print(_report(people))
    assert sorted(set().union(*(one.findings for one in people))) == []
    forms = {name.partition(" ")[0].removeprefix("/cy") for one in people for name in one.forms}
    assert forms >= {"/join/name", "/confirm/agree", "/change/name", "/leave", "/refer/home", "/sign-out", "/desk"}
    assert forms >= {
        f"/desk/registrations/ID/{name}" for name in ("amend", "attempts", "password", "stop-sharing", "withdraw")
    }
    assert len(forms) >= 45
