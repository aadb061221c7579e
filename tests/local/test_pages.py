"""The local stack's pages: the start page shows the register as it is, its example works, and axe finds no fault."""

import html
import json
import re
import subprocess
from pathlib import Path

import httpx
import pytest

from shared.domain.registration import Status
from shared.store.documents import Collection
from shared.store.service import service
from tests.support.browser import axe, needs_browser, shown_at
from tools.api_client import Caller
from tools.local.html import stacked_bar
from tools.local.layout import PAGES, PAGES_CLIENT
from tools.local.stack import Stack
from tools.synthetic import registration

#: Runs axe over the page, and leaves its findings in it.
CHECK = """<script>%s</script><script>
axe.run().then(({violations}) => {
  const found = violations.map(({id, nodes}) => [id, nodes.map(({html, failureSummary}) => html + failureSummary)]);
  document.body.innerHTML = "<pre id='axe'></pre>";
  document.getElementById("axe").textContent = JSON.stringify(found);
});
</script>"""
#: The sign-in page, as the pages ask for it.
SIGN_IN = (
    f"/dev/authorize?response_type=code&client_id={PAGES_CLIENT}&redirect_uri={{pages}}/sign-in/back"
    f"&code_challenge={'c' * 43}&code_challenge_method=S256"
)
DARK, LIGHT = ("--blink-settings=preferredColorScheme=0", "--blink-settings=preferredColorScheme=1")


@pytest.fixture(scope="module")
def start_page(stack: Stack) -> str:
    """The page once somebody is registered."""
    assert Caller(stack).create(registration()).status_code == 201
    return httpx.get(stack.url, timeout=60).text


def test_the_page_says_what_it_is_and_needs_no_other_host(stack: Stack, start_page: str) -> None:
    assert "<html lang='en'>" in start_page
    assert "<title>Priority Services Register</title>" in start_page
    assert '<link rel="icon" href="data:image/svg+xml,' in start_page
    assert start_page.count("<main>") == start_page.count("<h1>") == 1
    own = [stack.url, *map(stack.function_url, stack.layout.functions)]
    named = {*re.findall(r"https?://[^/\s'\"<]+", start_page)}
    assert named - {"http://www.w3.org"} <= {*own}


async def test_the_figures_are_those_of_the_register(stack: Stack, start_page: str) -> None:  # noqa: ARG001 - somebody is registered
    documents = service().documents
    counts = {status.value: await documents.count(Collection.REGISTRATIONS, "status", [status]) for status in Status}
    page = (await httpx.AsyncClient(timeout=60).get(stack.url)).text
    assert counts["active"] > 0
    for status, count in counts.items():
        assert f"{count:,} {status}</span>" in page
    assert f"<p class='number'>{counts['active'] + counts['pending']:,}</p>" in page


def test_its_example_finds_a_customer_who_exists(start_page: str) -> None:
    example = re.search(r'id="lookup">(.*?)</pre>', start_page, re.DOTALL)
    assert example is not None
    command = ("bash", "-c", html.unescape(example[1]))
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert f"Account <code>{answer['account_id']}</code>" in start_page
    assert answer["status"] == "active"


def test_each_link_leads_somewhere(stack: Stack, start_page: str) -> None:
    links = {html.unescape(link) for link in re.findall(r"href='([^']+)'", start_page)}
    assert len(links) > len(stack.layout.functions)
    with httpx.Client(base_url=stack.url, timeout=60) as client:
        assert [link for link in links if client.get(link).status_code != 200] == []


@needs_browser
@pytest.mark.parametrize("path", ["/", "/problems", SIGN_IN, "/dev/sign-out", "/dev/authorize"])
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.usefixtures("start_page")
def test_axe_finds_no_fault(stack: Stack, tmp_path: Path, path: str, colours: str) -> None:
    address = f"{stack.url}{path.format(pages=stack.function_url(PAGES))}"
    page = re.sub(r"<script>.*?</script>", "", httpx.get(address, timeout=60).text, flags=re.DOTALL)
    dom = shown_at("http://register.example", page.replace("</body>", CHECK % axe() + "</body>"), tmp_path, colours)
    found = re.search(r"<pre id=.axe.>(.*?)</pre>", dom, re.DOTALL)
    assert found is not None, dom[-500:]
    assert json.loads(found[1]) == []


def test_a_chart_without_figures_is_still_one() -> None:
    assert "width='0.00'" in stacked_bar({"active": 0, "pending": 0})


def test_the_pieces_of_a_bar_have_the_width_of_their_share() -> None:
    bar = stacked_bar({"active": 30, "pending": 10})
    assert "<rect class='active' x='0.00' width='75.00'" in bar
    assert "<rect class='pending' x='75.00' width='25.00'" in bar
