"""The local stack: starts, watches and stops the emulators, the gateway and every function."""

import contextlib
import json
import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from shared.clock import SimulatedClock
from shared.runtime.manifest import read_manifests
from shared.runtime.status import STATUS_PATH
from shared.settings import PREFIX
from tools.errors import CommandError
from tools.local.emulators import SOURCES, firestore_command, pubsub_command, read_sources, storage_command
from tools.local.issuer import token_from
from tools.local.layout import BUCKET, QUARANTINE_BUCKET, Layout, child_environment, make_signing_key, start_clock
from tools.local.processes import LOOPBACK, Child, answers, end_all, reports
from tools.local.wiring import make_jobs, make_subscriptions, make_topics_and_buckets
from tools.places import COMMANDS, FUNCTIONS, ROOT

#: Serves the function in the current folder, as in production.
SERVE = (sys.executable, "-m", "functions_framework", "--target", "main", "--source", "main.py")
_LOOKS_EVERY_SECONDS = 0.25


class Stack:
    """One local stack in the folder of its layout. `crons` False makes the scheduled jobs, but paused."""

    def __init__(self, layout: Layout, console: Console, sources: Path = SOURCES, *, crons: bool = True) -> None:
        self.layout = layout
        self._console = console
        self._sources = sources
        self._crons = crons
        self._children: dict[str, Child] = {}
        self._sockets = Path(tempfile.mkdtemp(prefix="psr-"))
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The front door."""
        return self.layout.url

    @property
    def clock(self) -> SimulatedClock:
        """The clock of every process of the stack."""
        return self.layout.clock

    @property
    def exports(self) -> Path:
        """The exports' bucket, objects as plain files."""
        return self.layout.home / BUCKET

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.layout.home / "logs"

    def function_url(self, name: str) -> str:
        """A function's own address."""
        return self.layout.function_url(name)

    def token(self, kind: str, **claims: str | int | list[str]) -> str:
        """An access token for an `agent`, `network` or `customer`, with claims as `/dev/token` takes them."""
        return token_from(self.layout.issuer, kind, **claims)

    def start(self) -> None:
        """Start everything, and return when it serves. Raises `CommandError`; nothing is left running then."""
        self._refuse_port_in_use()
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.stop)
            self._start(self._emulators())
            self._start(self._services())
            self._wire_emulators()
            self._wire_services()
            on_failure.pop_all()

    def start_emulators(self) -> None:
        """Start the emulators only, with topics and buckets. Raises `CommandError`."""
        self._start(self._emulators())
        self._wire_emulators()

    def start_services(self) -> None:
        """Start gateway and functions on emulators that run. Raises `CommandError`."""
        self._refuse_port_in_use()
        self._start(self._services())
        self._wire_services()

    def stop(self) -> None:
        """Stop all that was started, and nothing else."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join()
        end_all(list(self._children.values()))
        self._children.clear()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def kill(self, name: str) -> None:
        """Kill a process as a crash would; it stays away until `restart`."""
        self._children[name].kill()

    def restart(self, name: str) -> None:
        """Start a process again and return when it serves."""
        child = self._children[name]
        child.end()
        child.start()
        child.wait_until_ready()

    def keep_running(self) -> None:
        """From now on restart each function that ends, as Cloud Run does, until the stack stops."""
        self._watcher = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._watcher.start()

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOKS_EVERY_SECONDS):
            for child in [self._children[name] for name in self.layout.functions]:
                if child.restart_if_due(time.monotonic()):
                    self._write_processes()

    def _start(self, children: list[Child]) -> None:
        """Start processes, all at the same time. Raises `CommandError` if a port is in use."""
        for child in children:
            if answers(child.port):
                raise CommandError(
                    f"port {child.port} on {LOOPBACK} was free and is now in use, "
                    f"so {child.name} cannot start: try again"
                )
            self._children[child.name] = child
            child.start()
        self._write_processes()

    def _emulators(self) -> list[Child]:
        """Those that are not running already."""
        self._prepare_home()
        sources = read_sources(self._sources)
        ports = {name: int(host.rpartition(":")[2]) for name, host in self.layout.emulators.items()}
        commands: dict[str, Callable[[], list[str]]] = {
            "firestore": lambda: firestore_command(ports["firestore"], sources, self._console),
            "pubsub": lambda: pubsub_command(ports["pubsub"], sources, self._console),
            "storage": lambda: storage_command(ports["storage"], self.layout.home),
        }
        return [
            self._child(name, command(), ports[name], self.layout.home)
            for name, command in commands.items()
            if name not in self.layout.running
        ]

    def _prepare_home(self) -> None:
        """Empty buckets, no logs of an earlier run, and what others need to find this one."""
        home = self.layout.home
        for name in (BUCKET, QUARANTINE_BUCKET, "logs"):
            shutil.rmtree(home / name, ignore_errors=True)
        home.mkdir(parents=True, exist_ok=True)
        start_clock(self.layout)
        make_signing_key(self.layout)
        self.layout.file.write_text(self.layout.model_dump_json(indent=2), encoding="utf-8")
        variables = {**self.layout.environment(), "PSR_URL": self.url}
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
        # `psr`, and the Python and nox of the virtual environment.
        folders = f"{COMMANDS}:{Path(sys.executable).parent}"
        lines.append(f'export PATH={shlex.quote(folders)}:"$PATH"\n')
        (home / "env").write_text("".join(lines), encoding="utf-8")

    def _refuse_port_in_use(self) -> None:
        if answers(self.layout.port):
            raise CommandError(
                f"port {self.layout.port} on {LOOPBACK} is in use: stop what uses it, or choose another with --port"
            )

    def _services(self) -> list[Child]:
        gateway = [sys.executable, "-m", "tools.local.gateway", str(self.layout.file)]
        manifests = read_manifests(FUNCTIONS)
        secrets = {secret for manifest in manifests.values() for secret in manifest.secrets}
        functions = [
            # The production server; `shared` and the files next to main.py are importable, as in a bundle.
            self._child(
                name,
                [*SERVE, "--host", LOOPBACK, "--port", str(port)],
                port,
                FUNCTIONS / name,
                f"{self.layout.function_url(name)}{STATUS_PATH}",
                withheld=[f"{PREFIX}{secret.upper()}" for secret in secrets - set(manifests[name].secrets)],
            )
            for name, port in self.layout.functions.items()
        ]
        return [self._child("gateway", gateway, self.layout.port, ROOT, self.layout.gateway_status), *functions]

    def _child(
        self,
        name: str,
        command: list[str],
        port: int,
        folder: Path,
        status: str | None = None,
        withheld: Sequence[str] = (),
    ) -> Child:
        """One whose `status` page, if it has one, says that it is of this stack. It gets no variable in `withheld`."""
        sockets = self._sockets / name
        sockets.mkdir(exist_ok=True)
        environment = {**child_environment(self.layout), "FUNCTION_USE_ASGI": "true", "XDG_RUNTIME_DIR": str(sockets)}
        environment = {key: value for key, value in environment.items() if key not in withheld}
        identified = partial(reports, status, name, self.layout.project) if status else None
        return Child(name, command, port, self.logs / f"{name}.log", environment, folder, identified)

    def _write_processes(self) -> None:
        """`processes.json`: the process id of everything that runs."""
        running = {name: child.pid for name, child in self._children.items() if child.running}
        (self.layout.home / "processes.json").write_text(json.dumps(running, indent=2), encoding="utf-8")

    def _wire_emulators(self) -> None:
        for name in self.layout.emulators:
            if name in self._children:
                self._children[name].wait_until_ready()
        make_topics_and_buckets(self.layout)

    def _wire_services(self) -> None:
        self._children["gateway"].wait_until_ready()
        make_subscriptions(self.layout)
        make_jobs(self.layout, paused=not self._crons)
        for name in self.layout.functions:
            self._children[name].wait_until_ready()
