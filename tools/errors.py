"""How a command says that it cannot continue."""

import sys
from collections.abc import Callable

from shared.data import TableError
from shared.runtime.manifest import ManifestError
from shared.settings import SettingsError


class CommandError(Exception):
    """Ends the command with `status`. The message says what is wrong, and what to do next."""

    status = 1


class WrongUsage(CommandError):
    """The command was typed wrong: repeating it as it is has the same result."""

    status = 2


def run_command(command: Callable[[], object]) -> None:
    """Run a command. An error that a person can act on ends it with its status and the message, without a traceback."""
    try:
        command()
    except (CommandError, ManifestError, SettingsError, TableError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(problem.status if isinstance(problem, CommandError) else 1)
