"""The operators' command line, run as an operator does, and the names of its commands."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ops.command_line import LazyCommand, command_line
from tests.support.forks import Command, forks


def psr(*arguments: str | Path, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `psr …` in a process of its own, by default in the environment of the test's stack."""
    command = Command(tuple(map(str, arguments)))
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder, "out"), Path(folder, "errors")
        status = forks().start(command, os.environ if environment is None else environment, out, errors).wait()
        return subprocess.CompletedProcess(command.arguments, status, out.read_text("utf-8"), errors.read_text("utf-8"))


@cache
def all_commands() -> dict[tuple[str, ...], Any]:
    """Every command that does something, by its words."""
    return dict(_commands(command_line(), ()))


def unknown_commands(text: str) -> list[str]:
    """The commands that a text names and that do not exist, such as `psr export explode`."""
    named = [tuple(line.split()) for line in re.findall(r"\bpsr ([a-z][a-z-]*(?: [a-z][a-z-]*)*)", text)]
    groups = {words[:length] for words in all_commands() for length in range(1, len(words))}
    starts = [(line, {line[:length] for length in range(1, len(line) + 1)}) for line in named]
    return [" ".join(line) for line, start in starts if line not in groups and not start & all_commands().keys()]


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    loaded = command.load() if isinstance(command, LazyCommand) else command
    inside = getattr(loaded, "commands", None)
    if inside is None:
        yield words, loaded
    else:
        for name, found in inside.items():
            yield from _commands(found, (*words, name))
