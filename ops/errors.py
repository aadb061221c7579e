"""How a command says that it cannot go on."""


class CommandError(Exception):
    """One line for whoever ran the command: what is true, and what to do next. The command ends with status 1."""
