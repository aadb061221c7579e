"""Log events and problems of the code, read from its syntax trees."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shared.errors import Problem
from shared.log import Event
from tools.places import ROOT

#: Everything that is deployed.
SOURCES = [path for folder in ("shared", "functions") for path in sorted((ROOT / folder).rglob("*.py"))]


def log_calls(path: Path) -> list[ast.Call]:
    """Every call of `log` in a file."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "log"]


@cache
def events_logged(path: Path) -> set[Event]:
    """The events that a file logs."""
    events = (call.args[0] for call in log_calls(path))
    return {Event[event.attr] for event in events if isinstance(event, ast.Attribute)}


def problems_raised() -> set[str]:
    """The codes of the problems that some code raises or answers with."""
    named = {
        node.id
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and path.name != "errors.py"
    }
    return {problem.code for problem in _all(Problem) if problem.__name__ in named and hasattr(problem, "code")}


def _all(base: type[Problem]) -> Iterator[type[Problem]]:
    for problem in base.__subclasses__():
        yield problem
        yield from _all(problem)
