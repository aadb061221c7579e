"""Lock files: `requirements/*.txt`, of which every line pins one version and says the hashes of its files."""

import re
from typing import NamedTuple

from packaging.markers import Marker
from packaging.utils import NormalizedName, canonicalize_name

from tools.errors import CommandError

_LINE = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.!+-]+)(?P<marker> ; (?:(?!--).)+?)?(?: --hash=sha256:[0-9a-f]{64})+"
)


class Pin(NamedTuple):
    """One version of a package, and where it is installed (a marker, empty for everywhere)."""

    name: NormalizedName
    version: str
    marker: str = ""

    def applies(self, environment: dict[str, str] | None = None) -> bool:
        """Whether an environment installs it: this one, where none is given."""
        return not self.marker or Marker(self.marker).evaluate(environment)


def read_lock(text: str) -> list[Pin]:
    """What a lock file installs. Raises `CommandError` for a line that is not one version with hashes."""
    pins = []
    for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines():
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise CommandError(f"not one version with its hashes: {line.partition(' --hash')[0]}")
        pins.append(
            Pin(canonicalize_name(found["name"]), found["version"], (found["marker"] or "").removeprefix(" ; "))
        )
    return pins
