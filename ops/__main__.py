"""`python -m ops`: every command for operators and developers, one group per module."""

import sys

import typer

from ops.doctor.command import doctor
from ops.export import app as export
from ops.migrate import app as migrate
from ops.needs import app as needs
from ops.quarantine import app as quarantine
from ops.release import app as release
from ops.report import report
from ops.schedule import app as schedule
from ops.subject import app as subject
from shared.settings import SettingsError
from tools.errors import CommandError
from tools.local.commands import app as local

app = typer.Typer(
    name="ops", help="Operate the Priority Services Register.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(export, name="export")
app.add_typer(local, name="local")
app.add_typer(migrate, name="migrate")
app.add_typer(needs, name="needs")
app.add_typer(quarantine, name="quarantine")
app.add_typer(release, name="release")
app.add_typer(schedule, name="schedule")
app.add_typer(subject, name="subject")
app.command()(doctor)
app.command()(report)


def main() -> None:
    """Run the command line. What cannot be done is told in one line."""
    try:
        app()
    except (CommandError, SettingsError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
