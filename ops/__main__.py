"""`psr`, the command line for operators and developers. `bin/psr` runs this module."""

import sys

from ops.command_line import command_line
from shared.settings import SettingsError
from tools.errors import CommandError


def main() -> None:
    """Run the command line. An error that a person can act on becomes one line."""
    try:
        command_line()(prog_name="psr")
    except (CommandError, SettingsError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
