"""How a command says that it cannot go on."""

NO_CREDENTIALS = "Google Cloud does not know you: `gcloud auth application-default login`"


class CommandError(Exception):
    """One line for whoever ran the command: what is true, and what to do next. The command ends with status 1."""
