"""Lock files: `requirements/*.txt`, in which every entry pins one version and states the hashes of its files."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from tools.errors import CommandError

_ENTRY = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.!+-]+)(?P<marker> ; (?:(?!--).)+?)?(?: --hash=sha256:[0-9a-f]{64})+"
)
#: uv's note: the packages and the files (`-r`, `-c`) that ask for a package.
_VIA = re.compile(r"^    # via (.*)\n", re.MULTILINE)


class Pin(NamedTuple):
    """One version of a package, and where it is installed (a marker, empty for everywhere).

    `via` names the packages that ask for it, if the lock file notes them. `text` is the entry without that note.
    """

    name: NormalizedName
    version: str
    marker: str = ""
    via: frozenset[NormalizedName] = frozenset()
    text: str = ""

    def applies(self, environment: dict[str, str] | None = None) -> bool:
        """Whether an environment installs it: this one, where none is given."""
        return not self.marker or Marker(self.marker).evaluate(environment)


def read_lock(text: str) -> list[Pin]:
    """The entries of a lock file. Raises `CommandError` for an entry that is not one version with hashes."""
    whole = "".join(line for line in text.splitlines(keepends=True) if line.strip() and not line.startswith("#"))
    return [_pin(entry) for entry in re.split(r"^(?=\S)", whole, flags=re.MULTILINE) if entry]


def closure(pins: Iterable[Pin], roots: Iterable[str]) -> list[Pin]:
    """The entries that packages need: their own, and of everything that they ask for, directly or not.

    Raises `CommandError` if the lock file lacks one of `roots`.
    """
    pins = list(pins)
    needed = {canonicalize_name(root) for root in roots}
    if missing := needed - {pin.name for pin in pins}:
        raise CommandError(f"not locked: {', '.join(sorted(missing))}. Add it to the .in file, and run: make lock")
    found: set[NormalizedName] = set()
    while found != needed:
        found = set(needed)
        needed |= {pin.name for pin in pins if pin.via & found}
    return [pin for pin in pins if pin.name in needed]


def asked(path: Path) -> list[Requirement]:
    """What an .in file names, and what the files name that it includes. Raises `CommandError`."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            found += asked(path.with_name(line.removeprefix("-r ").strip()))
        elif line and not line.startswith("#"):
            try:
                found.append(Requirement(line))
            except InvalidRequirement:
                raise CommandError(f"{path.name}: not a requirement: {line}") from None
    return found


def included(path: Path) -> set[str]:
    """The names of the .in files that an .in file includes."""
    return set(re.findall(r"^-r (.*)\.in$", path.read_text(encoding="utf-8"), re.MULTILINE))


def _pin(entry: str) -> Pin:
    via = {name for note in _VIA.findall(entry) for name in note.split(", ") if not name.startswith("-")}
    text = _VIA.sub("", entry)
    line = re.sub(r"\s*\\\n\s*", " ", text).rstrip("\n")
    found = _ENTRY.fullmatch(line)
    if found is None:
        raise CommandError(f"not one version with its hashes: {line.partition(' --hash')[0]}")
    return Pin(
        canonicalize_name(found["name"]),
        found["version"],
        (found["marker"] or "").removeprefix(" ; "),
        frozenset(map(canonicalize_name, via)),
        text,
    )
