"""Costs that may not grow unnoticed: calls and documents of each operation, and the imports of each function."""

import itertools
import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from benchmarks.counts import OPERATIONS, Callers, measured
from shared.runtime.manifest import read_manifests
from tests.support.proxied_stack import ProxiedStack
from tools.api_client import ALL_SCOPES, Caller
from tools.local.layout import Layout, child_environment
from tools.places import FUNCTIONS, ROOT
from tools.synthetic import consumer_of, event, registration

_keys = itertools.count(1)
#: Packages that are slow to import, each of which only some functions need.
SLOW = ("anyascii", "google.cloud.kms_v1", "google.cloud.storage", "google.pubsub_v1", "httpx2", "jwt")
#: Packages that no function needs. The object layer of Pub/Sub starts threads. Some packages have pandas as an extra.
FORBIDDEN = (
    "fastapi",
    "google.cloud.pubsub_v1",
    "httpx",
    "ops",
    "pandas",
    "rich",
    "tests",
    "tools",
    "typer",
    "uvicorn",
)
IMPORTS = {
    "consume_account_events": set(),
    "consume_migration": set(),
    "erase_ended": set(),
    "expire_needs": set(),
    "export_daily": {"google.cloud.storage"},
    "export_recipient": {"anyascii", "google.cloud.storage"},
    "lookup": {"jwt"},
    "pages": {"httpx2"},
    "quarantine_dead_letters": set(),
    "register": {"jwt"},
    "replay_parked": set(),
}


@pytest.fixture(scope="module")
def callers(proxied: ProxiedStack) -> Callers:
    def push(kind: str, account_id: str, data: Mapping[str, Any]) -> int:
        number, now = str(next(_keys)), proxied.stack.clock.now()
        message = event(kind, account_id, now, "//counted", number, dict(data))
        encoded = b64encode(json.dumps(message).encode()).decode()
        body = {"messageId": number, "publishTime": "2026-11-24T08:00:00Z", "data": encoded}
        url = proxied.stack.function_url(consumer_of(message))
        return httpx.post(url, json={"subscription": "s", "message": body}, timeout=60).status_code

    # The first message that a process gets also compares the clocks, once in five minutes.
    submission = registration()
    assert push("customer.migrated", submission["account_id"], submission) == 204
    assert push("account.closed", submission["account_id"], {"closed_on": "2026-11-20"}) == 204
    return Callers(Caller(proxied.stack, scope=ALL_SCOPES), push)


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_an_operation_has_exactly_the_counted_cost(proxied: ProxiedStack, callers: Callers, name: str) -> None:
    key = f"counted-{next(_keys)}"
    assert measured(proxied.proxy, callers, OPERATIONS[name], key=key).counts == OPERATIONS[name].counts


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_the_page_of_costs_has_the_counts_of_an_operation(name: str) -> None:
    calls, reads, writes, entries = OPERATIONS[name].counts
    price = (reads * 0.06 + writes * 0.18) * 10
    row = rf"^\| {name} \| {calls} \| {reads:,} \| {writes} \| {entries} \| [\d,]+ \| [\d,]+ \| {price:.2f} \|$"
    assert re.search(row, (ROOT / "docs" / "cost.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_a_function_imports_only_the_slow_packages_that_it_needs(emulators: Layout) -> None:
    environment = child_environment(emulators)
    command = (sys.executable, "-c", "import sys, main; print(*sys.modules)")
    processes = {
        name: subprocess.Popen(command, cwd=FUNCTIONS / name, env=environment, stdout=subprocess.PIPE, text=True)
        for name in read_manifests(FUNCTIONS)
    }
    modules = {name: set(process.communicate(timeout=120)[0].split()) for name, process in processes.items()}
    watched = {*SLOW, *FORBIDDEN}
    assert {name: watched & found for name, found in modules.items()} == IMPORTS
