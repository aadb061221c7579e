"""A real browser: cross-origin calls from a listed page and from another, and the viewer of the front door."""

import json
import re
from pathlib import Path
from typing import Any

from tests.support.browser import LISTED, needs_browser, shown, shown_at
from tools.api_client import PATCH, Caller
from tools.local.stack import Stack
from tools.synthetic import registration

pytestmark = needs_browser

#: Makes the calls one after the other, and leaves what the page could see of each answer.
PAGE = """<!doctype html><meta charset="utf-8"><pre id="seen">waiting</pre><script>
(async () => {
  const seen = [];
  for (const {url, ...options} of CALLS) {
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


def seen_by_page(origin: str, calls: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The results that a page of an origin sees of its calls."""
    dom = shown_at(origin, PAGE.replace("CALLS", json.dumps(calls)), folder)
    seen = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL)
    assert seen is not None, dom
    return list(json.loads(seen[1]))


def test_a_page_of_a_listed_origin_may_call_and_one_of_another_may_not(stack: Stack, tmp_path: Path) -> None:
    """Each of the calls is preceded by the browser's own preflight."""
    one = f"{stack.url}/v1/registrations/{Caller(stack).create(registration()).json()['registration_id']}"
    authorized = {"Authorization": f"Bearer {stack.token('agent')}"}
    amending = {**authorized, "Content-Type": PATCH, "If-Match": '"1"', "Idempotency-Key": "k"}
    calls = [
        {"url": one, "headers": authorized},
        {"url": one, "method": "PATCH", "headers": amending, "body": json.dumps({"needs": [{"code": "08"}]})},
        {"url": f"{stack.url}/v1/registrations/none", "headers": authorized},
    ]
    assert seen_by_page("http://localhost:3001", calls, tmp_path / "other") == [{"blocked": "TypeError"}] * 3
    read = Caller(stack).http.get(one).headers["ETag"]
    assert seen_by_page(LISTED, calls, tmp_path / "listed") == [
        {"status": 200, "etag": read, "type": None},
        {"status": 200, "etag": '"2"', "type": None},
        {"status": 404, "etag": None, "type": "/problems/not-found"},
    ]


def test_the_viewer_shows_every_operation(stack: Stack, tmp_path: Path) -> None:
    dom = shown(f"{stack.url}/docs", tmp_path)
    for operation in (
        "Changes-createRegistration",
        "Changes-amendRegistration",
        "Many_at_once-searchRegistrations",
        "History-listChanges",
        "Reference-getReference",
    ):
        assert f"operations-{operation}" in dom
    assert "Failed to load" not in dom


def test_the_viewer_gets_a_token_and_registers_the_customer_of_the_examples(stack: Stack, tmp_path: Path) -> None:
    dom = shown(f"{stack.url}/docs?token", tmp_path)
    found = Caller(stack).look_up(account_id="A-EXAMPLE-1").json()
    assert f"The examples are about {found['registration_id']}" in dom
