"""`psr`, the command line for operators and developers. `bin/psr` runs this module."""

from ops.command_line import command_line
from tools.errors import run_command


def main() -> None:
    """Run the command line."""
    run_command(lambda: command_line()(prog_name="psr"))


if __name__ == "__main__":
    main()
