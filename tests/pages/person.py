"""Somebody who uses the pages without a browser, to send what a browser would not."""

import html
import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.responses import Response

from functions.pages.session import Cookies, Session
from tools.local.layout import PAGES
from tools.local.stack import Stack
from tools.synthetic import new_account, new_mpan, new_mprn

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"
#: The answers of a customer who joins, by question.
ANSWERS: dict[str, dict[str, Any]] = {
    "name": {"name": "Mrs A Example"},
    "phones": {"phone": "07700 900123", "phone_2": ""},
    "home": {"lines": "1 Test Street\r\nTesttown", "postcode": "BS1 4DJ"},
    "situations": {"situations": ["equipment", "age", "for_now"]},
    "needs": {"needs_equipment": ["02", "25"], "needs_age": ["29"], "needs_for_now": ["33"]},
    "dates": {
        "born-day": "1",
        "born-month": "5",
        "born-year": "2024",
        "ends_33-day": "31",
        "ends_33-month": "1",
        "ends_33-year": "2099",
    },
    "notes": {"note_02": "upstairs", "note_25": "", "note_29": "", "note_33": ""},
    "services": {"services": ["gas_safety_check"], "cannot_read_meter": "yes"},
    "format": {"format": "large_print"},
    "language": {"language": "cy"},
    "nominee": {"nominee": "yes"},
    "nominee_details": {
        "nominee_name": "Mr B Nominee",
        "nominee_phone": "07700900456",
        "relationship": "neighbour",
        "nominee_receives": "yes",
    },
    "password": {"password": "BLUEBIRD"},
    "agree": {"agree": "yes"},
}


class Person:
    """A client with cookies. Over HTTP, browsers keep `Secure` cookies for loopback only; httpx keeps none."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.origin = stack.function_url(PAGES)
        limits = httpx.Limits(keepalive_expiry=1)  # sooner than the server's own
        self._http = httpx.Client(base_url=self.origin, timeout=60, follow_redirects=False, limits=limits)
        self.cookies: dict[str, str] = {}
        self.account_id, self.points = new_account(), [new_mpan(), new_mprn()]

    def get(self, path: str, method: str = "GET") -> httpx.Response:
        return self._kept(self._http.request(method, path, headers=self._cookie()))

    def post(
        self, path: str, form: Mapping[str, Any], headers: Mapping[str, str] = SAME_ORIGIN, token: str | None = None
    ) -> httpx.Response:
        """Send a form with this session's own token, or another."""
        fields = {"form_token": self.form_token if token is None else token, **form}
        return self.post_content(path, urlencode(fields, doseq=True), headers)

    def post_content(
        self, path: str, content: str, headers: Mapping[str, str] = SAME_ORIGIN, kind: str = FORM
    ) -> httpx.Response:
        """Send a body as it is."""
        sent = {"Content-Type": kind, **headers, **self._cookie()}
        return self._kept(self._http.post(path, content=content, headers=sent))

    def sign_in(self, person: str = "customer", *, language: str = "") -> httpx.Response:
        """Sign in as a customer of an own account, or as one of the sample's people."""
        asked = httpx.get(self.get(f"{language}/sign-in").headers["location"], timeout=60)
        form = dict(re.findall(r"type='hidden' name='(\w+)' value='([^']*)'", asked.text))
        form |= {"person": person, "account_id": self.account_id, "supply_points": " ".join(self.points)}
        back = httpx.post(f"{self._stack.url}/dev/authorize", data=form, timeout=60).headers["location"]
        return self.get(back.removeprefix(self.origin))

    @property
    def session(self) -> Session:
        session = Session.stored_in(Cookies(self.cookies))
        assert session is not None
        return session

    @property
    def form_token(self) -> str:
        return self.session.form_token

    def replace_session(self, **changed: Any) -> None:
        """Make the session another one, with the stack's own key."""
        self.write("session", self.session._replace(**changed))

    def write(self, name: str, value: Any) -> None:
        """Set a cookie as the pages do, with the stack's own key."""
        cookies = Cookies(self.cookies)
        cookies.write(name, value)
        response = Response()
        cookies.apply(response)
        for line in response.headers.getlist("set-cookie"):
            self._keep(line)

    def answer_all(self, journey: str = "join", answers: Mapping[str, Mapping[str, Any]] = ANSWERS) -> httpx.Response:
        """Answer each question that is asked; the page with all answers."""
        path = self.get(f"/{journey}").headers["location"]
        for _ in range(40):
            question = path.rpartition("/")[2]
            if question == "check":
                return self.get(path)
            answer = self.post(path, answers[question])
            assert answer.status_code == 303, answer.text
            path = answer.headers["location"]
        raise AssertionError(path)

    def send(self, journey: str, page: httpx.Response) -> httpx.Response:
        """Send the answers of a page that shows them."""
        return self.post(f"/{journey}/check", hidden(page.text))

    def join(self) -> None:
        """Sign in and join."""
        self.sign_in()
        assert self.send("join", self.answer_all()).headers["location"] == "/join/done"

    def _cookie(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        for line in answer.headers.get_list("set-cookie"):
            self._keep(line)
        return answer

    def _keep(self, set_cookie: str) -> None:
        for name, morsel in SimpleCookie(set_cookie).items():
            self.cookies[name] = morsel.value
            if not morsel.value:
                del self.cookies[name]


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the form in the page's main part, without the form's token."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page[page.index("<main") :])
    return {name: html.unescape(value) for name, value in found if name != "form_token"}
