"""Mutation tests of shared/domain: `make mutate` changes one operator at a time, and one of tests/domain has to fail.

mutmut makes the changes (its settings: `[tool.mutmut]` in pyproject.toml). It runs in .local/mutation, among links to
the project's folders. It does not change decorated functions or the constants of a module. Each run is complete: mutmut
would not try a survivor again after a test is added, nor a noticed change after a test is removed.

A change that no test notices is a survivor. survivors.toml explains those that may stay. The run fails if there are
others, if an explained one is noticed by now, or if tests notice fewer changes than `LEAST_NOTICED`.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".local" / "mutation"
EXPLAINED = Path(__file__).with_name("survivors.toml")
LEAST_NOTICED = 0.9
_LINKED = ("functions", "ops", "pyproject.toml", "requirements", "shared", "tests", "tools")
_NOTICED = ("killed", "timeout", "segfault")
_RESULT = re.compile(r"^\s*(?P<name>\S+__mutmut_\d+): (?P<status>.+)$", re.MULTILINE)
_TOKEN = re.compile(r"\w+|\s+|.")
_CONTEXT = 12


class Survivor(NamedTuple):
    """A change that no test notices, in the notation of git's word diff."""

    function: str
    change: str

    def __str__(self) -> str:
        return f"{self.function}: {self.change}"


def main() -> int:
    """Run the mutation tests, and print their result; the result is the command's status."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name in _LINKED:
        (FOLDER / name).symlink_to(ROOT / name)
    try:
        _mutmut("run", "--max-children", str(os.cpu_count() or 1))
    except subprocess.CalledProcessError as failed:
        return failed.returncode
    statuses = {match["name"]: match["status"] for match in _RESULT.finditer(_mutmut("results", "--all", "true"))}
    survivors = Counter(_survivor(name) for name, status in statuses.items() if status not in _NOTICED)
    return _report(len(statuses), survivors)


def _report(count: int, survivors: Counter[Survivor]) -> int:
    """Print what is wrong, and how much the tests notice."""
    known = set(explained())
    unexplained = sorted(str(survivor) for survivor in survivors if str(survivor) not in known)
    noticed_by_now = sorted(known - {str(survivor) for survivor in survivors})
    share = 1 - survivors.total() / count
    for text in unexplained:
        print(f"Survived. Add a case that notices it, or explain it in survivors.toml: {text}")  # noqa: T201
    for text in noticed_by_now:
        print(f"Does not survive any more. Remove it from survivors.toml: {text}")  # noqa: T201
    print(f"{count} changes, {share:.1%} noticed, {survivors.total()} survivors, {len(unexplained)} unexplained")  # noqa: T201
    return int(bool(unexplained or noticed_by_now or share < LEAST_NOTICED))


def explained() -> Iterator[str]:
    """The survivors that may stay."""
    for kind in tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["kind"]:
        yield from kind["survivors"]


def _mutmut(*arguments: str) -> str:
    """The output of a command of mutmut. The run's goes to the terminal."""
    captured = None if arguments[0] == "run" else subprocess.PIPE
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=FOLDER, check=True, text=True, stdout=captured).stdout or ""


def _survivor(name: str) -> Survivor:
    """The change of a mutant: `shared.domain.feed.x_size_of__mutmut_3` is one of `shared.domain.feed.size_of`."""
    module, _, mangled = name.rpartition(".")
    original = re.sub(r"\d+$", "orig", mangled)
    source = FOLDER.joinpath("mutants", *module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    texts = {
        node.name: ast.unparse(node).replace(node.name, "")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name in (mangled, original)
    }
    function = mangled.rpartition("__mutmut_")[0].removeprefix("x").removeprefix("_").strip("ǁ").replace("ǁ", ".")
    return Survivor(f"{module}.{function}", _word_diff(texts[original], texts[mangled]))


def _word_diff(before: str, after: str) -> str:
    """`a [-and-]{+or+} b`: the one place where two texts differ, and what is around it on the line."""
    removed, added, start, end = _difference(before.splitlines(), after.splitlines())
    old, new = (_TOKEN.findall(" ".join(line.strip() for line in lines)) for lines in (removed, added))
    removed, added, start, end = _difference(old, new)
    changed = (f"[-{''.join(removed)}-]" if removed else "") + (f"{{+{''.join(added)}+}}" if added else "")
    return f"{''.join(old[:start][-_CONTEXT:])}{changed}{''.join(old[end:][:_CONTEXT])}".strip()


def _difference(old: list[str], new: list[str]) -> tuple[list[str], list[str], int, int]:
    """The part of one list that another has different, that of the other, and its beginning and end in the first."""
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changed = [block for block in blocks if block[0] != "equal"]
    (_, start, _, added_from, _), (_, _, end, _, added_to) = changed[0], changed[-1]
    return old[start:end], new[added_from:added_to], start, end


if __name__ == "__main__":
    sys.exit(main())
