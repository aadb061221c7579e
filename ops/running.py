"""Run the service's coroutines in a command, and name the operator."""

import asyncio
import os
import pwd
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import google.auth
import typer

from shared.log import writes_entries
from shared.settings import emulator_host, settings
from tools.errors import CommandError, WrongUsage

_Result = TypeVar("_Result")
_CONNECT_SECONDS = 2.0


def run(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a coroutine in a new event loop, inside which the clients are made too. No log entries are written.

    Raises `CommandError` if an emulator of a local stack does not run, and what the coroutine raises.
    """
    settings()
    check_emulators()
    return run_anyway(work)


def run_anyway(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a coroutine as `run` does, also if an emulator does not run."""

    async def inside() -> _Result:
        writes_entries.set(False)
        return await work()

    return asyncio.run(inside())


def check_emulators() -> None:
    """Raises `CommandError` if an emulator of a local stack does not run: a client would wait for it."""
    for name in ("FIRESTORE", "PUBSUB", "STORAGE"):
        address = (emulator_host(name) or "").removeprefix("http://")
        host, _, port = address.rpartition(":")
        if not address:
            continue
        try:
            socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
        except (OSError, ValueError):
            raise CommandError(stack_down(address)) from None


def stack_down(address: str) -> str:
    """What to do if a part of the local stack does not answer."""
    return f"nothing answers at {address}: start the local stack (`make run`), then `source .local/env` again"


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `--yes` was given. Ends the command if the answer is no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUsage(f"{question} Confirm with --yes: there is no terminal to ask on")
    typer.confirm(question, abort=True)


def need_reason(reason: str | None, what: str) -> str:
    """The reason that was given. Raises `WrongUsage` if there is none."""
    if reason is None or not reason.strip():
        raise WrongUsage(f"{what} needs a --reason")
    return reason.strip()


def operator() -> str:
    """The person who runs the command: the account on this machine and, with a real project, that of the credentials.

    Environment variables do not count, since anyone can set them.
    """
    user = f"{_account_of(os.getuid())}@{socket.gethostname()}"
    if emulator_host("FIRESTORE") is not None:
        return user
    credentials, _ = google.auth.default()
    accounts = (getattr(credentials, name, None) for name in ("service_account_email", "account"))
    account = next(filter(None, accounts), None)
    return f"{account} ({user})" if account else user


def _account_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
