"""The commands of a page, and a shell that runs them as a stranger does.

A block that begins with ```` ```sh ```` runs, in the order of the page and after `source .local/env`. A block
```` ```text ```` right after it is what it prints; `…` is any text, a line of `…` any lines. Marks after `sh`:

- `cloud`: needs a deployment. Its form is checked.
- `dry`: a developer's command that takes long or does not end. Its form is checked; other tests and CI run it.
- `fails`: its last command ends with status 1.
"""

import re
import shlex
import subprocess
import tempfile
import textwrap
import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from typer.exceptions import TyperException

from tests.docs.mentions import MAKEFILE
from tests.support.commands import all_commands

MARKS = {"", "cloud", "dry", "fails"}
#: These are about deployments as a whole.
CLOUD_PAGES = {"docs/deploy.md", "docs/restore.md", "docs/rollback.md"}
_PROGRAMS = r"(?:psr|make|nox|gcloud|terraform|curl|openssl|git|npx|python3?|\.venv/bin/\S+|source|export)"
_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*) *(?P<mark>.*?)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_ENDED, _PATIENCE = "the block has ended", 120


class Block(NamedTuple):
    """Commands of a page, with what they print if the page shows it."""

    commands: str
    mark: str = ""
    shown: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of commands. Raises `AssertionError` for a mark that does not exist."""
    fences = list(_FENCE.finditer(page.read_text(encoding="utf-8")))
    for fence, following in zip(fences, [*fences[1:], None], strict=False):
        if fence["language"] == "sh":
            assert fence["mark"] in MARKS, f"{page.name}: sh {fence['mark']}"
            shown = following["text"] if following and following["language"] == "text" else ""
            yield Block(textwrap.dedent(fence["text"]), fence["mark"], textwrap.dedent(shown))


def unmarked(page: Path) -> list[str]:
    """Commands in blocks that do not say that they are commands."""
    text = page.read_text(encoding="utf-8")
    others = [fence["text"] for fence in _FENCE.finditer(text) if fence["language"] in ("", "bash", "console")]
    # Four spaces after a blank line make a block, too.
    indented = re.findall(r"(?<=\n\n)(?: {4,}.*\n)+", _FENCE.sub("", text))
    lines = [line.strip() for block in [*others, *indented] for line in block.splitlines()]
    return [line for line in lines if re.match(rf"{_PROGRAMS} \S", line)]


def inline_commands(page: Path) -> list[str]:
    """Each `psr …` in the sentences and tables of a page."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(found.split()) for found in re.findall(r"`(psr [a-z][^`]*)`", text)]


def faults(commands: str) -> Iterator[str]:
    """The faults in the form of commands that do not run here."""
    checked = subprocess.run(("bash", "-n"), input=commands, capture_output=True, text=True, check=False)
    if checked.returncode:
        yield checked.stderr
    for line in commands.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if "psr" in words[:1]:
            yield from wrong_usage(line)
        if "make" in words[:1]:
            targets = [word for word in words[1:] if "=" not in word]
            yield from (f"make {target}" for target in targets if not _is_target(target))
        if "-m" in words and find_spec(words[words.index("-m") + 1]) is None:
            yield line


def wrong_usage(line: str) -> list[str]:
    """The faults that `psr` refuses before it does anything: an unknown command or option, a value of another form.

    A sentence may name a command without what it takes.
    """
    words = shlex.split(line, comments=True)[1:]
    if any(name[: len(words)] == tuple(words) for name in all_commands()):
        return []
    return refusals(line)


def refusals(line: str) -> list[str]:
    """Why `psr` would not run this, as it is."""
    words = shlex.split(line, comments=True)[1:]
    commands: Mapping[tuple[str, ...], Any] = all_commands()
    found = [length for length in range(1, len(words) + 1) if tuple(words[:length]) in commands]
    if not found:
        return [f"{line}: no such command"]
    name, arguments = words[: found[0]], [_EXAMPLES.get(word, word) for word in words[found[0] :]]
    try:
        commands[tuple(name)].make_context(name[-1], arguments)
    except TyperException as error:
        return [f"{line}: {error}"]
    return []


#: Values for the words of the pages that have a form of their own.
_EXAMPLES = {"DAY": "2026-11-23", "FILE": str(MAKEFILE), "PEM": str(MAKEFILE), "customers.ndjson": str(MAKEFILE)}


def _is_target(name: str) -> bool:
    text = MAKEFILE.read_text(encoding="utf-8").replace("$(VENV)", ".venv")
    return re.search(rf"^{re.escape(name)}:", text, re.MULTILINE) is not None


def missing_line(shown: str, output: str) -> str | None:
    """The first shown line that the output does not have, after those before it. Spaces are alike."""
    printed = iter([" ".join(line.split()) for line in output.splitlines()])
    for line in filter(None, (" ".join(line.split()) for line in shown.splitlines())):
        pattern = ".*".join(map(re.escape, line.split("…")))
        if not any(re.fullmatch(pattern, candidate) for candidate in printed):
            return line
    return None


class Shell:
    """A shell in the folder of the repository that is part of the running stack."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._script = Path(tempfile.mkdtemp(prefix="psr-walk-"), "block")
        self._process = subprocess.Popen(
            ["bash", "-o", "pipefail"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self("source .local/env")

    def __call__(self, commands: str, *, fails: bool = False) -> str:
        """The output of commands. Raises `AssertionError` at the first that fails, or if the last does not fail."""
        status, output = self.run(commands if fails else f"set -e\n{commands}\nset +e")
        assert status == int(fails), f"status {status}\n{commands}\n{output}"
        return output

    def run(self, commands: str) -> tuple[int, str]:
        """The status and the output of commands. After `set -e` a failure also ends the shell."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        self._script.write_text(commands, encoding="utf-8")
        process.stdin.write(f"source {self._script} </dev/null; printf '\\n%s %s\\n' '{_ENDED}' $?\n")
        process.stdin.flush()
        lines: list[str] = []
        late = threading.Timer(_PATIENCE, process.kill)
        late.start()
        try:
            for line in process.stdout:
                if line.startswith(_ENDED):
                    return int(line.split()[-1]), "".join(lines)
                lines.append(line)
        finally:
            late.cancel()
        return process.wait(), "".join(lines)

    def close(self) -> None:
        """End the shell."""
        self._process.communicate()
        self._script.unlink()
        self._script.parent.rmdir()
