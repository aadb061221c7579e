"""Find what a page mentions and what does not exist: commands, settings, log events, files, headings, resources."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shared.log import Event
from shared.settings import PREFIX, Settings
from tests.support.commands import unknown_commands
from tools.places import ROOT

MAKEFILE, NOXFILE = ROOT / "Makefile", ROOT / "noxfile.py"
#: Folders that `make run` or a build writes, so they are in no commit.
_MADE = ("dist/", ".local/", ".venv/")
_PATH = r"`([\w.*-]+(?:/[\w.*-]+)*/?)`"


def dead_mentions(text: str, page: Path) -> list[str]:
    """Everything that a page mentions and that does not exist, each with what it was taken for."""
    return [
        *(f"command: psr {name}" for name in unknown_commands(text)),
        *(f"make target: {name}" for name in sorted(_found(r"`make ([a-z]+)\b", text) - _targets())),
        *(f"nox session: {name}" for name in sorted(_found(r"\bnox -s ([a-z]+)", text) - _sessions())),
        *(f"name: {name}" for name in sorted(_found(r"`([A-Z]+(?:_[A-Z0-9]+)+)\b", text)) if not _named(name)),
        *(f"resource: {name}" for name in sorted(_found(r"`(google_\w+\.\w+)", text) - _resources())),
        *(f"file: {name}" for name in sorted(_found(_PATH, text)) if _is_path(name) and not _exists(name)),
        *(f"link: {target}" for target in _dead_links(text, page)),
    ]


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _found(pattern: str, text: str) -> set[str]:
    return set(re.findall(pattern, text))


def _dead_links(text: str, page: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        path = page.parent / place if place else page
        if not path.exists() or (anchor and anchor not in headings(path)):
            yield target


def _named(name: str) -> bool:
    """A log event, or a name that the code or its configuration has."""
    return name in Event.__members__ or name in _code()


def _is_path(name: str) -> bool:
    """Whether a text in backticks is a place in the repository."""
    first = name.partition("/")[0]
    return not name.startswith(_MADE) and (("/" in name and first in _top()) or name in _files_named(name))


def _files_named(name: str) -> set[str]:
    return {name} if re.fullmatch(r"[A-Z]+\.md|Makefile|noxfile\.py|cloudbuild\.yaml|pyproject\.toml", name) else set()


def _exists(name: str) -> bool:
    return any(ROOT.glob(re.sub(r"\d{4}-\d\d-\d\d", "*", name.rstrip("/"))))


@cache
def _top() -> set[str]:
    return {place.partition("/")[0] for place in _tracked() if "/" in place}


@cache
def _tracked() -> list[str]:
    done = subprocess.run(("git", "ls-files"), cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@cache
def _code() -> set[str]:
    """Every name in capitals in code and configuration."""
    sources = [ROOT / place for place in _tracked() if re.search(r"^(?!tests/).*\.(py|tf|yaml)$", place)]
    names = set().union(*(_found(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b", path.read_text()) for path in sources if path.exists()))
    return names | {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


@cache
def _resources() -> set[str]:
    return {
        f"{kind}.{name}"
        for path in (ROOT / "terraform").rglob("*.tf")
        for kind, name in re.findall(r'^(?:resource|data) "(\w+)" "(\w+)"', path.read_text(), re.MULTILINE)
    }


@cache
def _targets() -> set[str]:
    return _found(r"(?m)^([a-z]+):", MAKEFILE.read_text())


@cache
def _sessions() -> set[str]:
    return _found(r"(?m)^def ([a-z]+)\(session", NOXFILE.read_text())
