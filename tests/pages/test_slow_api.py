"""The API answers late, or with 503: people get a page in a bounded time, and what they typed is still there."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from functions.pages.words import WORDS
from tests.pages import desk
from tests.pages.person import Person, hidden
from tests.pages.served import Served
from tests.support.servers import serving
from tools.api_client import ALL_SCOPES, Caller
from tools.local.layout import PAGES, child_environment
from tools.local.processes import Child, free_ports
from tools.local.stack import SERVE, Stack
from tools.places import FUNCTIONS
from tools.synthetic import registration

UNAVAILABLE = unescape(WORDS["en"]("problem.unavailable.title"))
TYPED = "Typed Before The Fault"
LATE_SECONDS = 10.0
#: By fault: the patience of the pages, or their pauses between attempts; and a margin for a machine that is busy.
AT_MOST = {"late": 8.0 + 4.0, "503": 1.2 + 4.0}


class Fault:
    """The fault that a proxy between the pages and the API makes: `late`, `503`, or none."""

    def __init__(self) -> None:
        self.name = ""
        #: Set when nobody waits for late answers any more.
        self.over = threading.Event()

    def handler(self, api: str) -> type[BaseHTTPRequestHandler]:
        fault, client = self, httpx.Client(base_url=api, timeout=60)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def relay(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fault.name == "503":
                    self._answer(httpx.Response(503))
                    return
                sent = {
                    name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}
                }
                answer = client.request(self.command, self.path, content=body, headers=sent)
                if fault.name == "late":
                    fault.over.wait(LATE_SECONDS)
                self._answer(answer)

            def _answer(self, answer: httpx.Response) -> None:
                self.send_response(answer.status_code)
                for name in ("content-type", "etag"):
                    if name in answer.headers:
                        self.send_header(name, answer.headers[name])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_POST = do_PATCH = relay  # noqa: N815 - names of the library's

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def fault() -> Fault:
    return Fault()


@pytest.fixture(scope="module")
def address(stack: Stack, fault: Fault) -> Iterator[str]:
    """The pages, with a proxy between them and the API."""
    (port,) = free_ports(1)
    with serving(fault.handler(stack.url)) as api:
        environment = {**child_environment(stack.layout), "FUNCTION_USE_ASGI": "true", "PSR_PAGES_API": api}
        command = [*SERVE, "--host", "127.0.0.1", "--port", str(port)]
        child = Child("pages", command, port, stack.logs / "pages-behind-proxy.log", environment, FUNCTIONS / PAGES)
        try:
            child.start()
            child.wait_until_ready()
            yield f"http://127.0.0.1:{port}"
        finally:
            fault.over.set()
            child.end()


class Waiting(Person):
    """Somebody whose pages are behind the proxy from now on. `waited` has the seconds of each request."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        self.waited: list[float] = []

    def move(self, address: str) -> None:
        self.origin, self._http = address, httpx.Client(base_url=address, timeout=60, follow_redirects=False)

    def timed(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        began = time.monotonic()
        answer = ask()
        self.waited.append(time.monotonic() - began)
        return answer


@pytest.mark.parametrize("name", ["503", "late"])
def test_a_page_comes_in_a_bounded_time_and_nothing_typed_is_lost(
    stack: Stack, fault: Fault, address: str, name: str
) -> None:
    api = Caller(stack, scope=ALL_SCOPES)
    joins, changes, agent = (Waiting(stack) for _ in range(3))
    joins.sign_in()
    form = hidden(joins.answer_all().text)
    changes.join()
    one = desk.created(api, registration())
    agent.sign_in("agent")
    agent.post("/desk/purpose", {"purpose": desk.PURPOSE})
    amend = f"/desk/registrations/{one['registration_id']}/amend"
    amended = _filled(agent, amend) | {"name": TYPED}
    for person in (joins, changes, agent):
        person.move(address)

    assert joins.get("/join/check").status_code == 200  # the process has the labels, as after its first page
    steps: list[tuple[Waiting, Callable[[], httpx.Response]]] = [
        (joins, lambda: joins.post("/join/check", form)),
        (changes, lambda: changes.post("/change/name", {"name": TYPED})),
        (agent, lambda: agent.post(amend, amended)),
    ]
    fault.name = name
    try:
        with ThreadPoolExecutor(len(steps)) as pool:
            answers = list(pool.map(lambda step: step[0].timed(step[1]), steps))
    finally:
        fault.name = ""
        fault.over.set()
    fault.over.clear()
    assert [answer.status_code for answer in answers] == [503] * 3
    assert all(UNAVAILABLE in unescape(answer.text) for answer in answers)
    waited = [round(second, 1) for person in (joins, changes, agent) for second in person.waited]
    assert max(waited) < AT_MOST[name], waited

    assert hidden(answers[0].text) == form  # the same key, so that a second submit registers once
    assert joins.post("/join/check", form).headers["location"] == "/join/done"
    stored = api.look_up(account_id=joins.account_id).json()
    assert [change["kind"] for change in api.changes(stored["registration_id"]).json()["changes"]] == ["registered"]
    assert TYPED in changes.get("/change/name").text
    assert TYPED in agent.get(amend).text


def _filled(person: Person, path: str) -> dict[str, Any]:
    (form,) = [form for form in Served(path, person.get(path).text).forms if form.action == path]
    return {name: value for name, value in form.filled.items() if name != "form_token"}
