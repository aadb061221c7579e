"""The findings of checks: one line each."""

from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """The outcome of a check. `not checked`: it could not find out, for the reason given."""

    OK = "ok"
    FAILING = "failing"
    NOT_CHECKED = "not checked"


class Finding(NamedTuple):
    """A sentence that says what is true and, if something is wrong, what to do next.

    `runbook` is a page of docs/runbooks.
    """

    check: str
    state: State
    says: str
    runbook: str | None = None

    @property
    def line(self) -> str:
        """The sentence, and the runbook."""
        return f"{self.says} (docs/runbooks/{self.runbook}.md)" if self.runbook else self.says


def ok(check: str, says: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, State.OK, says)


def failing(check: str, says: str, runbook: str | None = None) -> Finding:
    """Something is wrong."""
    return Finding(check, State.FAILING, says, runbook)


def not_checked(check: str, says: str) -> Finding:
    """The check could not find out."""
    return Finding(check, State.NOT_CHECKED, says)
