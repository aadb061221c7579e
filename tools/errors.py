"""How a command says that it cannot continue."""

import sys
from collections.abc import Callable

from shared.data import TableError
from shared.runtime.manifest import ManifestError
from shared.settings import SettingsError

NO_CREDENTIALS = "Google Cloud does not know you: `gcloud auth application-default login`"


class CommandError(Exception):
    """Ends the command with status 1. The message says what is true, and what to do next."""


def run_command(command: Callable[[], object]) -> None:
    """Run a command. An error that a person can act on ends it with status 1 and the message instead of a traceback."""
    try:
        command()
    except (CommandError, ManifestError, SettingsError, TableError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)
