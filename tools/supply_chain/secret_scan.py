"""Secrets in tracked files, and in every line that the history of git ever added."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.scan import scan_diff, scan_file
from detect_secrets.settings import default_settings

from tools.supply_chain.result import Result

_NOT_USED = (
    # A comment next to the line would let it pass without a reason, and lines of the past cannot have one.
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    # It leaves out what is not on the disk: files of the past.
    "detect_secrets.filters.common.is_invalid_file",
)
#: Their lines are matched whole (`tools/locks.py`, npm): there is no room for a secret, and half of all text is theirs.
_NOT_LOCK_FILES = (".", ":!requirements/*.txt", ":!tests/clients/package-lock.json")


def check(root: Path, not_secrets: Mapping[str, str]) -> Result:
    """Look through a repository. `not_secrets` has the reason why a value may be there. Values are never shown."""
    with default_settings() as settings:
        settings.disable_filters(*_NOT_USED)
        found = {(secret.filename, secret.type, secret.secret_value) for secret in _everywhere(root)}
    findings = [f"{place}: {kind}" for place, kind, value in sorted(found) if value not in not_secrets]
    commits = _git(root, "rev-list", "--all", "--count").strip()
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        history = f"the {commits} commits of a shallow clone (git fetch --unshallow gets the rest)"
    else:
        history = f"all {commits} commits"
        used = {value for _, _, value in found}
        findings += [
            f"pyproject.toml: not found any more: {why}" for value, why in not_secrets.items() if value not in used
        ]
    return Result(f"tracked files and {history}", sorted(set(findings)))


def _everywhere(root: Path) -> Iterator[PotentialSecret]:
    for name in filter(None, _git(root, "ls-files", "-z", *_NOT_LOCK_FILES).split("\0")):
        for secret in scan_file(str(root / name)):
            secret.filename = name
            yield secret
    log = ("log", "--all", "--patch", "--unified=0", "--format=", "--diff-merges=first-parent", "--no-ext-diff")
    for secret in scan_diff(
        _git(root, *log, "--no-color", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--", *_NOT_LOCK_FILES)
    ):
        secret.filename = f"{secret.filename} (history)"
        yield secret


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")
