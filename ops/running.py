"""Run the service's coroutines in a command, and name the operator."""

import asyncio
import os
import pwd
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import google.auth
from google.auth.exceptions import GoogleAuthError

from shared.domain.export_day import ExportStopped
from shared.errors import Problem
from shared.settings import emulator_host
from tools.errors import NO_CREDENTIALS, CommandError

_Result = TypeVar("_Result")


def run(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """Run a coroutine in a new event loop, inside which the clients are made too.

    Raises `CommandError`, which says in one line what cannot be done.
    """

    async def inside() -> _Result:
        return await work()

    try:
        return asyncio.run(inside())
    except ExportStopped as stopped:
        raise CommandError(stopped.sentence) from None
    except Problem as problem:
        raise CommandError(f"{named(problem)}: {problem.detail}") from None
    except GoogleAuthError:
        raise CommandError(NO_CREDENTIALS) from None


def named(problem: Problem) -> str:
    """A problem's title, and the kind of error that it came from, if from any."""
    return f"{problem.title} ({type(problem.__cause__).__name__})" if problem.__cause__ else problem.title


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
