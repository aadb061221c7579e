"""`psr local`: the local stack's commands."""

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.clock import LONDON, SimulatedClock
from shared.settings import emulator_host
from tools.errors import CommandError
from tools.local.emulators import SOURCES
from tools.local.layout import PAGES, new_layout, running_layout
from tools.local.stack import Stack
from tools.local.tour import Tour
from tools.places import ROOT

app = typer.Typer(no_args_is_help=True)

_INTERRUPTED = 130
NEXT = """
The service runs until Ctrl-C. In a browser:
  {url}/      the register: its figures, and what to try
  {url}/docs  the API: every operation, to call from the page
  {pages}/      the pages: register as a customer, work as an agent
In another shell:
  source {env}  # makes the shell part of this stack
  psr doctor       # checks the stack from end to end
  psr local clock  # shows its time; docs/local.md has an example with events and later days"""


@app.callback()
def local() -> None:
    """The whole service on this machine, with real emulators."""


@app.command()
def run(
    port: Annotated[int, typer.Option(help="Port of the front door; 0 takes a free one.", min=0, max=65535)] = 8080,
    home: Annotated[Path, typer.Option(help="Folder for everything that the stack leaves.")] = ROOT / ".local",
    emulators: Annotated[
        Path, typer.Option(envvar="PSR_EMULATORS", help="File that says where the emulators are fetched from.")
    ] = SOURCES,
    *,
    leave: Annotated[bool, typer.Option("--exit", help="End after the tour.")] = False,
) -> None:
    """Start the local stack, show the main job, stay up until Ctrl-C."""
    console = Console()
    for stop in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(stop, _interrupt)
    with _alone(home):
        running = {"firestore": emulator_host("FIRESTORE"), "pubsub": emulator_host("PUBSUB")}
        stack = Stack(new_layout(home, running, port or None), console, emulators)
        try:
            with console.status("Starting the emulators, the functions and the front door"):
                stack.start()
            _show(stack, console)
            if not leave:
                _stay_up(stack, console)
        except KeyboardInterrupt:
            raise typer.Exit(_INTERRUPTED) from None
        finally:
            for stop in (signal.SIGINT, signal.SIGTERM):
                signal.signal(stop, signal.SIG_IGN)
            with console.status("Stopping"):
                stack.stop()


@app.command()
def clock(
    to: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
            help="Move the clock forward to this London time.",
        ),
    ] = None,
    stack: Annotated[Path, typer.Option(envvar="PSR_STACK", help="The stack's file, which the stack writes.")] = ROOT
    / ".local"
    / "stack.json",
) -> None:
    """Show the time of the local stack, or move it forward.

    Jobs that are then due run at once, each for its last time. Only a local stack has a clock that can be moved.
    """
    simulated = running_layout(stack).clock
    if to is not None:
        try:
            simulated.jump_to(to.replace(tzinfo=LONDON))
        except ValueError:
            raise CommandError(f"the stack's clock only moves forward, and shows {_time(simulated)}") from None
    print(_time(simulated))


def _time(simulated: SimulatedClock) -> str:
    """London time with its offset, as an event can have it."""
    return simulated.now().astimezone(LONDON).isoformat(timespec="seconds")


def _show(stack: Stack, console: Console) -> None:
    """The tour reads Firestore in this process, which so becomes part of the stack."""
    stack.keep_running()
    os.environ.update(stack.layout.environment())
    asyncio.run(Tour(stack, console).run())


def _stay_up(stack: Stack, console: Console) -> None:
    env = min(str(stack.layout.home / "env"), os.path.relpath(stack.layout.home / "env"), key=len)
    console.print(NEXT.format(url=stack.url, pages=stack.function_url(PAGES), env=env), soft_wrap=True, highlight=False)
    with suppress(KeyboardInterrupt):
        signal.pause()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the folder, so that two stacks never share one. Raises `CommandError`."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CommandError(f"a local stack already runs in {home}; stop it, or choose another --home") from None
        yield
