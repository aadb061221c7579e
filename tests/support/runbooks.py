"""The runbooks, and the commands that they may name."""

from tools.places import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"


def commands(group: object, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Every command of the command line, as words."""
    inside = getattr(group, "commands", None)
    if inside is None:
        return {path}
    return set().union(*(commands(command, (*path, name)) for name, command in inside.items()))
