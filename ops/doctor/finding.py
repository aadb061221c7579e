"""The findings of checks: one line each, or one for several that are alike."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The outcome of a check. `not checked`: it could not find out, for the reason given."""

    OK = "ok"
    FAILING = "failing"
    NOT_CHECKED = "not checked"


class Finding(NamedTuple):
    """A sentence that says what is true and, if something is wrong, what to do next.

    `runbook` is a page of docs/runbooks. The sentence is about the function `of`, if that is named.
    """

    check: str
    state: State
    says: str
    runbook: str | None = None
    of: str | None = None

    @property
    def line(self) -> str:
        """The sentence with its function, and the runbook."""
        return line_of([self])


def line_of(alike: Sequence[Finding]) -> str:
    """One line for findings that say the same of several functions."""
    says, functions = alike[0].says, [finding.of for finding in alike if finding.of]
    if len(functions) == 1:
        says = f"{functions[0]} {says}"
    elif functions:
        says = f"{len(functions)} functions: each {says}: {', '.join(functions)}"
    pages = sorted({f"docs/runbooks/{finding.runbook}.md" for finding in alike if finding.runbook})
    return f"{says} ({', '.join(pages)})" if pages else says


def ok(check: str, says: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, says)


def failing(check: str, says: str, runbook: str | None = None, of: str | None = None) -> Finding:
    """Something is wrong."""
    return Finding(check, State.FAILING, says, runbook, of)


def not_checked(check: str, says: str, of: str | None = None) -> Finding:
    """The check could not find out."""
    return Finding(check, State.NOT_CHECKED, says, of=of)
