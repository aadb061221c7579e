"""Real emulators and the whole service, once per test session, on free ports.

The environment is set before any test module is imported, so that `settings()` of this process is that of the stack:
tests can use the store and the functions' modules in the process, and HTTP against the real servers.
Tests share the database: each uses account ids and supply points of its own.
"""

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from shared.settings import read_settings
from shared.store.registrations import Registrations
from shared.store.service import Service
from tests.support.proxied_stack import ProxiedStack
from tools.errors import CommandError
from tools.firestore_proxy import FirestoreProxy
from tools.local.emulators import SOURCES
from tools.local.layout import Layout, new_layout
from tools.local.stack import Stack

pytest_plugins = ["tests.support.fixtures"]

#: Emulators that ran before the tests. The workers of a parallel run inherit what the first process has found: the
#: environment that they see is already that of the first process's own stack.
_FOUND = {name: os.environ.get(f"{name.upper()}_EMULATOR_HOST") for name in ("firestore", "pubsub")}
_RUNNING = json.loads(os.environ.setdefault("PSR_TESTS_EMULATORS", json.dumps(_FOUND)))
try:
    _LAYOUT = new_layout(Path(tempfile.mkdtemp(prefix="psr-tests-")), _RUNNING)
except CommandError as problem:
    pytest.exit(f"error: {problem}", pytest.ExitCode.USAGE_ERROR)
os.environ.update(_LAYOUT.environment())

#: The files with the longest tests come first: at the end, a worker would be left alone with one of them.
_LONG = {
    "test_tour.py",
    "test_crashes.py",
    "test_failures.py",
    "test_resend.py",
    "test_typescript.py",
    "test_world.py",
    "test_fuzz.py",
    "test_faults.py",
    "test_erasure.py",
    "test_counts.py",
    "test_state_machine.py",
    "test_orders.py",
}


@pytest.fixture(scope="session")
def emulator_sources() -> Path:
    """The file that says where emulators are fetched from, as `make run` takes it."""
    return Path(os.environ.get("PSR_EMULATORS", SOURCES))


@pytest.fixture(scope="session")
def _stack(emulator_sources: Path) -> Iterator[Stack]:
    stack = Stack(_LAYOUT, Console(stderr=True), emulator_sources, crons=False)
    yield stack
    stack.stop()
    dropped = [path.name for path in stack.logs.glob("*.log") if '"FIELD_DROPPED"' in path.read_text(errors="replace")]
    assert not dropped, f"logged what the catalogue does not allow: {dropped}"


@pytest.fixture(scope="session")
def emulators(_stack: Stack) -> Layout:
    """Firestore, Pub/Sub and Cloud Storage run, with every topic and the exports' bucket."""
    _stack.start_emulators()
    return _LAYOUT


@pytest.fixture(scope="session")
def stack(_stack: Stack, emulators: Layout) -> Stack:  # noqa: ARG001 - they run first
    """Every function under its real server, behind the front door, with push subscriptions. Crons are paused."""
    _stack.start_services()
    return _stack


@pytest.fixture(scope="session")
async def proxied(emulators: Layout, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ProxiedStack]:
    """A second set of functions on the same emulators, in a project of its own, with Firestore behind a proxy."""
    proxy = FirestoreProxy(emulators.emulators["firestore"])
    running = {"firestore": proxy.host, "pubsub": emulators.emulators["pubsub"]}
    layout = new_layout(tmp_path_factory.mktemp("proxied"), running)
    stack = Stack(layout, Console(stderr=True), crons=False)
    try:
        stack.start()
        service = Service(read_settings(layout.environment()))
        yield ProxiedStack(stack, proxy, service, service.documents, service.part(Registrations))
    finally:
        stack.stop()
        proxy.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files; mark the tests that start emulators, so that `make quick` can leave them out."""
    items.sort(key=lambda item: item.path.name not in _LONG)
    for item in items:
        if "_stack" in getattr(item, "fixturenames", ()):
            item.add_marker("emulators")


def pytest_sessionfinish(exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(_LAYOUT.home, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _LAYOUT.home.exists():
        terminalreporter.write_line(f"Logs of the test stack: {_LAYOUT.home / 'logs'}")
