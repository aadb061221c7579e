"""Tables that a test changes."""

from collections.abc import Callable

#: Changes a table: its file's name, and a function from its text to another.
Tables = Callable[[str, Callable[[str], str]], None]

BASES = "explicit_consent substantial_public_interest vital_interests"


def partner(codes: str = "all", bases: str = BASES, route: str = "every") -> str:
    """A row of a recipient that gets a CSV."""
    return f"outage partner,restoration,mpan,{route},PART,PP,partner,csv,{codes},{bases}\n"
