"""A real browser: cross-origin calls from an allowed page and from another, and the pages of the front door."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ops.local.layout import FUNCTIONS
from ops.local.processes import LOOPBACK, end_all
from ops.local.stack import Stack
from tests.api.functions import starting
from tests.api.samples import PATCH, Caller, registration
from tests.local.servers import file_handler, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium, or Google Chrome")

#: Makes the calls in its address, one after the other, and leaves what the page could see of each answer.
PAGE = b"""<!doctype html><title>test</title><pre id="seen">waiting</pre><script>
const calls = JSON.parse(decodeURIComponent(location.hash.slice(1)));
(async () => {
  const seen = [];
  for (const {url, ...options} of calls) {
    try {
      const answer = await fetch(url, options);
      const body = await answer.json();
      seen.push({status: answer.status, etag: answer.headers.get("ETag"), type: body.type ?? null});
    } catch (error) {
      seen.push({blocked: error.name});
    }
  }
  document.getElementById("seen").textContent = JSON.stringify(seen);
})();
</script>"""


def shown(url: str, folder: Path) -> str:
    """The page as the browser has it once its scripts have run."""
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    command = (str(CHROMIUM), *options, f"--user-data-dir={folder}", "--virtual-time-budget=10000", "--dump-dom", url)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return html.unescape(done.stdout)


def seen_by_page(origin: str, calls: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What a page of an origin gets of its calls."""
    dom = shown(f"{origin}/#{quote(json.dumps(calls))}", folder)
    seen = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert seen is not None, dom
    return list(json.loads(seen[1]))


def calls_of(urls: dict[str, str], token: str, registration_id: str) -> list[dict[str, Any]]:
    """What a frontend does: each call needs a preflight."""
    authorized = {"Authorization": f"Bearer {token}"}
    one = f"/v1/registrations/{registration_id}"
    amend = {**authorized, "Content-Type": PATCH, "If-Match": '"1"', "Idempotency-Key": "k"}
    patch = json.dumps({"needs": [{"code": "08"}]})
    return [
        {"url": urls["lookup"] + one, "headers": authorized},
        {"url": urls["register"] + one, "method": "PATCH", "headers": amend, "body": patch},
        {"url": urls["lookup"] + "/v1/registrations/none", "headers": authorized},
    ]


@contextmanager
def functions_that_list(stack: Stack, logs: Path, origin: str) -> Iterator[dict[str, str]]:
    """The addresses of both functions, with one origin on their list."""
    children = {
        name: starting(stack, FUNCTIONS / name, logs / name, {"PSR_CORS_ORIGINS": origin})
        for name in ("register", "lookup")
    }
    try:
        for child in children.values():
            child.wait_until_ready()
        yield {name: f"http://{LOOPBACK}:{child.port}" for name, child in children.items()}
    finally:
        end_all(list(children.values()))


def test_a_page_of_an_allowed_origin_may_call_and_one_of_another_may_not(stack: Stack, tmp_path: Path) -> None:
    created = Caller(stack).create(registration()).json()
    handler = file_handler(PAGE)
    with (
        serving(handler) as allowed,
        serving(handler) as refused,
        functions_that_list(stack, tmp_path, allowed) as urls,
    ):
        calls = calls_of(urls, stack.token("agent"), created["registration_id"])
        blocked = seen_by_page(refused, calls, tmp_path / "refused")
        seen = seen_by_page(allowed, calls, tmp_path / "allowed")
    assert blocked == [{"blocked": "TypeError"}] * 3
    assert seen == [
        {"status": 200, "etag": '"1"', "type": None},
        {"status": 200, "etag": '"2"', "type": None},
        {"status": 404, "etag": None, "type": "/problems/not-found"},
    ]


def test_the_viewer_shows_every_operation(stack: Stack, tmp_path: Path) -> None:
    dom = shown(f"{stack.url}/docs", tmp_path)
    for operation in ("createRegistration", "amendRegistration", "searchRegistrations", "listChanges"):
        assert f"operations-default-{operation}" in dom
    assert "Failed to load" not in dom
