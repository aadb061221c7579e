"""The result of a check."""

from typing import NamedTuple


class Result(NamedTuple):
    """`said` is what was looked at, in one line; or, where that is `unchecked`, why not."""

    said: str
    findings: list[str]
    unchecked: bool = False
