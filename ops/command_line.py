"""The commands of `psr`. A command's module is imported only when the command is used."""

from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

#: By name: where the command is, and the line that `psr --help` shows.
COMMANDS = {
    "doctor": ("ops.doctor.command:doctor", "Check a deployment, or the local stack, from end to end."),
    "events": ("ops.events:app", "Publish an event, once it keeps the contract."),
    "export": ("ops.export:app", "Show, verify, release, revise and resend the daily export."),
    "local": ("tools.local.commands:app", "Run the whole service on this machine, with real emulators."),
    "migrate": ("ops.migrate:app", "Migrate customers from an old platform."),
    "needs": ("ops.needs:app", "List who to contact: ending needs, reviews and follow-ups."),
    "quarantine": ("ops.quarantine:app", "List, show, replay and discard messages that failed."),
    "release": ("ops.release:app", "Build, upload, plan and apply releases."),
    "report": ("ops.report:report", "Count the figures for the regulator in a period."),
    "schedule": ("ops.schedule:app", "List, run, pause and resume the scheduled jobs."),
    "subject": ("ops.subject:app", "Export or erase what the register holds about one person."),
    "terraform": (
        "ops.terraform:terraform",
        "Run Terraform with an environment's values and state.",
    ),
}

_app = typer.Typer(
    name="psr",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: options without a value show none, and a pipe gets no boxes
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 failed (the last line says why), 2 typed wrong, 130 interrupted.",
)


@_app.callback()
def _psr() -> None:
    """Operate the Priority Services Register."""


class LazyCommand(TyperCommand):
    """Stands for a command until it is used. Help lists it without importing its module."""

    def __init__(self, name: str, place: str, summary: str) -> None:
        super().__init__(name=name, help=summary)
        self._name = name
        self._place = place

    def load(self) -> Any:
        """Import the command."""
        module, _, attribute = self._place.partition(":")
        found = getattr(import_module(module), attribute)
        parent = typer.Typer(rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=self._name, help=self.help)
        else:
            parent.command(self._name)(found)
        return get_group(parent).commands[self._name]

    def make_context(self, *arguments: Any, **extra: Any) -> Any:
        """The context of the loaded command, which then runs instead of this one."""
        return self.load().make_context(*arguments, **extra)


def command_line() -> TyperGroup:
    """`psr`, whole."""
    group = cast("TyperGroup", get_command(_app))
    for name, (place, summary) in COMMANDS.items():
        group.add_command(LazyCommand(name, place, summary))
    return group
