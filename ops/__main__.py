"""`psr`, the command line for operators and developers. `bin/psr` runs this module."""

from ops.command_line import command_line
from tools.errors import CommandError, run_command


def main() -> None:
    """Run the command line. An error that an operator can act on ends it with one line."""
    run_command(_command_line)


def _command_line() -> None:
    try:
        command_line()(prog_name="psr")
    except CommandError:
        raise
    except Exception as error:
        from ops.failures import sentence_of  # noqa: PLC0415 - slow to import, and rarely needed

        sentence = sentence_of(error)
        if sentence is None:
            raise
        raise CommandError(sentence) from None


if __name__ == "__main__":
    main()
